// The explanation of the pad's prediction, requested while the panel is open.
const LIVE_MS = 150; // if responses take longer, explanations wait until the pen is up
const panel = find('details');
const rotation = find('[name=rotation]'), penWidth = find('[name=pen_width]'), centered = find('[name=centered]');

let newest = null; // what to explain: { strokes, model, what_if, isMoving }
let requested = null; // what the last request explains
let isPending = false;
let needsAll = true; // whether the nearest digits and the layers of the newest drawing are missing
let lastDuration = 0; // of a response while the pen moved, in ms
let retryTimer = 0;

async function requestExplanation() {
  if (isPending || !panel.open || !newest || newest === requested) return;
  clearTimeout(retryTimer);
  isPending = true;
  requested = newest;
  const { isMoving, ...query } = requested;
  const all = needsAll && !isMoving;
  const since = performance.now();
  const response = await server.explain({ ...query, all });
  isPending = false;
  lastDuration = all ? 0 : performance.now() - since;
  if (response) showExplanation(response);
  else setText(find('.status'), 'The server does not answer. Retrying…');
  if (requested === newest) {
    if (all) needsAll = !response || Boolean(response.nearest?.busy);
    if (!response || (needsAll && !isMoving && response.maps)) retryTimer = setTimeout(update, props.poll_ms);
  }
  requestExplanation();
}

function update(changes) {
  if (!newest && !changes) return; // there is no drawing yet
  const what_if = { rotation: +rotation.value, pen_width: +penWidth.value, centered: centered.checked };
  newest = { ...newest, ...changes, what_if };
  requestExplanation();
}

function showExplanation({ error, ink, maps, variants, nearest, layers }) {
  setText(find('.status'), error ?? (maps ? '' : 'Draw a digit first.'));
  find('.sections').hidden = !maps;
  if (!maps) return;
  showFigures(find('.maps .row'), maps.map(({ digit, percentage, heat }) => (
    { image: ink, heat, text: `for ${digit} (${percentage})` })));
  showFigures(find('.what-if .row'), variants.map(({ name, label, note, image, is_digit }) => (
    { image, digit: label, text: note ? `${name}: ${note}` : name, className: is_digit ? '' : 'not-a-digit' })));
  if (nearest) {
    setText(find('.nearest .caption'), nearest.busy ?? nearest.caption);
    showFigures(find('.nearest .row'), (nearest.digits ?? []).map(({ label, image, differs }) => (
      { image, text: `a ${label}`, className: differs ? 'differs' : '' })));
  }
  if (layers) showLayers(layers);
}

function showFigures(parent, items) {
  const figures = setChildCount(parent, items.length, (row) => {
    const figure = make('figure', row);
    const frame = make('span', figure, '', { className: 'image' });
    for (const className of ['ink', 'heat']) make('img', frame, '', { className, alt: '' });
    const caption = make('figcaption', figure);
    make('div', caption, '', { className: 'digit' });
    make('span', caption);
  });
  items.forEach(({ image, heat, digit = '', text, className = '' }, i) => {
    const [frame, caption] = figures[i].children;
    figures[i].className = className;
    setSource(frame.firstChild, image);
    setSource(frame.lastChild, heat);
    setText(caption.firstChild, digit);
    setText(caption.lastChild, text);
  });
  return figures;
}

function showLayers(layers) {
  const nodes = setChildCount(find('.layers'), layers.length, (list) => {
    const node = make('div', list);
    make('p', node, '', { className: 'caption' });
    make('div', node, '', { className: 'cells' });
  });
  layers.forEach(({ caption, labels, is_heat: isHeat, ...images }, i) => {
    nodes[i].className = labels.some(Boolean) ? 'layer' : 'layer unlabeled';
    setText(nodes[i].firstChild, caption);
    showFigures(nodes[i].lastChild, labels.map((text) => ({ text }))).forEach(({ firstChild: frame }, j) => {
      frame.className = `image sprite ${isHeat ? '' : 'ink'}`;
      showSprite(frame, images, j, labels.length);
    });
  });
}

function showControls() {
  setText(find('output.rotation'), `${rotation.value}°`);
  setText(find('output.pen-width'), `${(+penWidth.value).toFixed(1)} pixels`);
  update();
}

function reset() {
  rotation.value = 0;
  penWidth.value = props.pen_width;
  centered.checked = true;
  showControls();
}

document.addEventListener('prediction', ({ detail: { drawing, settled } }) => {
  if (!settled && lastDuration >= LIVE_MS) return;
  needsAll = true;
  update({ ...drawing, isMoving: !settled });
});
panel.addEventListener('toggle', () => update());
for (const control of [rotation, penWidth, centered]) control.addEventListener('input', showControls);
find('.controls button').addEventListener('click', reset);
reset();
document.dispatchEvent(new Event('listening'));
