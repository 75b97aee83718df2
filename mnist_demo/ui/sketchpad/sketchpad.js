// Runs once for the pad; Gradio gives element, props and watch. Coordinates run from 0 to FIELD over the square pad.
const FIELD = 1000;
const PEN = 55; // width of the drawn line, in field units: for the eye only, the network sees the path

const pad = element.querySelector('.sketchpad');
const canvas = pad.querySelector('canvas');
const undoButton = pad.querySelector('.undo');
const clearButton = pad.querySelector('.clear');
const context = canvas.getContext('2d');

let strokes = [];
let current = null; // the stroke under the pen
let pointer = null; // the id of the pointer that draws it
let sent = '[]';
let frame = 0;

function copy(value) {
  return (value || []).map((stroke) => stroke.map(([x, y]) => [x, y]));
}

function place(event) {
  const box = canvas.getBoundingClientRect();
  const scale = FIELD / box.width;
  return [Math.round((event.clientX - box.left) * scale), Math.round((event.clientY - box.top) * scale)];
}

function paint() {
  const scale = canvas.width / FIELD;
  context.setTransform(scale, 0, 0, scale, 0, 0);
  context.clearRect(0, 0, FIELD, FIELD);
  context.lineWidth = PEN;
  context.lineCap = context.lineJoin = 'round';
  context.strokeStyle = getComputedStyle(canvas).color;
  for (const stroke of strokes) {
    context.beginPath();
    context.moveTo(...stroke[0]);
    // Curves through the middles of the segments look as smooth as the hand was.
    for (let i = 1; i < stroke.length - 1; i++) {
      const [x, y] = stroke[i];
      const [nextX, nextY] = stroke[i + 1];
      context.quadraticCurveTo(x, y, (x + nextX) / 2, (y + nextY) / 2);
    }
    context.lineTo(...stroke[stroke.length - 1]);
    context.stroke();
  }
  pad.classList.toggle('drawn', strokes.length > 0);
  undoButton.disabled = clearButton.disabled = strokes.length === 0;
}

function resize() {
  const pixels = Math.round(canvas.clientWidth * (window.devicePixelRatio || 1));
  // 0 while the tab is hidden. A fresh canvas is 300 x 150, so its height counts as well.
  if (pixels && (pixels !== canvas.width || pixels !== canvas.height)) canvas.width = canvas.height = pixels;
  paint();
}

// Paint and send what is drawn, at most once a frame.
function changed() {
  if (frame) return;
  frame = requestAnimationFrame(() => {
    frame = 0;
    paint();
    const value = copy(strokes);
    sent = JSON.stringify(value);
    props.value = value;
  });
}

function undo() {
  if (current || !strokes.length) return;
  strokes.pop();
  changed();
}

function clear() {
  strokes = [];
  current = pointer = null;
  changed();
}

canvas.addEventListener('pointerdown', (event) => {
  if (pointer !== null || event.button !== 0) return;
  event.preventDefault();
  canvas.focus({ preventScroll: true });
  canvas.setPointerCapture(event.pointerId);
  pointer = event.pointerId;
  current = [place(event)];
  strokes.push(current);
  changed();
});

canvas.addEventListener('pointermove', (event) => {
  if (event.pointerId !== pointer) return;
  const events = event.getCoalescedEvents ? event.getCoalescedEvents() : [];
  for (const each of events.length ? events : [event]) {
    const point = place(each);
    const last = current[current.length - 1];
    if (point[0] !== last[0] || point[1] !== last[1]) current.push(point);
  }
  changed();
});

function lift(event) {
  if (event.pointerId !== pointer) return;
  current = pointer = null;
  changed();
}
canvas.addEventListener('pointerup', lift);
canvas.addEventListener('pointercancel', lift);

canvas.addEventListener('keydown', (event) => {
  const action = { Backspace: undo, Delete: clear, Escape: clear }[event.key];
  if (!action) return;
  event.preventDefault();
  action();
});
undoButton.addEventListener('click', undo);
clearButton.addEventListener('click', clear);

// A value that Python set, such as an example; what the pad sent itself comes back here too and is let pass.
watch('value', () => {
  const text = JSON.stringify(props.value || []);
  if (text === sent) return;
  sent = text;
  strokes = copy(props.value);
  paint();
});

new ResizeObserver(resize).observe(canvas);
new MutationObserver(paint).observe(document.body, { attributes: true, attributeFilter: ['class'] }); // dark or light
strokes = copy(props.value);
resize();
