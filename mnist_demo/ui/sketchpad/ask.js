// Asks the server what the drawing is: one request at a time, and the newest drawing wins. Follows draw.js.
const SLOW = 1500; // ms without an answer after which the page says so
const LOST = 10000; // ms after which a request is given up
const PAUSES = [500, 1000, 2000, 4000]; // ms before each new try, the last one again and again
const FAR = 80; // ms that answers take: where they come sooner, no request makes way for another
const WORTH = 30; // ms: elsewhere, one that would take so much longer makes way for the final drawing

const address = new URL(`${window.gradio_config?.root ?? '.'}${props.address}`, document.baseURI);
const notice = pad.querySelector('.notice');

let model = props.model; // the key of the model that shall answer
let every = false; // whether all models shall
let drawn = 0; // the number of the newest drawing
let answered = 0; // that of the drawing whose answer is shown
let answer = {};
let request = null; // the one on its way: { drawing, since, controller }
let took = [0, 0]; // ms that the last two answers took: a single slow one tells little
let failures = 0; // in a row
let retry = 0; // the timer of the next try, 0 if none

function ask() {
  drawn += 1;
  if (!request && !retry) send();
}

async function send() {
  const controller = new AbortController();
  const drawing = drawn;
  const since = performance.now();
  const slow = setTimeout(() => tell('The server is slow. Your drawing is kept.'), SLOW);
  const lost = setTimeout(() => controller.abort(), LOST);
  request = { drawing, since, controller };
  let news = null;
  try {
    const response = await fetch(address, {
      method: 'POST',
      headers: { 'Content-Type': 'application/json' },
      body: JSON.stringify({ strokes, model, every }),
      signal: controller.signal,
    });
    const body = await response.json();
    if (response.ok || body.error) news = body;
  } catch {
    // The server is away, or the request made way for a newer drawing.
  }
  clearTimeout(slow);
  clearTimeout(lost);
  const superseded = request.superseded;
  request = null;
  if (news) {
    failures = 0;
    took = [took[1], performance.now() - since];
    answered = drawing;
    answer = news;
    tell(news.error || news.notice || '');
    show();
  } else if (!superseded) {
    tell('The server does not answer. Your drawing is kept; trying again…');
    retry = setTimeout(again, PAUSES[Math.min(failures++, PAUSES.length - 1)]);
    return;
  }
  if (answered < drawn) send();
}

function again() {
  clearTimeout(retry);
  retry = 0;
  send();
}

// The pen is up: the drawing is final. A request on its way that asks for an older one only delays the answer.
function settle() {
  if (answered === drawn) show();
  else if (request && request.drawing < drawn) {
    const usual = Math.min(...took);
    if (usual < FAR || usual - (performance.now() - request.since) < WORTH) return;
    request.superseded = true;
    request.controller.abort();
  }
}

function show() {
  if (answer.error) return;
  const settled = answered === drawn && !pointer && !replay;
  document.dispatchEvent(new CustomEvent('answer', { detail: { ...answer, settled, drawing: { strokes: copy(strokes), model } } }));
}

function tell(text) {
  if (notice.textContent !== text) notice.textContent = text;
}

document.addEventListener('model', (event) => {
  model = event.detail;
  ask();
});
document.addEventListener('every', (event) => {
  every = event.detail;
  ask();
});
document.addEventListener('listening', () => answered && show()); // a page's parts come in any order
window.addEventListener('online', () => retry && again());

new ResizeObserver(resize).observe(canvas);
new MutationObserver(paint).observe(document.body, { attributes: true, attributeFilter: ['class'] }); // dark or light
strokes = props.value?.length ? copy(props.value) : kept();
resize();
if (strokes.length) {
  changed();
  setTimeout(rest); // Gradio takes back a value that is set before it is done with this
}
