// The digit browser. The page's address holds the query, so that a link shows the same digits and Back the last ones.
const DEFAULTS = { // of a link that names other parameters
  model: props.model, set: 'test', show: 'all', truth: '', read: '', order: 'stored', seed: '0', other: '', compare: '', page: '0', row: '',
};
const NO_FILTERS = { show: 'all', truth: '', read: '', other: '', compare: '' };
const HARDEST = { ...NO_FILTERS, order: 'unsure' };
const CHIPS = { // the changes of the query
  hardest: () => HARDEST,
  mistakes: () => ({ ...NO_FILTERS, show: 'wrong' }),
  all: () => ({ ...NO_FILTERS, order: 'stored' }),
  compare: () => ({ ...NO_FILTERS, other: findOther(), compare: 'only this one' }),
};
const DIGITS = Array.from({ length: 10 }, (_, digit) => String(digit));
const OPTIONS = { // of the filters and the order, each [value, text]
  show: [['all', 'all'], ['right', 'correct'], ['wrong', 'wrong']],
  truth: [['', 'any'], ...DIGITS.map((digit) => [digit, digit])],
  read: [['', 'any'], ...DIGITS.map((digit) => [digit, digit])],
  order: [['stored', 'as stored'], ['unsure', 'least certain'], ['confident', 'confidently wrong'], ['random', 'random']],
};
const POLL_MS = 200; // between two requests while the server computes a result
const formatCount = (count) => count.toLocaleString('en');

const browser = find('.digit-browser');
const controls = find('.controls');
const dialog = find('dialog');
const query = { ...DEFAULTS };
const requestNumbers = { grid: 0, digit: 0, file: 0 }; // of the newest request of each kind
let grid = null; // the page of digits that is shown
let isDigitPending = false;
let seenRow = null; // of the digit that the dialog showed last

const getWallCells = () => [...find('.digits').querySelectorAll('button')];
const isVisible = () => browser.getClientRects().length > 0; // the tab is open
const getModelName = (key) => props.value.find((model) => model[1] === key)?.[0] ?? key;

// Return the query of the address: the hardest digits unless it names something else.
function readAddress() {
  const link = new URLSearchParams(location.search);
  const names = Object.keys(DEFAULTS).filter((name) => link.has(name));
  if (link.get('tab') !== 'browse' || !names.length) return { ...DEFAULTS, ...HARDEST };
  return { ...DEFAULTS, ...Object.fromEntries(names.map((name) => [name, link.get(name)])) };
}

// Write the query into the address: as a new entry of the history, or in place of the current one.
function updateAddress({ isNew = false, opensDigit = false } = {}) {
  if (!isVisible()) return;
  const address = new URL(location.href);
  for (const [name, value] of Object.entries(query)) {
    address.searchParams.delete(name);
    // A key with a slash belongs to the session's own model and is secret.
    if (value && (name === 'order' || value !== DEFAULTS[name]) && !value.includes('/')) address.searchParams.append(name, value);
  }
  const state = { ...history.state, browse: { ...query } };
  if (isNew) history.pushState({ ...state, opensDigit }, '', address);
  else history.replaceState(state, '', address);
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
    await new Promise((resolve) => setTimeout(resolve, POLL_MS));
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
  updateAddress({ isNew: true });
  shareModel();
  showSelection();
  if (controls.getBoundingClientRect().top < 0) controls.scrollIntoView();
  refresh();
}

// The page has one model: select it in the other tabs, too.
function shareModel() {
  if (query.model !== document.body.dataset.model) trigger('select', { key: query.model });
}

// Show a model that another tab selected, as soon as this tab is open.
function followModel() {
  const { model } = document.body.dataset;
  if (!isVisible() || !model || model === query.model) return;
  Object.assign(query, { model, page: '0', row: '' }, model === query.other ? { other: '', compare: '' } : {});
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
  setText(find('.details'), grid.details);
  setText(find('.mistake-count'), formatCount(grid.wrong));
  showOptions();
  showComparison();
  showPage();
  showConfusion();
  showSelection();
}

