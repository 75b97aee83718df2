// The training monitor: curves and predictions of the running training, and the list of finished runs.
const FLOORS = [98, 95, 90, 80, 50, 0]; // where the accuracy axis may start
const DECADES = [1, 0.1, 0.01, 0.001, 0.0001]; // of the loss axis
const SAMPLE_SIZE = 24; // test digits
let runs = []; // finished ones, newest first
let selected = []; // keys of at most two runs whose curves are shown
let current = null; // the running training, or the last one if it gave no run
let drawingBefore = ''; // what the last prediction of the drawing was

const drawLossChart = makeChart(find('.loss'), 'epoch 0');
const drawAccuracyChart = makeChart(find('.accuracy'), 'epoch 0');

function showCurves() {
  const shown = selected.map((key) => runs.find((run) => run.key === key));
  if (current?.curves && !selected.includes(current.key)) shown.unshift(current);
  const epochs = Math.max(1, ...shown.map((run) => run.epochs));
  const losses = [], accuracies = [];
  shown.forEach(({ curves, steps_per_epoch: stepsPerEpoch }, i) => {
    const [steps, measuredSteps] = [curves.steps, curves.measured_steps].map((list) => list.map((step) => step / stepsPerEpoch));
    losses.push({ xs: steps, ys: curves.loss, className: `thin run-${i}` });
    losses.push({ xs: steps, ys: curves.smoothed_loss, className: `run-${i}` });
    accuracies.push({ xs: measuredSteps, ys: curves.train_accuracy, className: `dashed run-${i}` });
    accuracies.push({ xs: measuredSteps, ys: curves.test_accuracy, className: `run-${i}`, dots: true });
  });
  showLosses(losses, Math.min(...shown.flatMap(({ curves }) => curves.smoothed_loss)), epochs);
  const best = shown.map(({ curves }) => Math.max(0, ...curves.test_accuracy));
  showAccuracies(accuracies, Math.min(100, ...best), epochs);
  find('.accuracy').classList.toggle('reached', best.some((accuracy) => accuracy >= 99));
  setChildCount(find('.legend'), 0);
  shown.forEach((run, i) => make('span', find('.legend'), run.name, { className: `run-${i}` }));
}

function showLosses(lines, lowest, epochs) {
  const ticks = DECADES.filter((_, i) => i < 3 || lowest < 1.5 * DECADES[i - 1]).map((value) => [value, String(value)]);
  const scale = makeScale(Math.log10(ticks.at(-1)[0]), Math.log10(4));
  drawLossChart(ticks, epochs, (loss) => scale(Math.log10(Math.max(loss, 1e-9))), lines);
}

function showAccuracies(lines, best, epochs) {
  const floor = lines.length ? FLOORS.find((value) => value <= best - 4) ?? 0 : 0;
  const ticks = makePercentageTicks(floor);
  if (floor >= 80) ticks.splice(2, 1, [99, '99%']); // in place of 100%, which is too near
  drawAccuracyChart(ticks, epochs, makeScale(floor, 100), lines);
}

function showPredictions({ sample, predictions = [], drawing, drawing_prediction: prediction }) {
  const cells = setChildCount(find('.digits'), SAMPLE_SIZE, (list) => make('li', list));
  if (sample) showDigits(cells, sample, sample.labels, predictions);
  setSource(find('.drawing img'), drawing);
  if (!drawing) setText(find('.drawing-prediction'), 'Draw a digit in Draw to see it read here.');
  else if (!prediction) setText(find('.drawing-prediction'), (drawingBefore = ''));
  else if (!drawingBefore.endsWith(`${prediction[0]}`)) drawingBefore += `${drawingBefore && ' → '}${prediction[0]}`;
  if (prediction) setText(find('.drawing-prediction'), `${drawingBefore.slice(-21)}, ${(100 * prediction[1]).toFixed(1)}%`);
}

function showRuns() {
  find('.runs').hidden = !runs.length;
  const body = find('tbody');
  const focused = body.contains(document.activeElement) && document.activeElement.ariaLabel;
  body.textContent = '';
  for (const run of runs) addRun(body, run);
  if (focused) [...body.querySelectorAll('input, button')].find((node) => node.ariaLabel === focused)?.focus();
}

function addRun(body, run) {
  const row = make('tr', body);
  const checkbox = make('input', make('label', make('td', row)), '', {
    type: 'checkbox', checked: selected.includes(run.key), disabled: !run.curves, ariaLabel: `Show the curves of ${run.name}`,
  });
  checkbox.addEventListener('change', () => {
    selected = selected.filter((key) => key !== run.key);
    if (checkbox.checked) selected = [run.key, ...selected].slice(0, 2);
    current = null;
    showRuns();
    showCurves();
  });
  const name = make('td', row, run.name);
  const remarks = [run.changes, run.reached_goal && `99% after ${run.reached_goal}`].filter(Boolean).join('; ');
  if (remarks) make('small', name, remarks);
  for (const text of [run.accuracy, run.seconds]) make('td', row, text);
  const cell = make('td', row);
  for (const [text, action] of Object.entries({ Draw: drawWithModel, Browse: browseWithModel, Download: download, 'Web page': downloadPage })) {
    make('button', cell, text, { type: 'button', ariaLabel: `${text}: ${run.name}`, onclick: () => action(run.key) });
  }
}

function browseWithModel(key) {
  document.body.dataset.model = key; // Draw follows when the server has answered
  openTab('browse');
  document.dispatchEvent(new CustomEvent('model', { detail: key }));
  trigger('select', { key });
}

const download = (key) => saveResult('download', key);
const downloadPage = (key) => saveResult('web_page', key);

async function saveResult(name, key) {
  const file = await callServer(name, { key });
  setText(find('.notice'), file.error ?? '');
  if (!file.error) saveFile(file);
}

function showState(state) {
  if (!state) return;
  setText(find('.status'), state.status ?? '');
  Object.assign(find('.use-model'), { disabled: !state.key, onclick: () => drawWithModel(state.key) });
  if (!state.curves || state.key) setText(find('.visually-hidden'), state.status ?? ''); // not five times a second
  if (state.runs) { // the server has dropped the others
    const known = new Map([...runs.map((run) => [run.key, run]), [state.key, state]]);
    const isNew = !runs.some(({ key }) => key === state.key);
    runs = state.runs.map((run) => ({ ...known.get(run.key), ...run }));
    selected = selected.filter((key) => runs.some((run) => run.key === key));
    if (isNew && state.curves) selected = [state.key, ...selected].slice(0, 2);
    showRuns();
  }
  if (state.curves || !state.key) {
    current = state;
    showPredictions(state);
  }
  showCurves();
}

// Scroll to what Start starts, if it would not be in view.
function showStart({ target }) {
  if (!target.closest?.('#start') || find('.loss').getBoundingClientRect().bottom <= innerHeight) return;
  const behavior = matchMedia('(prefers-reduced-motion: reduce)').matches ? 'auto' : 'smooth';
  document.getElementById('start-row').scrollIntoView({ behavior });
}

document.addEventListener('click', showStart);
const NUMBERS = '#fields input[data-testid=textbox]';
document.addEventListener('focusin', ({ target }) => { // keyboards of phones; Gradio has no option for it
  if (target.matches?.(NUMBERS)) target.inputMode = 'decimal';
});
document.addEventListener('input', ({ target }) => { // Gradio notices keys that print, not Backspace or a paste
  if (target.matches(NUMBERS)) target.dispatchEvent(new KeyboardEvent('keypress'));
});
watch('value', () => showState(props.value));
showPredictions({});
showState(props.value);
showCurves();
