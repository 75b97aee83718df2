// Draws the run that is under way and keeps those that have ended. Runs at the first visit; Gradio gives element, props,
// watch, trigger and server. All text goes in as text, never as HTML.
const find = (selector) => element.querySelector(selector);
const FLOORS = [98, 95, 90, 80, 50, 0]; // where the axis of accuracies may begin
const runs = []; // those that have ended, newest first
const ticked = []; // keys of at most two, whose curves are shown
let live = null; // the run under way, or the last one where it came to nothing

const drawLoss = makeChart(find('.loss'));
const drawAccuracy = makeChart(find('.accuracy'));

function draw() {
  const shown = ticked.map((key) => runs.find((run) => run.key === key));
  if (live?.curves && !ticked.includes(live.key)) shown.unshift(live);
  const epochs = Math.max(1, ...shown.map((run) => run.epochs));
  const loss = [], accuracy = [];
  shown.forEach((run, i) => {
    const { at, loss: each, smooth, tested_at, train, test } = run.curves;
    const epoch = (step) => step / run.steps_per_epoch;
    loss.push({ at: at.map(epoch), values: each, kind: `faint run-${i}` }, { at: at.map(epoch), values: smooth, kind: `run-${i}` });
    accuracy.push({ at: tested_at.map(epoch), values: train, kind: `dashed run-${i}` }, { at: tested_at.map(epoch), values: test, kind: `run-${i}` });
  });
  const least = Math.min(0.1, ...loss.flatMap(({ values, kind }) => (kind.startsWith('faint') ? [] : values)));
  const decades = [1, 0.1, 0.01, 0.001, 0.0001].filter((value, i, all) => i < 2 || least < 1.5 * all[i - 1]);
  const low = Math.log10(decades.at(-1)), high = Math.log10(4);
  drawLoss(decades.map((value) => [value, String(value)]), epochs, (value) => BOTTOM - ((BOTTOM - TOP) * (Math.log10(Math.max(value, 1e-9)) - low)) / (high - low), loss);
  const best = Math.min(100, ...shown.map((run) => Math.max(0, ...run.curves.test)));
  const floor = shown.length ? FLOORS.find((value) => value <= best - 4) ?? 0 : 0;
  const ticks = [floor, (floor + 100) / 2, 100].map((value) => [value, `${value} %`]);
  if (floor >= 80) ticks.push([99, '99 %']);
  drawAccuracy(ticks.filter(([value]) => value !== 100 || floor < 80), epochs, (value) => BOTTOM - ((BOTTOM - TOP) * (value - floor)) / (100 - floor), accuracy);
  const legend = find('.legend');
  legend.textContent = '';
  shown.forEach((run, i) => make('span', legend, run.name, { className: `run-${i}` }));
}

function showLooks() {
  const { sample, read, drawing, drawing_read: verdict } = live;
  find('.looks').hidden = !sample;
  if (!sample) return;
  const list = find('.digits');
  if (list.dataset.sprite !== sample.sprite) {
    list.dataset.sprite = sample.sprite;
    list.textContent = '';
    sample.truth.forEach((_, i) => {
      const cell = make('li', list);
      const image = make('span', cell, undefined, { className: 'image' });
      image.style.backgroundImage = `url(${sample.sprite})`;
      image.style.backgroundSize = `${42 * sample.columns}px auto`;
      image.style.backgroundPosition = `${-42 * (i % sample.columns)}px ${-42 * Math.floor(i / sample.columns)}px`;
      make('span', cell, '', { className: 'caption' });
    });
  }
  sample.truth.forEach((truth, i) => {
    const cell = list.children[i];
    const known = read.length > 0;
    cell.className = known ? (read[i] === truth ? 'right' : 'wrong') : '';
    cell.lastChild.textContent = known ? `${read[i]} (${truth})` : `? (${truth})`;
  });
  const image = find('.drawing img');
  image.hidden = !drawing;
  if (drawing && image.src !== drawing) image.src = drawing;
  image.alt = 'What you drew, as the network sees it';
  find('.verdict').textContent = !drawing
    ? 'Draw a digit in the Draw tab first, and watch it being read here while the network learns.'
    : verdict ? `read as ${verdict[0]}, ${(100 * verdict[1]).toFixed(1)} %` : '';
}

function showRuns() {
  find('.runs').hidden = !runs.length;
  const body = find('tbody');
  const held = body.contains(document.activeElement) ? document.activeElement.ariaLabel : null;
  body.textContent = '';
  for (const run of runs) {
    const line = make('tr', body);
    const tick = make('input', make('td', line), undefined, { type: 'checkbox', checked: ticked.includes(run.key), disabled: !run.curves });
    tick.ariaLabel = `Show the curves of ${run.name}`;
    tick.addEventListener('change', () => {
      if (tick.checked) ticked.unshift(run.key);
      else ticked.splice(ticked.indexOf(run.key), 1);
      ticked.splice(2);
      live = null;
      showRuns();
      draw();
    });
    make('td', line, run.name);
    const uses = make('td', line);
    for (const text of [run.accuracy, run.seconds, run.passed, run.changes]) make('td', line, text);
    for (const [text, use] of [
      ['Draw', () => goto('draw', () => trigger('select', { key: run.key }))],
      ['Browse', () => goto('browse', () => {
        document.body.dataset.browse = run.key;
        document.dispatchEvent(new CustomEvent('browse', { detail: run.key }));
      })],
      ['Download', () => download(run.key)],
    ]) {
      const button = make('button', uses, text, { type: 'button' });
      button.ariaLabel = `${text}: ${run.name}`;
      button.addEventListener('click', use);
    }
  }
  if (held) [...body.querySelectorAll('input, button')].find((node) => node.ariaLabel === held)?.focus(); // the keyboard's place
}

function goto(tab, then) {
  document.getElementById(`${tab}-tab-button`).click();
  then();
}

async function download(key) {
  const file = (await server.download({ key })) ?? { error: 'The server does not answer. Try again.' };
  find('.notice').textContent = file.error ?? '';
  if (!file.error) save(file);
}

function show(news) {
  if (!news) return;
  find('.status').textContent = news.status ?? '';
  if (!news.curves || news.key) find('.spoken').textContent = news.status ?? ''; // the rest is told five times a second
  if (news.kept) { // a run that had to make room is gone
    for (let i = runs.length - 1; i >= 0; i -= 1) if (!news.kept.includes(runs[i].key)) runs.splice(i, 1);
    for (let i = ticked.length - 1; i >= 0; i -= 1) if (!news.kept.includes(ticked[i])) ticked.splice(i, 1);
  }
  if (news.key && !runs.some((run) => run.key === news.key)) {
    runs.unshift(news);
    if (news.curves) ticked.unshift(news.key);
    ticked.splice(2);
    showRuns();
  }
  if (news.curves || !news.key) live = news;
  draw();
  if (live === news) showLooks();
}

watch('value', () => show(props.value));
show(props.value);
draw();
