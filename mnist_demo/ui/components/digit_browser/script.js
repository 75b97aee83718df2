// The digit browser. The page's address holds the query, so that a link shows the same digits.
const DEFAULTS = {
  model: props.model, set: 'test', show: 'all', truth: '', read: '', order: 'stored', seed: '0', other: '', compare: '', page: '0', row: '',
};
const DIGITS = Array.from({ length: 10 }, (_, digit) => String(digit));
const OPTIONS = { // of the filters and the order, each [value, text]
  show: [['all', 'all'], ['right', 'correct'], ['wrong', 'incorrect']],
  truth: [['', 'any'], ...DIGITS.map((digit) => [digit, digit])],
  read: [['', 'any'], ...DIGITS.map((digit) => [digit, digit])],
  compare: [['', 'either model'], ['only this one', 'only the first'], ['only the other', 'only the second']],
  order: [['stored', 'as stored'], ['unsure', 'least confident'], ['confident', 'confident mistakes'], ['random', 'random']],
};
const formatCount = (count) => count.toLocaleString('en');

const browser = find('.digit-browser');
const dialog = find('dialog');
const query = { ...DEFAULTS };
const requestNumbers = { grid: 0, digit: 0, file: 0 }; // of the newest request of each kind
let grid = null; // the page of digits that is shown
let isDigitPending = false;

function updateAddress() {
  if (!browser.checkVisibility()) return;
  const address = new URL(location.href);
  for (const [name, value] of Object.entries(query)) {
    // A key with a slash belongs to the session's own model and is secret.
    if (!value || value === DEFAULTS[name] || value.includes('/')) address.searchParams.delete(name);
    else address.searchParams.set(name, value);
  }
  history.replaceState(history.state, '', address);
}

// Request a result until the server has computed it. Return null after an error, or if a newer request replaces this one.
async function request(kind, name, parameters = query) {
  const number = (requestNumbers[kind] += 1);
  for (;;) {
    const response = await callServer(name, { ...parameters });
    if (number !== requestNumbers[kind]) return null;
    if (response.error) setText(find('.notice'), response.error);
    if (response.busy === undefined) return response.error ? null : response;
    if (kind === 'grid') setText(find('.summary'), response.busy);
    await new Promise((resolve) => setTimeout(resolve, props.poll_ms));
  }
}

// Return whether the requested digits are shown now, and not others because the query was invalid.
async function refresh() {
  requestNumbers.digit += 1; // a digit of the old page is no longer wanted
  browser.classList.add('loading');
  const number = requestNumbers.grid + 1;
  const response = await request('grid', 'grid');
  if (number === requestNumbers.grid) browser.classList.remove('loading');
  if (response) showGrid(response);
  return Boolean(response && !response.notice);
}

// Change the query, and go to the first page unless `changes` has a page.
function changeQuery(changes) {
  Object.assign(query, { page: '0', row: '' }, changes);
  updateAddress();
  refresh();
}

function showGrid(response) {
  grid = response;
  if (grid.notice) Object.assign(query, DEFAULTS);
  for (const name of ['show', 'truth', 'read', 'order', 'seed', 'compare', 'page']) query[name] = grid.query[name] ?? DEFAULTS[name];
  updateAddress();
  setText(find('.notice'), grid.notice);
  setText(find('.summary'), grid.summary);
  showOptions();
  showPage();
  showConfusion();
  showBars(find('.per-class'), grid.per_class.map(([correct, total]) => {
    const percentage = total ? (100 * correct) / total : 0;
    return [percentage, total ? `${percentage.toFixed(2)} %` : '–', `${formatCount(correct)} / ${formatCount(total)}`];
  }));
}

function showOptions() {
  const models = props.value.map(([name, key]) => [key, name]);
  const others = [['', 'none'], ...models.filter(([key]) => key !== query.model)];
  const options = { model: models, other: others, set: Object.entries(props.sets), ...OPTIONS };
  for (const [name, choices] of Object.entries(options)) {
    const select = find(`select[name=${name}]`);
    const counts = grid?.counts[name];
    select.textContent = '';
    for (const [value, text] of choices) make('option', select, counts ? `${text} (${formatCount(counts[value])})` : text, { value });
    select.value = query[name];
  }
  const seed = find('input[name=seed]');
  seed.value = query.seed;
  seed.parentElement.hidden = query.order !== 'random';
  find('select[name=compare]').parentElement.hidden = !query.other;
}

function showPage() {
  const { rows, labels, predictions, count, page, pages } = grid;
  const items = setChildCount(find('.digits'), rows.length, (list) => make('button', make('li', list), '', { type: 'button' }));
  const cells = items.map((item) => item.firstChild);
  showDigits(cells, grid, labels, predictions);
  cells.forEach((cell, i) => {
    cell.ariaLabel = `${cell.className}: prediction ${predictions[i]}, label ${labels[i]}`;
    cell.onclick = () => openDigit(rows[i]);
  });
  const first = page * props.page_size + 1;
  const range = `${formatCount(first)} to ${formatCount(first + rows.length - 1)} of ${formatCount(count)}`;
  setText(find('.range'), count ? range : 'No digits match.');
  find('.previous-page').disabled = page === 0;
  find('.next-page').disabled = page + 1 >= pages;
  find('.random-digit').disabled = find('.grid-file').disabled = !count;
  find('.table-file').disabled = false;
}

