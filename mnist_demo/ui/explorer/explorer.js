// Shows what is chosen, and keeps it in the page's address. Runs at the first visit; Gradio gives element, props, watch
// and server. All text goes in as text, never as HTML.
const find = (selector) => element.querySelector(selector);
const NAMES = ['model', 'set', 'show', 'truth', 'read', 'order', 'seed', 'other', 'compare', 'page', 'row'];
const DEFAULTS = { model: props.model, set: 'test', show: 'all', order: 'stored', seed: '0', page: '0' };
const WORDS = {
  show: { all: 'all', right: 'right', wrong: 'wrong' },
  order: { stored: 'as stored', unsure: 'least sure', confident: 'sure but wrong', random: 'at random' },
  compare: { '': 'either', 'only this one': 'only the first', 'only the other': 'only the second' },
};
const digits = Array.from({ length: 10 }, (_, digit) => String(digit));

const explorer = find('.explorer');
const dialog = find('.detail');
const chosen = Object.fromEntries(NAMES.map((name) => [name, DEFAULTS[name] ?? '']));
let shown = null; // the wall that is shown
const asked = { look: 0, digit: 0, file: 0 }; // the number of the newest question of each kind
let pending = false; // whether a digit is being asked for

function make(name, parent, text, options = {}) {
  const node = Object.assign(document.createElement(name), options);
  if (text !== undefined) node.textContent = text;
  parent.append(node);
  return node;
}

// The address tells what is chosen, but never the key of a visit's own model, which is secret.
function toAddress() {
  const address = new URL(location.href);
  for (const name of NAMES) {
    const value = chosen[name];
    if (value === '' || value === (DEFAULTS[name] ?? '') || value.includes('/')) address.searchParams.delete(name);
    else address.searchParams.set(name, value);
  }
  if (explorer.checkVisibility()) history.replaceState(history.state, '', address);
}

function fromAddress() {
  const query = new URLSearchParams(location.search);
  if (query.get('tab') === 'browse') for (const name of NAMES) if (query.has(name)) chosen[name] = query.get(name);
}

// Asks the server, again and again while it is busy; null where there is an error, which is shown, and where somebody
// has asked for something else of the kind meanwhile.
async function ask(kind, handler, of = chosen) {
  const mine = (asked[kind] += 1);
  for (;;) {
    const news = (await server[handler]({ ...of })) ?? { error: 'The server does not answer. Try again.' };
    if (mine !== asked[kind]) return null;
    if (news.busy === undefined) {
      if (!news.error) return news;
      find('.notice').textContent = news.error;
      return null;
    }
    if (kind === 'look') find('.summary').textContent = news.busy;
    await new Promise((done) => setTimeout(done, props.ask_again));
  }
}

// Whether the wall is now the one that was asked for, and no other in its place.
async function look() {
  asked.digit += 1; // a digit of the old wall is no longer wanted
  explorer.classList.add('waits');
  const mine = asked.look + 1;
  const news = await ask('look', 'look');
  if (mine === asked.look) explorer.classList.remove('waits');
  if (news) show(news);
  return Boolean(news && !news.notice);
}

// Chooses anew: from the first page, unless it is the page that was chosen.
function choose(changes) {
  Object.assign(chosen, { page: '0', row: '' }, changes);
  toAddress();
  look();
}

function show(wall) {
  shown = wall;
  if (wall.notice) Object.assign(chosen, Object.fromEntries(NAMES.map((name) => [name, DEFAULTS[name] ?? ''])));
  for (const name of ['show', 'truth', 'read', 'order', 'seed', 'compare', 'page']) chosen[name] = wall.chosen[name] ?? DEFAULTS[name] ?? '';
  toAddress();
  find('.notice').textContent = wall.notice;
  find('.summary').textContent = wall.summary;
  showChoices();
  showDigits();
  showConfusion();
  showClasses();
}

function fill(name, options) {
  const select = find(`select[name=${name}]`);
  select.textContent = '';
  for (const [value, text] of options) make('option', select, text, { value });
  select.value = chosen[name];
}

