// The user's digits: list, edit, download and upload them, and fine-tune a model on them.
const TIMEOUT_MS = 15000; // without a response after which the page gives up
const drawChart = makeChart(find('svg'), 'step 0');

let progress = null; // of the running fine-tuning, or of the last one
let trainedDigits = []; // the digits that it was given, as JSON

const isRunning = () => Boolean(progress) && !progress.done;
const setNotice = (text) => setText(find('.notice'), text);

function showUserDigits() {
  const list = find('.digits');
  const digits = getUserDigits();
  const focusedIndex = [...list.children].findIndex((cell) => cell.contains(document.activeElement));
  const focusedTag = document.activeElement?.tagName;
  list.textContent = '';
  digits.forEach((digit, i) => addDigit(list, digit, i));
  if (focusedIndex >= 0) list.children[Math.min(focusedIndex, digits.length - 1)]?.querySelector(focusedTag)?.focus();
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
  remove.addEventListener('click', () => setUserDigits(getUserDigits().toSpliced(i, 1)));
  make('span', cell, prediction === undefined ? '' : `model: ${prediction}`, { className: 'caption' });
}

// Show the strokes in the middle of a square, at 72 % of its side.
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
  else if (progress === request) trigger('submit', { path });
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

function setProgress(newProgress) {
  const before = JSON.stringify(progress?.held_out_predictions);
  progress = newProgress;
  showProgress(progress);
  if (JSON.stringify(progress.held_out_predictions) !== before) showUserDigits();
}

function showProgress({ status, steps, measured_steps: xs = [], user_accuracy: user, test_accuracy: test, table = [], key }) {
  setText(find('.status'), status);
  showButtons();
  find('.result').hidden = !xs.length;
  find('.use-model').hidden = !key;
  if (xs.length) {
    const floor = [90, 80, 50].find((value) => value < Math.min(...user, ...test)) ?? 0;
    const lines = [{ xs, ys: user, className: '' }, { xs, ys: test, className: 'dashed' }];
    drawChart(makePercentageTicks(floor), steps, makeScale(floor, 100), lines);
  }
  find('tbody').textContent = '';
  for (const [name, ...values] of table) {
    const row = make('tr', find('tbody'));
    make('th', row, name);
    for (const value of values) make('td', row, value);
  }
}

find('.fine-tune').addEventListener('click', fineTune);
find('.stop').addEventListener('click', stop);
find('.use-model').addEventListener('click', () => drawWithModel(progress.key));
find('.download').addEventListener('click', () => {
  saveFile({ name: 'my digits.json', kind: 'application/json', content: btoa(formatFile()) });
});
find('.delete-all').addEventListener('click', () => confirm(`Delete all ${getUserDigits().length} digits?`) && setUserDigits([]));
find('.upload').addEventListener('click', () => find('input').click());
find('input').addEventListener('change', ({ target }) => {
  addFile(target.files[0]);
  target.value = ''; // otherwise the same file cannot be chosen again
});
document.addEventListener('user-digits', showUserDigits);
watch('value', () => props.value && setProgress(props.value));
showUserDigits();
