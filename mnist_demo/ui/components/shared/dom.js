// Helpers for all scripts: find, create and update nodes. Text is always set as text, never parsed as HTML.
const NO_RESPONSE = 'The server does not answer. Try again.';
const find = (selector) => element.querySelector(selector);

function openTab(name) {
  document.getElementById(`${name}-tab-button`).click();
  scrollTo({ top: 0 });
}

// Gradio creates a part of the page when it is first shown.
function whenPresent(selector, act) {
  const node = document.querySelector(selector);
  if (node) act(node);
  else requestAnimationFrame(() => whenPresent(selector, act));
}

function drawWithModel(key) {
  document.dispatchEvent(new CustomEvent('collect', { detail: false })); // to see its predictions, not to label drawings
  openTab('draw');
  trigger('select', { key });
}

// Call a server function. Return an object with `error` if the server does not answer.
async function callServer(name, query) {
  return (await server[name](query)) ?? { error: NO_RESPONSE };
}

// Set a text only if it differs: otherwise the browser repeats the layout for nothing.
function setText(node, text) {
  if (node.textContent !== `${text}`) node.textContent = text;
}

function setSource(image, source) {
  image.hidden = !source;
  if (source && image.src !== source) image.src = source;
}

function make(name, parent, text = '', properties = {}) {
  const node = Object.assign(document.createElement(name), { textContent: text }, properties);
  parent.append(node);
  return node;
}

function makeShape(name, parent, attributes = {}, text = '') {
  const node = document.createElementNS('http://www.w3.org/2000/svg', name);
  for (const [key, value] of Object.entries(attributes)) node.setAttribute(key, value);
  node.textContent = text;
  parent.append(node);
  return node;
}

// Remove or create children until there are `count`, and return them. Those that stay do not flicker.
function setChildCount(parent, count, create) {
  while (parent.children.length > count) parent.lastChild.remove();
  while (parent.children.length < count) create(parent);
  return [...parent.children];
}

// Show image `index` of a sprite that holds `count` images in rows of `columns`.
function showSprite(node, { sprite, columns }, index, count) {
  const position = (i, size) => `${size > 1 ? (100 * i) / (size - 1) : 0}%`;
  const rows = Math.ceil(count / columns);
  node.style.backgroundImage = `url(${sprite})`;
  node.style.backgroundSize = `${100 * columns}% ${100 * rows}%`;
  node.style.backgroundPosition = `${position(index % columns, columns)} ${position(Math.floor(index / columns), rows)}`;
}

// Return the class of a prediction, or '' before the first prediction.
function getCorrectness(prediction, label) {
  if (prediction === undefined) return '';
  return prediction === label ? 'correct' : 'incorrect';
}

// Fill cells with the digits of a sprite, each above its "prediction (label)".
function showDigits(cells, sprite, labels, predictions) {
  cells.forEach((cell, i) => {
    const [image, caption] = setChildCount(cell, 2, () => make('span', cell));
    image.className = 'sprite ink';
    caption.className = 'caption';
    cell.className = getCorrectness(predictions[i], labels[i]);
    showSprite(image, sprite, i, cells.length);
    setText(caption, `${predictions[i] ?? '?'} (${labels[i]})`);
  });
}

// Show a bar [percentage, text, count] for each name, and return their rows.
function showBars(parent, bars, names = [...'0123456789']) {
  const rows = setChildCount(parent, names.length, () => {
    const row = make('div', parent, '', { className: 'bar' });
    for (const className of ['name', 'track', 'percentage', 'count']) make('span', row, '', { className });
  });
  rows.forEach((row, i) => {
    const [percentage = 0, text = '', count = ''] = bars[i] ?? [];
    row.children[1].style.setProperty('--percentage', `${percentage}%`);
    [names[i], '', text, count].forEach((each, j) => setText(row.children[j], each));
  });
  return rows;
}

// The 28x28 pixels of a prediction, 0 to 255 of ink: the server sends base64.
const decodePixels = (base64) => Uint8Array.from(atob(base64), (character) => character.charCodeAt(0));

// Draw such pixels as black ink on nothing.
function drawPixels(context, bytes) {
  const pixels = context.createImageData(28, 28);
  bytes.forEach((ink, i) => (pixels.data[4 * i + 3] = ink));
  context.putImageData(pixels, 0, 0);
}