function showConfusion() {
  const table = find('.confusion');
  table.textContent = '';
  const header = make('tr', table);
  for (const text of ['', ...DIGITS]) make('th', header, text, { scope: 'col' });
  grid.confusion.forEach((counts, label) => {
    const row = make('tr', table);
    const total = counts.reduce((sum, count) => sum + count, 0);
    make('th', row, label, { scope: 'row' });
    counts.forEach((count, prediction) => addConfusionCell(make('td', row), label, prediction, count, total ? (100 * count) / total : 0));
  });
}

function addConfusionCell(parent, label, prediction, count, percentage) {
  const correctness = getCorrectness(prediction, label);
  const button = make('button', parent, formatCount(count), { type: 'button', disabled: !count });
  make('small', button, count ? `${percentage.toFixed(percentage < 99.95 ? 1 : 0)} %` : '');
  button.style.setProperty('--tint', `var(--${correctness})`);
  // Mistakes are rare: 1 % of a row must be visible.
  const strength = correctness === 'correct' ? 0.35 * percentage : count && Math.min(60, 12 + 12 * percentage);
  button.style.setProperty('--strength', `${strength}%`);
  button.ariaLabel = `${count} digits: label ${label}, prediction ${prediction}`;
  button.ariaPressed = query.truth === String(label) && query.read === String(prediction);
  button.addEventListener('click', () => {
    changeQuery({ show: 'all', truth: String(label), read: String(prediction), compare: '' });
    find('.summary').scrollIntoView({ block: 'start' });
  });
}

async function openDigit(row) {
  if (isDigitPending) return; // a held arrow key moves on with each response
  isDigitPending = true;
  const digit = await request('digit', 'digit', { ...query, row: String(row) });
  isDigitPending = false;
  if (!digit || !browser.checkVisibility()) return; // another tab may be open by now
  query.row = String(digit.row);
  updateAddress();
  showDigit(digit);
  if (!dialog.open) dialog.showModal();
}

function showDigit({ row, prediction, label, percentages, image, models, previous, next }) {
  const title = find('#digit-title');
  title.className = getCorrectness(prediction, label);
  setText(title, `Digit ${formatCount(row)}: label ${label}, prediction ${prediction} ${prediction === label ? '✓' : '✗'}`);
  showPixels(atob(image), label);
  showBars(find('.bars'), percentages.map((percentage) => [percentage, `${percentage.toFixed(1)} %`]));
  showModels(find('.models'), models, (model) => (model.label === String(label) ? '' : 'incorrect'));
  Object.assign(find('.previous-digit'), { disabled: previous === null, onclick: () => openDigit(previous) });
  Object.assign(find('.next-digit'), { disabled: next === null, onclick: () => openDigit(next) });
}

function showPixels(bytes, label) {
  const pixels = find('.pixels');
  pixels.textContent = '';
  pixels.ariaLabel = `The 28 by 28 pixels of a ${label}: 0 is paper, 255 is ink`;
  for (const char of bytes) {
    const value = char.charCodeAt(0);
    const cell = make('span', pixels, value);
    cell.style.background = `rgb(${value} ${value} ${value})`;
    cell.style.color = value > 125 ? '#000' : value ? '#fff' : '#777';
  }
}

const download = (name) => request('file', name).then((file) => file && saveFile(file));

find('.controls').addEventListener('change', ({ target: { name, value } }) => {
  const changes = { [name]: value };
  if (name === 'seed') changes.seed = String(Math.min(9999, Math.max(0, Math.round(Number(value) || 0))));
  if (name === 'order' && value === 'random') changes.seed = String(Math.floor(Math.random() * 10000));
  if ((name === 'model' && value === query.other) || (name === 'other' && !value)) Object.assign(changes, { other: '', compare: '' });
  changeQuery(changes);
});
find('.previous-page').addEventListener('click', () => changeQuery({ page: String(grid.page - 1) }));
find('.next-page').addEventListener('click', () => changeQuery({ page: String(grid.page + 1) }));
find('.random-digit').addEventListener('click', () => openDigit('random'));
find('.grid-file').addEventListener('click', () => download('grid_file'));
find('.table-file').addEventListener('click', () => download('table_file'));
find('.close').addEventListener('click', () => dialog.close());
dialog.addEventListener('click', ({ target }) => target === dialog && dialog.close());
dialog.addEventListener('close', () => {
  requestNumbers.digit += 1;
  query.row = '';
  updateAddress();
});
dialog.addEventListener('keydown', (event) => {
  const button = { ArrowLeft: '.previous-digit', ArrowRight: '.next-digit' }[event.key];
  if (!button) return;
  event.preventDefault();
  find(button).click();
});
document.addEventListener('browse', ({ detail }) => (detail ? changeQuery({ model: detail, other: '', compare: '' }) : refresh()));
document.addEventListener('tab', updateAddress); // the tab is open again
watch('value', () => {
  const isOffered = (model) => props.value.some(([, key]) => key === model); // the server may have dropped it
  if (!isOffered(query.model)) changeQuery({ model: props.model, other: '', compare: '' });
  else if (query.other && !isOffered(query.other)) changeQuery({ other: '', compare: '' });
  else showOptions();
});

const link = new URLSearchParams(location.search);
if (link.get('tab') === 'browse') for (const name in query) query[name] = link.get(name) ?? query[name];
query.model = document.body.dataset.browse || query.model; // requested by another tab before this script ran
showOptions();
const linkedRow = query.row;
refresh().then((isShown) => isShown && linkedRow && openDigit(linkedRow));
