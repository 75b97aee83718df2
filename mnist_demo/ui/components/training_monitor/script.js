// The training monitor: curves and predictions of the running training, and the list of finished runs.
const FLOORS = [98, 95, 90, 80, 50, 0]; // where the accuracy axis may start
const DECADES = [1, 0.1, 0.01, 0.001, 0.0001]; // of the loss axis
let runs = []; // finished ones, newest first
let selected = []; // at most two runs whose curves are shown
let current = null; // the running training, or the last one if it gave no run

const drawLossChart = makeChart(find('.loss'), 'epoch 0');
const drawAccuracyChart = makeChart(find('.accuracy'), 'epoch 0');

function showCurves() {
  const shown = [...selected];
  if (current?.curves && !selected.some(({ key }) => key === current.key)) shown.unshift(current);
  const epochs = Math.max(1, ...shown.map((run) => run.epochs));
  const losses = [], accuracies = [];
  shown.forEach(({ curves, steps_per_epoch: stepsPerEpoch }, i) => {
    const [steps, measuredSteps] = [curves.steps, curves.measured_steps].map((list) => list.map((step) => step / stepsPerEpoch));
    losses.push({ xs: steps, ys: curves.loss, className: `faint run-${i}` });
    losses.push({ xs: steps, ys: curves.smoothed_loss, className: `run-${i}` });
    accuracies.push({ xs: measuredSteps, ys: curves.train_accuracy, className: `dashed run-${i}` });
    accuracies.push({ xs: measuredSteps, ys: curves.test_accuracy, className: `run-${i}` });
  });
  showLosses(losses, Math.min(...shown.flatMap(({ curves }) => curves.smoothed_loss)), epochs);
  showAccuracies(accuracies, Math.min(100, ...shown.map(({ curves }) => Math.max(0, ...curves.test_accuracy))), epochs);
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
  if (floor >= 80) ticks.splice(2, 1, [99, '99 %']); // in place of 100 %, which is too near
  drawAccuracyChart(ticks, epochs, makeScale(floor, 100), lines);
}

function showPredictions({ sample, predictions, drawing, drawing_prediction: prediction }) {
  find('.predictions').hidden = !sample;
  if (!sample) return;
  const cells = setChildCount(find('.digits'), sample.labels.length, (list) => make('li', list));
  showDigits(cells, sample, sample.labels, predictions);
  setSource(find('.drawing img'), drawing);
  let text = 'Draw a digit in the Draw tab first to see its predictions here during the training.';
  if (drawing) text = prediction ? `Prediction: ${prediction[0]}, ${(100 * prediction[1]).toFixed(1)} %` : '';
  setText(find('.drawing-prediction'), text);
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
  const checkbox = make('input', make('td', row), '', {
    type: 'checkbox', checked: selected.includes(run), disabled: !run.curves, ariaLabel: `Show the curves of ${run.name}`,
  });
  checkbox.addEventListener('change', () => {
    selected = checkbox.checked ? [run, ...selected].slice(0, 2) : selected.filter((other) => other !== run);
    current = null;
    showRuns();
    showCurves();
  });
  make('td', row, run.name);
  const cell = make('td', row);
  for (const [text, action] of Object.entries({ Draw: drawWithModel, Browse: browseWithModel, Download: download })) {
    make('button', cell, text, { type: 'button', ariaLabel: `${text}: ${run.name}`, onclick: () => action(run.key) });
  }
  for (const text of [run.accuracy, run.seconds, run.reached_goal, run.changes]) make('td', row, text);
}

function browseWithModel(key) {
  openTab('browse');
  document.body.dataset.browse = key; // for a tab that Gradio has yet to create
  document.dispatchEvent(new CustomEvent('browse', { detail: key }));
}

async function download(key) {
  const file = await callServer('download', { key });
  setText(find('.notice'), file.error ?? '');
  if (!file.error) saveFile(file);
}

function showState(state) {
  if (!state) return;
  setText(find('.status'), state.status ?? '');
  if (!state.curves || state.key) setText(find('.visually-hidden'), state.status ?? ''); // not five times a second
  // The server has dropped the runs that are not among the keys.
  if (state.keys) [runs, selected] = [runs, selected].map((list) => list.filter(({ key }) => state.keys.includes(key)));
  if (state.key && !runs.some(({ key }) => key === state.key)) {
    runs.unshift(state);
    if (state.curves) selected = [state, ...selected].slice(0, 2);
    showRuns();
  }
  if (state.curves || !state.key) {
    current = state;
    showPredictions(state);
  }
  showCurves();
}

watch('value', () => showState(props.value));
showState(props.value);
showCurves();