function showChoices() {
  const counts = shown?.counts;
  const counted = (name, value, text) => [value, counts ? `${text} (${counts[name][value].toLocaleString('en')})` : text];
  const models = props.value.map(([name, key]) => [key, name]);
  fill('model', models);
  fill('other', [['', 'no other'], ...models.filter(([key]) => key !== chosen.model)]);
  fill('set', Object.entries(props.sets));
  for (const name of ['show', 'compare']) fill(name, Object.entries(WORDS[name]).map(([value, text]) => counted(name, value, text)));
  for (const name of ['truth', 'read']) fill(name, [counted(name, '', 'any'), ...digits.map((digit) => counted(name, digit, digit))]);
  fill('order', Object.entries(WORDS.order));
  const seed = find('input[name=seed]');
  seed.value = chosen.seed;
  seed.parentElement.hidden = chosen.order !== 'random';
  find('select[name=compare]').parentElement.hidden = !chosen.other;
}

function showDigits() {
  const list = find('.wall');
  list.textContent = '';
  list.style.setProperty('--width', `${28 * shown.columns}px`);
  shown.rows.forEach((row, i) => {
    const right = shown.read[i] === shown.truth[i];
    const button = make('button', make('li', list), undefined, { type: 'button', className: right ? 'right' : 'wrong' });
    button.ariaLabel = `${right ? 'right' : 'wrong'}: read ${shown.read[i]}, is ${shown.truth[i]}`;
    const image = make('span', button, undefined, { className: 'image' });
    image.style.backgroundImage = `url(${shown.sprite})`;
    const [x, y] = [-28 * (i % shown.columns), -28 * Math.floor(i / shown.columns)];
    image.style.backgroundPosition = `calc(var(--zoom) * ${x}px) calc(var(--zoom) * ${y}px)`;
    make('span', button, `${shown.read[i]} (${shown.truth[i]})`, { className: 'caption' });
    button.addEventListener('click', () => open(row));
  });
  const first = shown.page * props.page_size;
  find('.place').textContent = shown.found
    ? `${(first + 1).toLocaleString('en')} to ${(first + shown.rows.length).toLocaleString('en')} of ${shown.found.toLocaleString('en')}`
    : 'There is no such digit.';
  find('.back').disabled = shown.page === 0;
  find('.on').disabled = shown.page + 1 >= shown.pages;
  find('.any').disabled = find('.wall-file').disabled = !shown.found;
  find('.table-file').disabled = false;
}

function showConfusion() {
  const table = find('.confusion');
  table.textContent = '';
  const head = make('tr', table);
  make('th', head, '');
  for (const digit of digits) make('th', head, digit, { scope: 'col' });
  shown.confusion.forEach((counts, truth) => {
    const line = make('tr', table);
    make('th', line, truth, { scope: 'row' });
    const total = counts.reduce((sum, count) => sum + count, 0);
    counts.forEach((count, read) => {
      const share = total ? (100 * count) / total : 0;
      const button = make('button', make('td', line), count.toLocaleString('en'), { type: 'button' });
      make('small', button, count ? `${share.toFixed(share < 99.95 ? 1 : 0)} %` : '');
      button.style.setProperty('--tint', `var(--${truth === read ? 'right' : 'wrong'})`);
      // A mistake is rare: what is a hundredth of its row is to be seen.
      button.style.setProperty('--share', `${truth === read ? 0.35 * share : count && Math.min(60, 12 + 12 * share)}%`);
      button.ariaLabel = `${count} digits ${truth} read as ${read}`;
      button.ariaPressed = chosen.truth === String(truth) && chosen.read === String(read);
      button.disabled = !count;
      button.addEventListener('click', () => {
        choose({ show: 'all', truth: String(truth), read: String(read), compare: '' });
        find('.summary').scrollIntoView({ block: 'start' });
      });
    });
  });
}

function showBar(parent, name, share, ...texts) {
  const line = make('div', parent, undefined, { className: 'row' });
  make('span', line, name);
  make('span', line, undefined, { className: 'track' }).style.setProperty('--share', `${share}%`);
  for (const text of texts) make('span', line, text);
}

function showClasses() {
  const classes = find('.classes');
  classes.textContent = '';
  shown.per_class.forEach(([right, total], digit) => {
    const share = total ? (100 * right) / total : 0;
    showBar(classes, digit, share, total ? `${share.toFixed(2)} %` : '–', `${right.toLocaleString('en')} / ${total.toLocaleString('en')}`);
  });
}