function showOptions() {
  const models = props.value.map(([name, key]) => [key, name]);
  const others = [['', 'none'], ...models.filter(([key]) => key !== query.model)];
  const compare = [['', 'all'], ...[['only this one', query.model], ['only the other', query.other]]
    .map(([value, key]) => [value, `only ${getModelName(key)} is correct`])];
  const options = { model: models, other: others, compare, set: Object.entries(props.sets), ...OPTIONS };
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

// Return the model to compare with: the simplest one, or the first that is not selected.
function findOther() {
  const others = props.value.map((model) => model[1]).filter((key) => key !== query.model);
  return others.includes('softmax') ? 'softmax' : others[0] ?? '';
}

function findChip() {
  if (query.other) return 'compare';
  if (query.truth || query.read || query.show === 'right') return '';
  if (query.show === 'wrong') return 'mistakes';
  return query.order === 'unsure' ? 'hardest' : 'all';
}

// Mark what is selected: a chip, a part of the matrix, a side of the comparison.
function showSelection() {
  for (const chip of find('.chips').children) chip.ariaPressed = chip.name === findChip();
  for (const button of find('.comparison').querySelectorAll('button')) button.ariaPressed = button.name === query.compare;
  for (const { button, filter } of matrix.cells) button.ariaPressed = isSelected(filter);
  const count = Object.keys(NO_FILTERS).filter((name) => query[name] !== NO_FILTERS[name]).length;
  setText(find('.filter-count'), count);
  find('.filter-count').classList.toggle('unused', !count);
  find('.links .reset').classList.toggle('unused', !count);
  find('.show-all').classList.toggle('unused', !query.truth && !query.read);
  find('.chips [name=compare]').disabled = !findOther();
}

function showComparison() {
  const [first, second] = [query.model, query.other].map(getModelName);
  find('.comparison').hidden = !grid.comparison;
  browser.classList.toggle('comparing', Boolean(grid.comparison));
  setText(find('.key'), grid.comparison ? `${first} · ${second} (correct digit)` : 'prediction (correct digit)');
  if (!grid.comparison) return;
  const [onlyFirst, onlySecond] = grid.comparison;
  setText(find('.comparison .first'), first);
  setText(find('.comparison [name="only this one"]'), `${formatCount(onlyFirst)} that ${second} misses`);
  setText(find('.comparison [name="only the other"]'), formatCount(onlySecond));
}

function showPage() {
  const { rows, labels, predictions, other_predictions: others, count, page, pages } = grid;
  const items = setChildCount(find('.digits'), rows.length, (list) => make('button', make('li', list), '', { type: 'button', tabIndex: -1 }));
  const cells = items.map((item) => item.firstChild);
  showDigits(cells, grid, labels, predictions);
  cells.forEach((cell, i) => {
    const other = others ? `, ${getModelName(query.other)} ${others[i]}` : '';
    if (others) setText(cell.lastChild, `${predictions[i]}·${others[i]} (${labels[i]})`);
    cell.ariaLabel = `${cell.className === 'correct' ? 'correct' : 'wrong'}: prediction ${predictions[i]}${other}, correct digit ${labels[i]}`;
    cell.onclick = () => openDigit(rows[i]);
  });
  keepTabStop(cells);
  const first = page * props.page_size + 1;
  setText(find('.range'), count ? `${formatCount(first)} to ${formatCount(first + rows.length - 1)} of ${formatCount(count)}` : '');
  find('.no-digits').hidden = count > 0;
  find('.previous-page').disabled = page === 0;
  find('.next-page').disabled = page + 1 >= pages;
  find('.random-digit').disabled = find('.grid-file').disabled = !count;
  find('.table-file').disabled = false;
}

// Show what the address of an entry of the history names.
function followHistory({ state }) {
  const tab = new URLSearchParams(location.search).get('tab') ?? 'draw';
  if (tab !== 'browse' || !isVisible()) document.getElementById(`${tab}-tab-button`)?.click();
  if (tab !== 'browse') return dialog.close();
  const { row, ...wanted } = state?.browse ?? readAddress();
  const isShown = grid && isSelected(wanted) && wanted.page === String(grid.page);
  Object.assign(query, wanted, { row: '' });
  shareModel();
  dialog.close();
  showSelection();
  (isShown ? Promise.resolve(true) : refresh()).then((shown) => shown && row && openDigit(row));
}

const download = (name) => request('file', name, { ...query, address: location.href }).then((file) => file && saveFile(file));

async function copyLink({ target }) {
  const copied = await navigator.clipboard?.writeText(location.href).then(() => true, () => false);
  const text = copied ? 'Link copied' : 'Copy the address';
  setText(target, text);
  setText(find('.copied'), text);
  setTimeout(() => setText(target, 'Copy link'), 2000);
}

function openPanel(isOpen) {
  controls.classList.toggle('open', isOpen);
  find('.filters').ariaExpanded = isOpen;
}

controls.addEventListener('change', ({ target: { name, value } }) => {
  const changes = { [name]: value };
  if (name === 'seed') changes.seed = String(Math.min(9999, Math.max(0, Math.round(Number(value) || 0))));
  if (name === 'order' && value === 'random') changes.seed = String(Math.floor(Math.random() * 10000));
  if ((name === 'model' && value === query.other) || (name === 'other' && !value)) Object.assign(changes, { other: '', compare: '' });
  changeQuery(changes);
});
for (const chip of find('.chips').children) chip.addEventListener('click', () => changeQuery(CHIPS[chip.name]()));
for (const button of find('.comparison').querySelectorAll('button')) {
  button.addEventListener('click', () => changeQuery({ compare: query.compare === button.name ? '' : button.name }));
}
for (const button of browser.querySelectorAll('.reset')) button.addEventListener('click', () => changeQuery(NO_FILTERS));
find('.show-all').addEventListener('click', () => changeQuery({ show: 'all', truth: '', read: '' }));
find('.copy-link').addEventListener('click', copyLink);
find('.filters').addEventListener('click', () => openPanel(!controls.classList.contains('open')));
document.addEventListener('pointerdown', ({ target }) => target.closest?.('.panel, .filters') || openPanel(false));
controls.addEventListener('keydown', ({ key }) => {
  if (key !== 'Escape' || !controls.classList.contains('open')) return;
  openPanel(false);
  find('.filters').focus();
});
find('.previous-page').addEventListener('click', () => changeQuery({ page: String(grid.page - 1) }));
find('.next-page').addEventListener('click', () => changeQuery({ page: String(grid.page + 1) }));
find('.random-digit').addEventListener('click', () => openDigit('random'));
find('.grid-file').addEventListener('click', () => download('grid_file'));
find('.table-file').addEventListener('click', () => download('table_file'));
find('.close').addEventListener('click', () => dialog.close());
dialog.addEventListener('click', ({ target }) => target === dialog && dialog.close());
dialog.addEventListener('close', leaveDigit);
dialog.addEventListener('keydown', (event) => {
  const button = { ArrowLeft: '.previous-digit', ArrowRight: '.next-digit' }[event.key];
  if (!button) return;
  event.preventDefault();
  find(button).click();
});
addEventListener('popstate', followHistory);
document.addEventListener('browse', refresh);
document.addEventListener('model', followModel);
document.addEventListener('tab', () => { // the tab is open again
  updateAddress();
  followModel();
});
watch('value', () => {
  const isOffered = (model) => props.value.some(([, key]) => key === model); // the server may have dropped it
  if (!isOffered(query.model)) changeQuery({ model: props.model, other: '', compare: '' });
  else if (query.other && !isOffered(query.other)) changeQuery({ other: '', compare: '' });
  else showOptions();
});

const matrix = createMatrix();
addArrowKeys(find('.confusion'), getMatrixCells, () => MATRIX_COLUMNS);
addArrowKeys(find('.digits'), getWallCells, () => getComputedStyle(find('.digits')).gridTemplateColumns.split(' ').length);
Object.assign(query, readAddress());
const isLinked = new URLSearchParams(location.search).has('model');
if (!isLinked) query.model = document.body.dataset.model ?? query.model;
showOptions();
showSelection();
const linkedRow = query.row;
refresh().then((isShown) => isShown && linkedRow && openDigit(linkedRow));
