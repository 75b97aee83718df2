// The drawing pad: records strokes, undoes, clears and replays examples. predict.js requests the predictions.
const PAD_SIZE = 1000; // of the pad in its own units
const LINE_WIDTH = 55; // pad units; for display only
const MIN_DISTANCE = 4; // pad units between two recorded points
const PALM_MS = 1000; // after the pen's last contact in which a touch is taken for the palm
const MOVE_EVENT = 'onpointerrawupdate' in window ? 'pointerrawupdate' : 'pointermove'; // pointermove waits for a frame
const DRAWING = ['sessionStorage', 'mnist_demo.drawing'];
const REPLAY_MS = 1200; // for an example
const REPLAY_DISTANCE = 12; // pad units between two replayed points

const pad = find('.sketchpad');
const canvas = find('.pad canvas');
const context = canvas.getContext('2d');
const undoButton = find('.undo'), clearButton = find('.clear');

const stripQuery = matchMedia('(max-width: 739px)'); // of the strip in style.css
const pixels = Object.assign(document.createElement('canvas'), { width: 28, height: 28 });

let strokes = [];
let cleared = []; // the drawing that undo brings back while the pad is empty
let pointer = null; // the drawing pointer: { id, type }
let lastPenTime = -Infinity;
let paintFrame = 0; // 0 if no repaint is scheduled
let animation = 0; // the next frame of a replay, 0 if none
let sentValue = '[]'; // the value as Python knows it

function paint() {
  paintFrame = 0;
  const scale = canvas.width / PAD_SIZE;
  context.setTransform(scale, 0, 0, scale, 0, 0);
  context.clearRect(0, 0, PAD_SIZE, PAD_SIZE);
  context.lineWidth = LINE_WIDTH;
  context.lineCap = context.lineJoin = 'round';
  context.strokeStyle = getComputedStyle(canvas).color;
  context.fillStyle = context.strokeStyle;
  context.beginPath();
  for (const stroke of strokes.filter(({ length }) => length > 1)) {
    context.moveTo(...stroke[0]);
    // Curves through the middles of the segments look smooth.
    for (let i = 1; i < stroke.length - 1; i++) {
      const [[x, y], [nextX, nextY]] = stroke.slice(i, i + 2);
      context.quadraticCurveTo(x, y, (x + nextX) / 2, (y + nextY) / 2);
    }
    context.lineTo(...stroke.at(-1));
  }
  context.stroke();
  for (const [[x, y]] of strokes.filter(({ length }) => length === 1)) { // not every browser draws a line without length
    context.beginPath();
    context.arc(x, y, LINE_WIDTH / 2, 0, 2 * Math.PI);
    context.fill();
  }
  pad.classList.toggle('drawn', strokes.length > 0);
  // Disabling the focused button would lose the keyboard focus.
  if (!strokes.length && [undoButton, clearButton].includes(document.activeElement)) canvas.focus({ preventScroll: true });
  clearButton.disabled = !strokes.length;
  undoButton.disabled = !strokes.length && !cleared.length;
}

function fitCanvas() {
  const pixels = Math.round(canvas.clientWidth * (window.devicePixelRatio || 1));
  // Zero while the tab is hidden. A new canvas is 300 x 150, so its height matters too.
  if (pixels && (pixels !== canvas.width || pixels !== canvas.height)) canvas.width = canvas.height = pixels;
  paint();
}

function updateDrawing() {
  paintFrame ||= requestAnimationFrame(paint);
  requestPrediction();
}

// Send the drawing to Python once the pen is up or the replay has ended.
function finishDrawing() {
  sentValue = JSON.stringify(strokes);
  props.value = JSON.parse(sentValue);
  storeDrawing();
  settlePrediction();
}

function toPadUnits(event) {
  const box = canvas.getBoundingClientRect();
  const scale = PAD_SIZE / box.width;
  return [Math.round((event.clientX - box.left) * scale), Math.round((event.clientY - box.top) * scale)];
}

