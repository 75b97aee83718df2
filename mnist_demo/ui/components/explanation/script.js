// The explanation of the pad's prediction. It is requested once the pen has rested, never while it moves.
const tabs = [...element.querySelectorAll('[role=tab]')];
const rotation = find('[name=rotation]'), penWidth = find('[name=pen_width]'), centered = find('[name=centered]');
const POLL_MS = 500; // between two requests while the server computes the nearest digits
const HINT = 'Draw a digit: this is what happens between your ink and the answer.';
const IN_PANEL = ['maps', 'votes', 'nearest']; // shown by the prediction panel
const IN_TABS = { 'explain-inside': ['layers'], 'explain-change': ['variants'], 'explain-models': [], 'explain-about': ['network'] };

let drawing = { strokes: [] }; // what to explain: { strokes, model }; null while it changes
let missing = new Set(['network']); // parts of the explanation that the page lacks
let isPending = false;
let retryTimer = 0;

async function requestParts() {
  const shown = tabs.find((tab) => tab.ariaSelected === 'true').getAttribute('aria-controls');
  const parts = [...IN_PANEL, ...IN_TABS[shown]].filter((part) => missing.has(part));
  if (isPending || !drawing || !parts.length) return;
  clearTimeout(retryTimer);
  isPending = true;
  parts.forEach((part) => missing.delete(part));
  const requested = drawing;
  const what_if = { rotation: +rotation.value, pen_width: +penWidth.value, centered: centered.checked };
  const response = await server.explain({ ...requested, what_if, parts });
  isPending = false;
  if (requested === drawing) {
    if (response) showExplanation(response);
    else setText(find('.status'), 'The server does not answer. Retrying…');
    const wanted = response ? (response.nearest?.busy ? ['nearest'] : []) : parts;
    wanted.forEach((part) => missing.add(part));
    if (wanted.length) return (retryTimer = setTimeout(requestParts, POLL_MS));
  }
  requestParts();
}

function showExplanation(explanation) {
  const { error = '', maps, variants, votes, layers, network } = explanation;
  setText(find('.status'), error);
  if (error) return;
  if (maps) {
    showFigures(find('.maps .row'), maps.map(({ digit, percentage, ink, heat }) => (
      { image: ink, heat, alt: `Heat map for ${digit}`, text: `for ${digit} (${percentage})` })));
  }
  if (variants) {
    showFigures(find('.what-if .row'), variants.map(({ name, label, note, image, is_digit }) => (
      { image, alt: `Your drawing, ${name}`, digit: label, text: note ? `${name}: ${note}` : name, className: is_digit ? '' : 'not-a-digit' })));
  }
  if (votes) showVotes(votes);
  if (layers) showLayers(layers);
  if (network) showNetwork(network);
  if (maps || variants || votes || layers) find('.explanation').classList.remove('blank');
  document.dispatchEvent(new CustomEvent('explanation', { detail: { ...explanation, model: drawing.name } }));
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
  items.forEach(({ image, heat, alt = '', digit = '', text, className = '' }, i) => {
    const [frame, caption] = figures[i].children;
    figures[i].className = className;
    setSource(frame.firstChild, image);
    setSource(frame.lastChild, heat);
    (heat ? frame.lastChild : frame.firstChild).alt = alt;
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
    const [title, cells] = nodes[i].children;
    nodes[i].className = labels.some(Boolean) ? 'layer' : 'layer unlabeled';
    setText(title, caption);
    cells.role = 'img';
    cells.ariaLabel = `${labels.length} pictures: ${caption}`;
    showFigures(cells, labels.map((text) => ({ text }))).forEach(({ firstChild: frame }, j) => {
      frame.className = `image sprite ${isHeat ? 'heat' : 'ink'}`;
      showSprite(frame, images, j, labels.length);
    });
  });
}

function showVotes({ summary, models }) {
  setText(find('.others'), models.length - 1);
  setText(find('.votes'), summary);
  const { label } = models.find(({ model }) => model === drawing.name) ?? {};
  showModels(find('.models'), models, (vote) => `${vote.label === label ? '' : 'differs'} ${vote.model === drawing.name ? 'selected' : ''}`.trim());
}

function showNetwork(boxes) {
  setChildCount(find('.network'), boxes.length, (list) => make('li', list)).forEach((box, i) => {
    const [title, details] = setChildCount(box, 2, () => make('span', box));
    setText(title, boxes[i][0]);
    setText(details, boxes[i][1]);
  });
}

function selectTab(selected) {
  for (const tab of tabs) {
    tab.ariaSelected = tab === selected;
    tab.tabIndex = tab === selected ? 0 : -1;
    document.getElementById(tab.getAttribute('aria-controls')).hidden = tab !== selected;
  }
  requestParts();
}

function changeDrawing() {
  setText(find('output.rotation'), `${rotation.value}°`);
  setText(find('output.pen-width'), `${(+penWidth.value).toFixed(1)} pixels`);
  if (drawing?.strokes.length) missing.add('variants');
  requestParts();
}

function reset() {
  rotation.value = 0;
  penWidth.value = props.pen_width;
  centered.checked = true;
  changeDrawing();
}

document.addEventListener('prediction', ({ detail }) => {
  if (!detail.judged) {
    drawing = null; // a late response is for another drawing
    return;
  }
  const isBlank = !detail.percentages.length;
  drawing = { ...detail.drawing, name: detail.model };
  missing = new Set(['network', ...(isBlank ? [] : [...IN_PANEL, 'layers', 'variants'])]);
  setText(find('.status'), isBlank ? HINT : '');
  find('.explanation').classList.toggle('blank', isBlank || find('.explanation').classList.contains('blank'));
  requestParts();
});
tabs.forEach((tab, i) => {
  tab.addEventListener('click', () => selectTab(tab));
  tab.addEventListener('keydown', ({ key }) => {
    const next = { ArrowRight: i + 1, ArrowLeft: i - 1, Home: 0, End: -1 }[key];
    if (next === undefined) return;
    const target = tabs.at(next % tabs.length);
    target.focus();
    selectTab(target);
  });
});
for (const control of [rotation, penWidth, centered]) control.addEventListener('input', changeDrawing);
find('.controls button').addEventListener('click', reset);
setText(find('.status'), HINT);
selectTab(tabs[0]);
reset();
document.dispatchEvent(new Event('listening'));
