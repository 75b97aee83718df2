// A visitor's own digits, and what a network learns of them. Follows mine.js, save.js and chart.js; Gradio gives element,
// props, watch, trigger and server. All text goes in as text, never as HTML.
const find = (selector) => element.querySelector(selector);
const LOST = 15000; // ms without an answer after which the page gives up
const THUMB = 88; // pixels of a thumbnail's canvas
const drawChart = makeChart(find('svg'), 'step 0');

let news = null; // of the teaching under way, or the last
let taught = []; // the drawings that it was given, as text

function showMine() {
  const list = find('.mine');
  const digits = mine();
  const held = [...list.children].findIndex((cell) => cell.contains(document.activeElement));
  const kind = document.activeElement?.tagName;
  list.textContent = '';
  digits.forEach((digit, i) => {
    const cell = make('li', list);
    paint(make('canvas', cell, undefined, { width: THUMB, height: THUMB }), digit.strokes);
    const label = make('select', cell);
    for (let value = 0; value < 10; value++) make('option', label, `a ${value}`, { value });
    label.value = digit.label;
    label.ariaLabel = `What digit ${i + 1} is`;
    label.addEventListener('change', () => keepMine(mine().map((one, j) => (i === j ? { ...one, label: +label.value } : one))));
    const remove = make('button', cell, '×', { type: 'button', title: 'Delete' });
    remove.ariaLabel = `Delete digit ${i + 1}, a ${digit.label}`;
    remove.addEventListener('click', () => keepMine(mine().filter((_, j) => i !== j)));
    const place = taught.indexOf(JSON.stringify(digit));
    const read = place < 0 ? undefined : news?.unseen?.[place];
    cell.className = read === undefined ? '' : read === digit.label ? 'right' : 'wrong';
    make('span', cell, read === undefined ? '' : `read as ${read}`, { className: 'says' });
  });
  if (held >= 0) list.children[Math.min(held, digits.length - 1)]?.querySelector(kind)?.focus(); // the keyboard's place
  for (const name of ['download', 'delete-all']) find(`.${name}`).disabled = !digits.length;
  find('.learn').disabled = !digits.length || isUnderWay();
}

function paint(canvas, strokes) {
  const points = strokes.flat();
  const [low, high] = [Math.min, Math.max].map((pick) => [0, 1].map((axis) => points.reduce((best, point) => pick(best, point[axis]), points[0][axis])));
  const scale = (0.72 * THUMB) / Math.max(high[0] - low[0], high[1] - low[1], 1e-9);
  const at = ([x, y]) => [THUMB / 2 + scale * (x - (low[0] + high[0]) / 2), THUMB / 2 + scale * (y - (low[1] + high[1]) / 2)];
  const context = canvas.getContext('2d');
  context.lineWidth = THUMB / 14;
  context.lineCap = context.lineJoin = 'round';
  context.strokeStyle = getComputedStyle(canvas).color;
  context.beginPath();
  for (const stroke of strokes) {
    context.moveTo(...at(stroke[0]));
    for (const point of stroke) context.lineTo(...at(point));
  }
  context.stroke();
}

function content(digits) {
  return JSON.stringify({ ...props.file_head, digits: digits.map(({ label, strokes }) => ({ label, strokes })) });
}

function isUnderWay() {
  return Boolean(news) && !news.ended;
}

find('.learn').addEventListener('click', () => {
  taught = mine().map((digit) => JSON.stringify(digit));
  say('.notice', '');
  const asking = { status: 'Asking the server…' };
  news = asking;
  show();
  setTimeout(() => {
    if (news !== asking) return;
    news = { status: 'The server does not answer. Try again.', ended: true };
    show();
  }, LOST);
  trigger('submit', { content: content(mine()) });
});
find('.stop').addEventListener('click', () => trigger('clear'));
find('.use').addEventListener('click', () => {
  document.getElementById('draw-tab-button').click();
  trigger('select', { key: news.key });
});
find('.download').addEventListener('click', () => {
  save({ name: 'my digits.json', kind: 'application/json', content: btoa(content(mine())) });
});
find('.delete-all').addEventListener('click', () => {
  if (confirm(`Delete all ${mine().length} digits of yours?`)) keepMine([]);
});
find('.upload').addEventListener('keydown', (event) => {
  if (event.key !== 'Enter' && event.key !== ' ') return;
  event.preventDefault(); // or else the page scrolls
  find('.upload input').click();
});
find('.upload input').addEventListener('change', async (event) => {
  const [file] = event.target.files;
  event.target.value = ''; // so that the same file can be chosen again
  if (!file) return;
  if (file.size > props.most_bytes) return say('.notice', `The file has ${file.size.toLocaleString('en')} bytes; at most ${props.most_bytes.toLocaleString('en')} are read.`);
  const checked = (await server.check({ content: await file.text() })) ?? { error: 'The server does not answer. Try again.' };
  if (checked.error) return say('.notice', checked.error);
  const known = new Set(mine().map(({ strokes }) => JSON.stringify(strokes)));
  const before = mine();
  const added = JSON.parse(checked.content).digits.filter(({ strokes }) => known.size !== known.add(JSON.stringify(strokes)).size);
  if (known.size > props.most) return say('.notice', `These would make ${known.size} digits; there may be ${props.most}. Delete some first. Nothing was taken.`);
  const lasts = keepMine([...before, ...added]);
  say('.notice', `${added.length === 1 ? '1 digit was' : `${added.length} digits were`} added.${lasts ? '' : ' This browser keeps them until the page is closed.'}`);
});

function say(selector, text) {
  const node = find(selector);
  if (node.textContent !== text) node.textContent = text;
}

function show() {
  say('.status', news?.status ?? '');
  find('.learn').disabled = !mine().length || isUnderWay();
  find('.stop').disabled = !isUnderWay();
  const { steps, at = [], own = [], test = [], rows = [], key } = news ?? {};
  find('.outcome').hidden = !at.length;
  if (at.length) {
    const least = Math.min(...own, ...test);
    const floor = [90, 80, 50, 0].find((value) => value < least) ?? 0;
    const ticks = [floor, (floor + 100) / 2, 100].map((value) => [value, `${value} %`]);
    drawChart(ticks, steps, (value) => BOTTOM - ((BOTTOM - TOP) * (value - floor)) / (100 - floor), [
      { at, values: own, kind: '' },
      { at, values: test, kind: 'dashed' },
    ]);
  }
  const body = find('tbody');
  body.textContent = '';
  for (const row of rows) {
    const line = make('tr', body);
    row.forEach((text, i) => make(i ? 'td' : 'th', line, text));
  }
  find('.use').hidden = !key;
}

document.addEventListener('mine', showMine);
watch('value', () => {
  if (!props.value) return;
  const before = JSON.stringify(news?.unseen);
  news = props.value;
  show();
  if (JSON.stringify(news.unseen) !== before) showMine();
});
new MutationObserver(showMine).observe(document.body, { attributes: true, attributeFilter: ['class'] }); // dark or light
showMine();
show();