// Return whether the point is at least `minDistance` from the last one and was added.
function addPoint(event, minDistance) {
  const stroke = strokes.at(-1);
  const [x, y] = toPadUnits(event);
  const [lastX, lastY] = stroke.at(-1);
  if (Math.hypot(x - lastX, y - lastY) < minDistance) return false;
  stroke.push([x, y]);
  return true;
}

function startStroke(event) {
  if (event.button !== 0 || event.ctrlKey) return; // Ctrl and click opens a menu on a Mac and never sends pointerup
  const type = event.pointerType;
  if (type === 'touch' && event.timeStamp - lastPenTime < PALM_MS) return;
  if (pointer) {
    if (pointer.type !== 'touch') return;
    strokes.pop(); // the palm touched before the pen, or a second finger zooms
    if (type === 'touch') return setStrokes(strokes);
  }
  event.preventDefault();
  interrupt();
  canvas.classList.add('by-pointer');
  canvas.focus({ preventScroll: true });
  canvas.setPointerCapture(event.pointerId);
  pointer = { id: event.pointerId, type };
  cleared = [];
  strokes.push([toPadUnits(event)]);
  updateDrawing();
}

function extendStroke(event) {
  if (event.pointerType === 'pen' && event.buttons) lastPenTime = event.timeStamp;
  if (event.pointerId !== pointer?.id) return;
  if (!event.buttons) return endStroke(event); // pointerup was lost
  const events = event.getCoalescedEvents?.() ?? [];
  const added = (events.length ? events : [event]).map((each) => addPoint(each, MIN_DISTANCE));
  if (added.some(Boolean)) updateDrawing();
}

function endStroke(event) {
  if (event.pointerId !== pointer?.id) return;
  if (pointer.type === 'pen') lastPenTime = event.timeStamp;
  if (event.type === 'pointercancel' && pointer.type === 'touch') {
    strokes.pop(); // the system recognized a palm or a gesture
    updateDrawing();
  }
  pointer = null;
  if (event.type === 'pointerup' && addPoint(event, 1)) updateDrawing();
  finishDrawing();
}

// End a stroke or a replay that is under way, and replace the drawing.
function interrupt(newStrokes = strokes) {
  cancelAnimationFrame(animation);
  animation = 0;
  pointer = null;
  strokes = newStrokes;
}

function setStrokes(newStrokes) {
  interrupt(newStrokes);
  updateDrawing();
  finishDrawing();
}

function undo() {
  if (pointer) return;
  const [restored, before] = [strokes.length ? strokes.slice(0, -1) : cleared, strokes];
  cleared = [];
  if (before.length || restored.length) setStrokes(restored);
}

function clear() {
  if (strokes.length) cleared = strokes;
  setStrokes([]);
}

const storeDrawing = () => storeList(...DRAWING, strokes); // Gradio reloads the page when a lost server is back

// Draw an example point by point, or at once for users who prefer reduced motion.
function replay(example) {
  interrupt([]);
  cleared = [];
  const points = interpolate(example);
  const isInstant = matchMedia('(prefers-reduced-motion: reduce)').matches;
  const start = performance.now();
  let drawn = 0;
  function drawFrame(now) {
    const due = isInstant ? points.length : Math.min(points.length, Math.ceil(((now - start) / REPLAY_MS) * points.length));
    for (; drawn < due; drawn++) {
      const [index, point] = points[drawn];
      if (index === strokes.length) strokes.push([]);
      strokes[index].push(point);
    }
    animation = drawn < points.length ? requestAnimationFrame(drawFrame) : 0;
    updateDrawing();
    if (!animation) finishDrawing();
  }
  drawFrame(start + 1);
}

// Return the points of a drawing as [index of the stroke, point], at most REPLAY_DISTANCE apart.
function interpolate(drawing) {
  return drawing.flatMap((stroke, index) => stroke.flatMap(([x, y], i) => {
    const [lastX, lastY] = stroke[Math.max(i - 1, 0)];
    const parts = Math.max(1, Math.ceil(Math.hypot(x - lastX, y - lastY) / REPLAY_DISTANCE));
    const between = (from, to, part) => Math.round(from + ((to - from) * part) / parts);
    return Array.from({ length: parts }, (_, part) => [index, [between(lastX, x, part + 1), between(lastY, y, part + 1)]]);
  }));
}

