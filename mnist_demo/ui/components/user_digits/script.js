// The user's digits: list, edit, download and upload them, and fine-tune a model on them.
const TIMEOUT_MS = 15000; // without a response after which the page gives up
const COPIES = 3; // of each digit that are enough
const NOT_A_DIGIT = 10;
const EMPTY_TABLE = ['Your digits, held out', 'All your digits', 'Test digits'].map((name) => [name, '–', '–']);
const drawChart = makeChart(find('.progress'), 'step 0');

let progress = null; // of the running fine-tuning, or of the last one
let trainedDigits = []; // the digits that it was given, as JSON
let deleted = []; // {index in the list, digit}, in ascending order: until they are restored, their places stay

const isRunning = () => Boolean(progress) && !progress.done;
const setNotice = (text) => setText(find('.notice'), text);

function showUserDigits() {
  const list = find('.digits');
  const digits = getUserDigits();
  if (!digits.length) deleted = [];
  const focusedIndex = [...list.children].findIndex((cell) => cell.contains(document.activeElement));
  const focusedTag = document.activeElement?.tagName;
  list.textContent = '';
  digits.forEach((digit, i) => addDigit(list, digit, i));
  for (const each of deleted) addDeleted(list, each);
  list.children[focusedIndex]?.querySelector(focusedTag)?.focus();
  setChildCount(find('.slots'), 10, (parent) => make('li', parent)).forEach((slot, digit) => {
    const count = digits.filter(({ label }) => label === digit).length;
    setText(slot, `${digit} ${'●'.repeat(Math.min(count, COPIES))}${'○'.repeat(Math.max(0, COPIES - count))}`);
    slot.ariaLabel = `${digit}: ${count} of ${COPIES}`;
  });
  showButtons();
}

function addDigit(list, digit, i) {
  const prediction = progress?.held_out_predictions?.[trainedDigits.indexOf(JSON.stringify(digit))];
  const cell = make('li', list, '', { className: getCorrectness(prediction, digit.label) });
  makeThumbnail(cell, digit.strokes);
  const select = make('select', cell, '', { ariaLabel: `Label of digit ${i + 1}` });
  for (let value = 0; value < 10; value++) make('option', select, `a ${value}`, { value });
  select.value = digit.label;
  select.addEventListener('change', () => setUserDigits(getUserDigits().with(i, { ...digit, label: +select.value })));
  const remove = make('button', cell, '×', { type: 'button', title: 'Delete', ariaLabel: `Delete digit ${i + 1}, a ${digit.label}` });
  remove.addEventListener('click', () => {
    deleted.push({ index: [...list.children].indexOf(cell), digit });
    deleted.sort((one, other) => one.index - other.index);
    setUserDigits(getUserDigits().toSpliced(i, 1));
  });
  const read = prediction === NOT_A_DIGIT ? 'not a digit' : prediction;
  make('span', cell, prediction === undefined ? '' : `read: ${read}`, { className: 'caption' });
}

function addDeleted(list, entry) {
  const cell = make('li', list, '', { className: 'deleted' });
  list.insertBefore(cell, list.children[entry.index] ?? null);
  const undo = make('button', cell, 'Undo', { type: 'button', ariaLabel: `Restore the deleted ${entry.digit.label}` });
  undo.addEventListener('click', () => {
    const index = entry.index - deleted.indexOf(entry);
    deleted = deleted.filter((other) => other !== entry);
    setUserDigits(getUserDigits().toSpliced(index, 0, entry.digit));
  });
}

// Show the strokes in the middle of a square, at 72% of its side.
function makeThumbnail(parent, strokes) {
  const [xs, ys] = [0, 1].map((axis) => strokes.flat().map((point) => point[axis]).sort((a, b) => a - b));
  const side = Math.max(xs.at(-1) - xs[0], ys.at(-1) - ys[0], 1) / 0.72;
  const icon = makeIcon(parent, strokes, [(xs[0] + xs.at(-1) - side) / 2, (ys[0] + ys.at(-1) - side) / 2, side, side].join(' '));
  icon.setAttribute('stroke-width', side / 14);
}

function showButtons() {
  const isEmpty = !getUserDigits().length;
  find('.download').disabled = find('.delete-all').disabled = isEmpty;
  find('.fine-tune').disabled = isEmpty || isRunning();
  find('.stop').disabled = !isRunning();
}

function formatFile() {
  return JSON.stringify({ ...props.file_head, digits: getUserDigits().map(({ label, strokes }) => ({ label, strokes })) });
}

async function fineTune() {
  const request = { status: 'Waiting for the server…', isUploading: true };
  const fail = () => progress === request && setProgress({ status: NO_RESPONSE, done: true });
  trainedDigits = getUserDigits().map((digit) => JSON.stringify(digit));
  setNotice('');
  setProgress(request);
  setTimeout(fail, TIMEOUT_MS);
  const { path } = await upload(new File([formatFile()], 'digits.json')).catch(() => ({}));
  request.isUploading = false;
  if (!path) fail();
  else if (progress === request) trigger('submit', { path, model: find('.model').value });
}

