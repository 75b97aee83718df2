// Draws. Runs once for the pad; Gradio gives element, props and watch. ask.js, which follows, asks what was drawn.
const FIELD = 1000; // coordinates run from 0 to this over the square pad
const PEN = 55; // width of the drawn line, in field units: for the eye only, the network sees the path
const STEP = 4; // field units: a point nearer to the last one tells nothing more
const PALM = 1000; // ms after a pen's last touch in which a finger is taken for the palm
const MOVE = 'onpointerrawupdate' in window ? 'pointerrawupdate' : 'pointermove'; // the latter waits for a frame
const STORE = 'mnist_demo.drawing';
const REPLAY = 1200; // ms that an example takes to be drawn

const pad = element.querySelector('.sketchpad');
const canvas = pad.querySelector('canvas');
const undoButton = pad.querySelector('.undo');
const clearButton = pad.querySelector('.clear');
const context = canvas.getContext('2d');

let strokes = [];
let pointer = null; // what draws: { id, type }
let penSeen = -Infinity; // when a pen last touched
let frame = 0; // the painting that is due, 0 if none
let replay = 0; // the next step of an example being drawn, 0 if none
let sent = '[]'; // the value as Python knows it

function copy(drawing) {
  return (drawing || []).map((stroke) => stroke.map(([x, y]) => [x, y]));
}

function paint() {
  frame = 0;
  const scale = canvas.width / FIELD;
  context.setTransform(scale, 0, 0, scale, 0, 0);
  context.clearRect(0, 0, FIELD, FIELD);
  context.lineWidth = PEN;
  context.lineCap = context.lineJoin = 'round';
  context.strokeStyle = getComputedStyle(canvas).color;
  context.beginPath();
  for (const stroke of strokes) {
    context.moveTo(...stroke[0]);
    // Curves through the middles of the segments look as smooth as the hand was.
    for (let i = 1; i < stroke.length - 1; i++) {
      const [x, y] = stroke[i];
      const [nextX, nextY] = stroke[i + 1];
      context.quadraticCurveTo(x, y, (x + nextX) / 2, (y + nextY) / 2);
    }
    context.lineTo(...stroke[stroke.length - 1]);
  }
  context.stroke();
  pad.classList.toggle('drawn', strokes.length > 0);
  // A button that can no longer be pressed would take the keyboard's place with it.
  if (!strokes.length && [undoButton, clearButton].includes(document.activeElement)) canvas.focus({ preventScroll: true });
  undoButton.disabled = clearButton.disabled = strokes.length === 0;
}

function resize() {
  const pixels = Math.round(canvas.clientWidth * (window.devicePixelRatio || 1));
  // 0 while the tab is hidden. A fresh canvas is 300 x 150, so its height counts as well.
  if (pixels && (pixels !== canvas.width || pixels !== canvas.height)) canvas.width = canvas.height = pixels;
  paint();
}

function changed() {
  frame ||= requestAnimationFrame(paint);
  ask();
}

// Nothing moves any more, until somebody draws on.
function rest() {
  const value = copy(strokes);
  sent = JSON.stringify(value);
  props.value = value;
  keep();
  settle();
}

// A drawing outlives its page: Gradio loads the page anew when a lost server is back.
function keep() {
  try {
    sessionStorage.setItem(STORE, JSON.stringify(strokes));
  } catch {
    // A frame in another site's page may have no storage.
  }
}

function kept() {
  try {
    const drawing = JSON.parse(sessionStorage.getItem(STORE)) || [];
    const isPoint = (point) => point.length === 2 && point.every(Number.isFinite);
    return drawing.every((stroke) => stroke.length && stroke.every(isPoint)) ? drawing : [];
  } catch {
    return []; // none, or somebody else's
  }
}
window.addEventListener('pagehide', keep);

function place(event) {
  const box = canvas.getBoundingClientRect();
  const scale = FIELD / box.width;
  return [Math.round((event.clientX - box.left) * scale), Math.round((event.clientY - box.top) * scale)];
}

function extend(event, least) {
  const stroke = strokes[strokes.length - 1];
  const [x, y] = place(event);
  const [lastX, lastY] = stroke[stroke.length - 1];
  if (Math.hypot(x - lastX, y - lastY) < least) return false;
  stroke.push([x, y]);
  return true;
}

