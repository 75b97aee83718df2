// Requests predictions for the drawing: one request at a time, always for the newest drawing.
const SLOW_MS = 1500; // after which the pad says that the server is slow
const TIMEOUT_MS = 10000; // after which a request fails
const RETRY_MS = [500, 1000, 2000, 4000]; // before each retry; the last one repeats
const FAST_MS = 80; // responses faster than this are never aborted for a newer drawing
const VERDICT_MS = 300; // the pen has rested: more expensive results follow, and whether it is a digit
const ABORT_GAIN_MS = 30; // time that aborting must save

// The server may not know its public host and protocol behind a reverse proxy, but it knows the path.
const { pathname } = new URL(window.gradio_config?.root ?? '.', location.href);
const predictAddress = new URL(pathname.replace(/\/$/, '') + props.predict_path, location.href);
const notice = find('.notice');
const options = { model: props.model }; // the key of the selected model

const NO_PREDICTION = { label: '?', percentages: [], image: '', is_digit: false };

let drawingNumber = 0; // of the newest drawing
let predictedNumber = 0; // of the drawing whose prediction is shown
let prediction = {};
let pending = null; // the request: { number, since, controller, isSuperseded }
let durations = [0, 0]; // of the last two requests, in ms; the smaller one ignores a single slow response
let failures = 0; // in a row
let retryTimer = 0; // 0 if no retry is scheduled
let penUpTime = -Infinity;
let verdictTimer = 0;

function requestPrediction(changes = {}) {
  Object.assign(options, changes);
  drawingNumber += 1;
  clearTimeout(verdictTimer);
  if (!pending && !retryTimer) sendRequest();
}

async function sendRequest() {
  const request = { number: drawingNumber, since: performance.now(), controller: new AbortController(), isSuperseded: false };
  const slowTimer = setTimeout(() => setText(notice, 'The server is slow. Your drawing is kept.'), SLOW_MS);
  const timeout = setTimeout(() => request.controller.abort(), TIMEOUT_MS);
  pending = request;
  const response = await fetchPrediction(request.controller.signal);
  [slowTimer, timeout].forEach((timer) => clearTimeout(timer));
  pending = null;
  if (response) {
    failures = 0;
    durations = [durations[1], performance.now() - request.since];
    predictedNumber = request.number;
    prediction = response;
    setText(notice, response.error || response.notice || '');
    dispatchPrediction();
  } else if (!request.isSuperseded) {
    setText(notice, 'The server does not answer. Your drawing is kept. Retrying…');
    dispatch({ ...NO_PREDICTION, note: 'The server does not answer' });
    retryTimer = setTimeout(retry, RETRY_MS[Math.min(failures++, RETRY_MS.length - 1)]);
    return;
  }
  if (predictedNumber < drawingNumber) sendRequest();
}

// Return the response, or null if the server does not answer or the request is aborted.
async function fetchPrediction(signal) {
  try {
    const body = JSON.stringify({ strokes, ...options });
    const response = await fetch(predictAddress, { method: 'POST', headers: { 'Content-Type': 'application/json' }, body, signal });
    const result = await response.json();
    return response.ok || result.error ? result : null;
  } catch {
    return null;
  }
}

function retry() {
  clearTimeout(retryTimer);
  retryTimer = 0;
  sendRequest();
}

// The drawing is final: abort a request for an older one if that saves time.
function settlePrediction() {
  penUpTime = performance.now();
  if (predictedNumber === drawingNumber) return dispatchPrediction();
  if (!pending || pending.number === drawingNumber) return;
  const expected = Math.min(...durations);
  if (expected < FAST_MS || expected - (performance.now() - pending.since) < ABORT_GAIN_MS) return;
  pending.isSuperseded = true;
  pending.controller.abort();
}

function dispatchPrediction() {
  if (prediction.error) return;
  const settled = predictedNumber === drawingNumber && !pointer && !animation;
  const rest = penUpTime + VERDICT_MS - performance.now(); // ms until the verdict
  const isBlank = !prediction.percentages.length;
  const judged = settled && (isBlank || rest <= 0);
  clearTimeout(verdictTimer);
  if (settled && !judged) verdictTimer = setTimeout(dispatchPrediction, rest);
  const drawing = { strokes: structuredClone(strokes), model: options.model };
  dispatch({ ...prediction, ...(judged || isBlank ? {} : getGuess()), settled, judged, drawing });
}

// The likeliest digit; how likely it is says nothing of an unfinished drawing that is not a digit yet.
function getGuess() {
  const { digit, percentages } = prediction;
  const note = percentages[digit] < percentages.at(-1) ? '' : `${percentages[digit].toFixed(1)}%`;
  return { label: String(digit), note, is_digit: true };
}

function dispatch(detail) {
  showStrip(detail);
  document.dispatchEvent(new CustomEvent('prediction', { detail }));
}

document.addEventListener('model', ({ detail }) => requestPrediction({ model: detail }));
document.addEventListener('listening', () => predictedNumber && dispatchPrediction()); // components load in any order
addEventListener('online', () => retryTimer && retry());
