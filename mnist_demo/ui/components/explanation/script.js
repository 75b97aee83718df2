// The explanation of the pad's prediction. The drawing is sent to the server only when the user asks.
const tabs = [...element.querySelectorAll('[role=tab]')];
const rotation = find('[name=rotation]'), penWidth = find('[name=pen_width]'), centered = find('[name=centered]');
const isNarrow = matchMedia('(max-width: 739px)');
const POLL_MS = 500; // between two requests while the server computes the nearest digits
const HINT = 'Draw a digit: this is what happens between your ink and the answer.';
const IN_PANEL = ['heat_maps', 'nearest']; // shown by the prediction panel
const IN_TABS = { 'explain-inside': ['units'], 'explain-change': ['variants'], 'explain-models': [], 'explain-about': ['network'] };

let drawing = { strokes: [] }; // what to explain: { strokes, model }; null while it changes
let percentages = []; // of its prediction
let isAsked = false; // the user wants to know why
let missing = new Set(['network']); // parts of the explanation that the page lacks
let isPending = false;
let retryTimer = 0;

async function requestParts() {
  const shown = tabs.find((tab) => tab.ariaSelected === 'true').getAttribute('aria-controls');
  const parts = [...IN_PANEL, ...IN_TABS[shown]].filter((part) => missing.has(part) && (isAsked || part === 'network'));
  if (isPending || !drawing || !parts.length) return;
  clearTimeout(retryTimer);
  isPending = true;
  parts.forEach((part) => missing.delete(part));
  const requested = drawing;
  const what_if = { rotation: +rotation.value, pen_width: +penWidth.value, centered: centered.checked };
  const { model } = drawing;
  const response = await server.explain({ strokes: isAsked ? drawing.strokes : [], model, what_if, parts });
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
  const { error = '', heat_maps: heatMaps, variants, units, network } = explanation;
  setText(find('.status'), error);
  if (error) return;
  if (heatMaps) {
    showFigures(find('.maps .row'), heatMaps.map(({ digit, ink, heat }) => (
      { image: ink, heat, alt: `Heat map for ${digit}`, text: `for ${digit} (${percentages[digit].toFixed(1)}%)` })));
  }
  if (variants) {
    showFigures(find('.what-if .row'), variants.map(({ name, image, prediction }) => {
      const { label, note } = describePrediction(prediction);
      return { image, alt: `Your drawing, ${name}`, digit: label, text: note ? `${name}: ${note}` : name, className: prediction.is_digit ? '' : 'not-a-digit' };
    }));
  }
  if (units) showUnits(units);
  if (network) showNetwork(network);
  if (heatMaps || variants || units) find('.explanation').classList.remove('blank');
  document.dispatchEvent(new CustomEvent('explanation', { detail: explanation }));
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

// Show the maps of each convolution, while the pen moves too: a canvas for each layer, with a pixel between two maps.
function showMaps(layers) {
  const nodes = setChildCount(find('.convolutions'), layers.length, (list) => {
    const node = make('div', list);
    make('p', node, '', { className: 'caption' });
    make('canvas', node).role = 'img';
  });
  layers.forEach(({ height, width, count, hidden, pixels }, i) => {
    const [title, canvas] = nodes[i].children;
    const columns = Math.min(count, isNarrow.matches ? 16 : 32);
    const size = [columns * (width + 1) - 1, Math.ceil(count / columns) * (height + 1) - 1];
    if (canvas.width !== size[0] || canvas.height !== size[1]) [canvas.width, canvas.height] = size;
    const context = canvas.getContext('2d');
    const image = context.createImageData(...size);
    for (let map = 0; map < count; map++) {
      const left = (map % columns) * (width + 1), top = Math.floor(map / columns) * (height + 1);
      for (let pixel = 0; pixel < height * width; pixel++) {
        const at = (top + Math.floor(pixel / width)) * size[0] + left + (pixel % width);
        image.data[4 * at + 3] = 20 + (235 * pixels[map * height * width + pixel]) / 255; // paper is gray, to show each map
      }
    }
    context.putImageData(image, 0, 0);
    const hint = i ? '' : ' Ink: the filter found its pattern here.';
    setText(title, `Layer ${i + 1} of ${hidden} · ${count} filters (${height}x${width}).${hint}`);
    canvas.ariaLabel = title.textContent;
  });
}

function showUnits(layers) {
  const nodes = setChildCount(find('.units'), layers.length, (list) => {
    const node = make('div', list);
    make('p', node, '', { className: 'caption' });
    make('div', node, '', { className: 'cells' });
  });
  layers.forEach(({ caption, labels, ...images }, i) => {
    const [title, cells] = nodes[i].children;
    nodes[i].className = 'layer';
    setText(title, caption);
    cells.role = 'img';
    cells.ariaLabel = `${labels.length} pictures: ${caption}`;
    showFigures(cells, labels.map((text) => ({ text }))).forEach(({ firstChild: frame }, j) => {
      frame.className = 'image sprite heat';
      showSprite(frame, images, j, labels.length);
    });
  });
}

function showVotes({ busy, models = [], selected }) {
  setText(find('.votes'), busy ?? summarizeVotes(models));
  const own = models.find(({ model }) => model === selected);
  const label = own && describePrediction(own.prediction).label;
  showModels(find('.models'), models, (vote, model) => `${vote === label ? '' : 'differs'} ${model === selected ? 'selected' : ''}`.trim());
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
  document.showsMaps = selected.id === 'explain-inside-tab'; // for the pad, which may load later
  document.dispatchEvent(new Event('show-maps'));
  if (selected.id === 'explain-models-tab') document.dispatchEvent(new Event('ask-all'));
  requestParts();
}

// Say what to do, and hide what explains another drawing.
function showStatus() {
  find('.ask').hidden = !drawing || !percentages.length || isAsked;
  setText(find('.status'), percentages.length ? '' : HINT);
  if (!isAsked) find('.explanation').classList.add('blank');
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
  const isBlank = !detail.percentages.length;
  if (!detail.settled || isBlank) isAsked = false; // for the next drawing, the user must ask again
  drawing = detail.judged ? detail.drawing : null; // a late response is for another drawing
  if (!detail.judged || isBlank) showVotes({});
  showMaps(detail.maps ?? []);
  ({ percentages } = detail);
  missing = new Set(['network', ...(isBlank ? [] : [...IN_PANEL, 'units', 'variants'])]);
  showStatus();
  requestParts();
});
document.addEventListener('ask-why', () => {
  isAsked = true;
  showStatus();
  requestParts();
});
document.addEventListener('votes', ({ detail }) => showVotes(detail));
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
const askWhy = () => document.dispatchEvent(new Event('ask-why'));
for (const control of [rotation, penWidth, centered]) {
  control.addEventListener('input', () => {
    changeDrawing();
    if (percentages.length) askWhy();
  });
}
find('.ask').addEventListener('click', askWhy);
find('.controls button').addEventListener('click', reset);
selectTab(tabs[0]);
showStatus();
reset();
document.dispatchEvent(new Event('listening'));