canvas.addEventListener('pointerdown', (event) => {
  if (event.button !== 0 || event.ctrlKey) return; // a Mac's Ctrl and click opens a menu, and no end is told
  const type = event.pointerType;
  if (type === 'touch' && event.timeStamp - penSeen < PALM) return;
  if (pointer) {
    if (type !== 'pen' || pointer.type !== 'touch') return;
    strokes.pop(); // a palm came before its pen
  }
  event.preventDefault();
  stopReplay();
  canvas.focus({ preventScroll: true });
  canvas.setPointerCapture(event.pointerId);
  pointer = { id: event.pointerId, type };
  strokes.push([place(event)]);
  changed();
});

canvas.addEventListener(MOVE, (event) => {
  if (event.pointerType === 'pen' && event.buttons) penSeen = event.timeStamp;
  if (event.pointerId !== pointer?.id) return;
  if (!event.buttons) return lift(event); // its end was never told
  const events = event.getCoalescedEvents?.() ?? [];
  const news = (events.length ? events : [event]).map((each) => extend(each, STEP));
  if (news.some(Boolean)) changed();
});

function lift(event) {
  if (event.pointerId !== pointer?.id) return;
  if (pointer.type === 'pen') penSeen = event.timeStamp;
  if (event.type === 'pointercancel' && pointer.type === 'touch') {
    strokes.pop(); // the system took it for a palm, or for a gesture of its own
    changed();
  }
  pointer = null;
  if (event.type === 'pointerup' && extend(event, 1)) changed();
  rest();
}
canvas.addEventListener('pointerup', lift);
canvas.addEventListener('pointercancel', lift);

function undo() {
  if (pointer || !strokes.length) return;
  stopReplay();
  strokes.pop();
  changed();
  rest();
}

function clear() {
  stopReplay();
  pointer = null;
  strokes = [];
  changed();
  rest();
}

pad.addEventListener('keydown', (event) => {
  const key = (event.ctrlKey || event.metaKey) && event.key === 'z' ? 'Backspace' : event.key;
  const action = { Backspace: undo, Delete: clear, Escape: clear }[key];
  if (!action) return;
  event.preventDefault();
  action();
});
undoButton.addEventListener('click', undo);
clearButton.addEventListener('click', clear);

// Draws an example point by point, as a hand would, or at once where motion is not wanted.
function draw(example) {
  stopReplay();
  pointer = null;
  strokes = [];
  const path = densify(example);
  const hurried = matchMedia('(prefers-reduced-motion: reduce)').matches;
  const start = performance.now();
  let drawn = 0;
  function step(now) {
    const due = hurried ? path.length : Math.min(path.length, Math.ceil(((now - start) / REPLAY) * path.length));
    for (; drawn < due; drawn++) {
      const [stroke, point] = path[drawn];
      if (stroke === strokes.length) strokes.push([]);
      strokes[stroke].push(point);
    }
    replay = drawn < path.length ? requestAnimationFrame(step) : 0;
    changed();
    if (!replay) rest();
  }
  step(start + 1);
}

// The points of a drawing, [stroke, [x, y]], at most 12 field units apart: a hand does not jump.
function densify(drawing) {
  const path = [];
  drawing.forEach((stroke, index) => {
    stroke.forEach(([x, y], i) => {
      const [lastX, lastY] = stroke[Math.max(i - 1, 0)];
      const parts = Math.max(1, Math.ceil(Math.hypot(x - lastX, y - lastY) / 12));
      for (let part = 1; part <= parts; part++) {
        const share = part / parts;
        path.push([index, [Math.round(lastX + (x - lastX) * share), Math.round(lastY + (y - lastY) * share)]]);
      }
    });
  });
  return path;
}

function stopReplay() {
  cancelAnimationFrame(replay);
  replay = 0;
}

const SVG = 'http://www.w3.org/2000/svg';
for (const [name, example] of Object.entries(props.examples)) {
  const button = document.createElement('button');
  const picture = document.createElementNS(SVG, 'svg');
  const path = document.createElementNS(SVG, 'path');
  picture.setAttribute('viewBox', `0 0 ${FIELD} ${FIELD}`);
  path.setAttribute('d', example.map((stroke) => `M${stroke.join('L')}`).join(''));
  button.type = 'button';
  button.title = button.ariaLabel = name;
  button.addEventListener('click', () => draw(example));
  picture.append(path);
  button.append(picture);
  pad.querySelector('.examples').append(button);
}

// A value that Python set; what the pad sent itself comes back here too and is let pass.
watch('value', () => {
  if (JSON.stringify(props.value || []) === sent) return;
  stopReplay();
  strokes = copy(props.value);
  changed();
  rest();
});