canvas.addEventListener('pointerdown', startStroke);
canvas.addEventListener(MOVE_EVENT, extendStroke);
canvas.addEventListener('pointerup', endStroke);
canvas.addEventListener('pointercancel', endStroke);
undoButton.addEventListener('click', undo);
clearButton.addEventListener('click', clear);
find('.why').addEventListener('click', () => {
  document.dispatchEvent(new Event('ask-why'));
  document.querySelector('#prediction .side').scrollIntoView();
});
find('.use-photo').addEventListener('click', () => {
  trigger('upload');
  whenPresent('#photo button', (button) => button.focus());
});
canvas.addEventListener('blur', () => canvas.classList.remove('by-pointer'));
// The keys also work while nothing is focused.
document.addEventListener('keydown', (event) => {
  const isInside = pad.contains(event.target);
  if (!isInside && (event.target !== document.body || !canvas.clientWidth)) return;
  const key = (event.ctrlKey || event.metaKey) && event.key === 'z' ? 'Backspace' : event.key;
  const action = { Backspace: undo, Delete: clear, Escape: isInside && clear }[key];
  if (!action) return;
  event.preventDefault();
  action();
});
addEventListener('pagehide', storeDrawing);

for (const [name, example] of Object.entries(props.examples)) {
  const button = make('button', find('.examples'), '', { type: 'button', title: name, ariaLabel: name, onclick: () => replay(example) });
  makeIcon(button, example, `0 0 ${PAD_SIZE} ${PAD_SIZE}`);
}

// Show the answer above the pad on a phone, where the panel beside it is out of view.
function showStrip({ label, note, digit, percentages, image, model, judged }) {
  if (!stripQuery.matches) return;
  setText(find('.strip .digit'), label);
  setText(find('.strip .note'), note);
  find('.why').hidden = !percentages.length;
  setText(find('.strip .model'), model && model !== getName(props.model) ? model : '');
  const best = percentages.map((percentage, i) => [percentage, i]).slice(0, judged ? 11 : 10).sort(([a, first], [b, second]) => b - a || (second === digit) - (first === digit)).slice(0, 3);
  showBars(find('.best'), best.map(([percentage]) => [percentage]), best.map(([, i]) => (i === 10 ? '?' : i)));
  drawPixels(pixels.getContext('2d'), image ?? []);
  setSource(find('.pixels'), pixels.toDataURL());
}

watch('value', () => {
  const value = JSON.stringify(props.value ?? []);
  if (value !== sentValue) setStrokes(JSON.parse(value)); // Python has set it
});
new ResizeObserver(fitCanvas).observe(canvas);
let pixelRatioQuery; // a reference, or the browser may drop the listener
function watchPixelRatio() { // it may change without the size
  pixelRatioQuery = matchMedia(`(resolution: ${devicePixelRatio}dppx)`);
  pixelRatioQuery.addEventListener('change', () => {
    fitCanvas();
    watchPixelRatio();
  }, { once: true });
}
watchPixelRatio();
addEventListener('resize', fitCanvas); // zooming changes it too
new MutationObserver(paint).observe(document.body, { attributes: true, attributeFilter: ['class'] }); // dark or light
strokes = props.value?.length ? JSON.parse(JSON.stringify(props.value)) : loadList(...DRAWING, isStroke);
fitCanvas();
setText(find('.hint'), 'Draw a digit, 0 to 9');
document.addEventListener('clear-pad', clear);
document.addEventListener('collect', ({ detail }) => pad.classList.toggle('collecting', detail));
if (strokes.length) {
  updateDrawing();
  setTimeout(finishDrawing); // Gradio overwrites a value that is set before it has finished with this script
}