async function open(row) {
  if (pending) return; // a key that is held down walks on with each answer
  pending = true;
  const digit = await ask('digit', 'digit', { ...chosen, row: String(row) });
  pending = false;
  if (!digit || !explorer.checkVisibility()) return; // the visitor may have gone elsewhere
  chosen.row = String(digit.row);
  toAddress();
  const right = digit.read === digit.truth;
  find('#detail-title').textContent = `Digit ${digit.row.toLocaleString('en')} is a ${digit.truth}, read as ${digit.read} ${right ? '✓' : '✗'}`;
  find('#detail-title').className = right ? 'right' : 'wrong';
  const pixels = find('.pixels');
  pixels.textContent = '';
  pixels.ariaLabel = `The 28 by 28 pixels of a ${digit.truth}, 0 paper to 255 ink`;
  for (const char of atob(digit.image)) {
    const value = char.charCodeAt(0);
    const cell = make('span', pixels, value);
    cell.style.background = `rgb(${value} ${value} ${value})`;
    cell.style.color = value > 125 ? '#000' : value ? '#fff' : '#777';
  }
  find('.bars').textContent = find('.models').textContent = '';
  digit.shares.forEach((share, each) => showBar(find('.bars'), each, share, `${share.toFixed(1)} %`));
  for (const verdict of digit.models) {
    const line = make('li', find('.models'), undefined, { className: verdict.shown === String(digit.truth) ? '' : 'missed' });
    for (const text of [verdict.model, verdict.shown, verdict.remark]) make('span', line, text);
  }
  for (const [name, row] of [['.before', digit.previous], ['.after', digit.next]]) {
    find(name).disabled = row === null;
    find(name).onclick = () => open(row);
  }
  if (!dialog.open) dialog.showModal();
}

async function download(handler) {
  const file = await ask('file', handler);
  if (file) save(file);
}

find('.controls').addEventListener('change', ({ target }) => {
  if (target.name === 'seed') choose({ seed: String(Math.min(9999, Math.max(0, Math.round(Number(target.value) || 0)))) });
  else if (target.name === 'order' && target.value === 'random') choose({ order: 'random', seed: String(Math.floor(Math.random() * 10000)) });
  else if (target.name === 'model' && target.value === chosen.other) choose({ model: target.value, other: '', compare: '' });
  else if (target.name === 'other' && !target.value) choose({ other: '', compare: '' });
  else choose({ [target.name]: target.value });
});
find('.back').addEventListener('click', () => choose({ page: String(shown.page - 1) }));
find('.on').addEventListener('click', () => choose({ page: String(shown.page + 1) }));
find('.any').addEventListener('click', () => open('random'));
find('.wall-file').addEventListener('click', () => download('wall_file'));
find('.table-file').addEventListener('click', () => download('table_file'));
find('.close').addEventListener('click', () => dialog.close());
dialog.addEventListener('click', (event) => event.target === dialog && dialog.close());
dialog.addEventListener('close', () => {
  asked.digit += 1;
  chosen.row = '';
  toAddress();
});
dialog.addEventListener('keydown', (event) => {
  const button = { ArrowLeft: '.before', ArrowRight: '.after' }[event.key];
  if (!button) return;
  event.preventDefault();
  find(button).click();
});
document.addEventListener('browse', ({ detail }) => (detail ? choose({ model: detail, other: '', compare: '' }) : look()));
document.addEventListener('tab', toAddress); // which tells of the wall again where this tab has been come back to
watch('value', () => {
  // A model that had to make room is chosen no more.
  const keys = props.value.map(([, key]) => key);
  if (!keys.includes(chosen.model)) choose({ model: props.model, other: '', compare: '' });
  else if (chosen.other && !keys.includes(chosen.other)) choose({ other: '', compare: '' });
  else showChoices();
});

fromAddress();
chosen.model = document.body.dataset.browse || chosen.model; // asked for from another tab, before this one was there
showChoices();
const row = chosen.row; // a link may tell of one digit
look().then((found) => found && row && open(row));