function stop() {
  if (progress.isUploading) setProgress({ status: 'Stopped.', done: true }); // nothing has been submitted
  trigger('clear');
}

async function addFile(file) {
  if (!file) return;
  const [size, limit] = [file.size, props.max_bytes].map((bytes) => bytes.toLocaleString('en'));
  if (file.size > props.max_bytes) return setNotice(`The file has ${size} bytes; the limit is ${limit}.`);
  const { path } = await upload(file).catch(() => ({}));
  const { content, error } = await callServer('validate', { path });
  if (error) return setNotice(error);
  const digits = getUserDigits();
  const known = new Set(digits.map(({ strokes }) => JSON.stringify(strokes)));
  const added = JSON.parse(content).digits.filter(({ strokes }) => known.size !== known.add(JSON.stringify(strokes)).size);
  const limitNotice = `This would make ${known.size} digits; the limit is ${props.max_digits}. Delete some first. No digit was added.`;
  if (known.size > props.max_digits) return setNotice(limitNotice);
  const isStored = setUserDigits([...digits, ...added]);
  setNotice(`${added.length === 1 ? '1 digit was' : `${added.length} digits were`} added${isStored ? '.' : ' until you close this page.'}`);
}

// Show the models to teach; the selected one stays if it can.
function listModels({ choices, model = find('.model').value || document.body.dataset.model }) {
  find('.model').textContent = '';
  for (const [name, value] of choices) make('option', find('.model'), name, { value });
  selectModel(model);
}

function selectModel(key) {
  const select = find('.model');
  select.value = key;
  if (!select.value) select.selectedIndex = 0;
}

function setProgress(newProgress) {
  const before = JSON.stringify(progress?.held_out_predictions);
  progress = newProgress;
  showProgress(progress);
  if (JSON.stringify(progress.held_out_predictions) !== before) showUserDigits();
}

function showProgress({ status, steps = 150, measured_steps: xs = [], user_accuracy: user = [], test_accuracy: test = [], table = [], key, suggestion, done }) {
  setText(find('.status'), status);
  if (done) setText(find('.visually-hidden'), status); // not five times a second
  showButtons();
  find('.use-model').disabled = find('.keep-file').disabled = !key;
  find('.suggestion').hidden = !suggestion?.model;
  setText(find('.suggestion'), `Teach ${suggestion?.model}, which is ${suggestion?.text}`);
  const floor = [90, 80, 50].find((value) => value < Math.min(100, ...user, ...test)) ?? 0;
  const lines = [{ xs, ys: user, className: '', dots: true }, { xs, ys: test, className: 'dashed' }];
  drawChart(makePercentageTicks(xs.length ? floor : 0), steps, makeScale(xs.length ? floor : 0, 100), lines);
  find('tbody').textContent = '';
  for (const [name, ...values] of table.length ? table : EMPTY_TABLE) {
    const row = make('tr', find('tbody'));
    make('th', row, name);
    for (const value of values) make('td', row, value);
  }
}

find('.fine-tune').addEventListener('click', fineTune);
find('.stop').addEventListener('click', stop);
find('.use-model').addEventListener('click', () => drawWithModel(progress.key));
find('.keep-file').addEventListener('click', async () => {
  const file = await callServer('download', { key: progress.key });
  setNotice(file.error ?? '');
  if (!file.error) saveFile(file);
});
find('.suggestion').addEventListener('click', () => {
  selectModel(progress.suggestion.model);
  fineTune();
});
find('.draw-more').addEventListener('click', () => {
  openTab('draw');
  document.dispatchEvent(new Event('clear-pad'));
  document.dispatchEvent(new CustomEvent('collect', { detail: true }));
});
find('.download').addEventListener('click', () => {
  saveFile({ name: 'my digits.json', kind: 'application/json', content: btoa(formatFile()) });
});
find('.delete-all').addEventListener('click', () => confirm(`Delete all ${getUserDigits().length} digits?`) && setUserDigits([]));
find('.upload').addEventListener('click', () => find('input').click());
find('input').addEventListener('change', ({ target }) => {
  addFile(target.files[0]);
  target.value = ''; // otherwise the same file cannot be chosen again
});
function showValue(value) {
  if (value?.choices) listModels(value);
  if (value?.status) setProgress(value);
}

document.addEventListener('user-digits', showUserDigits);
find('.model').addEventListener('change', ({ target }) => trigger('select', { key: target.value }));
document.addEventListener('model', ({ detail }) => selectModel(detail));
watch('value', () => showValue(props.value));
showProgress({ status: '' });
showUserDigits();
showValue(props.value);
