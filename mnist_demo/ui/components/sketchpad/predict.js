// Predicts the drawing in the browser: one prediction at a time, always for the newest drawing.
const SLOW_MS = 1000; // after which the pad says that a model is loading
const RETRY_MS = [500, 1000, 2000, 4000]; // before each retry of a download; the last one repeats
const VERDICT_MS = 300; // the pen has rested: then it is said whether it is a digit

const engine = createEngine(props.engine);
const notice = find('.notice');
const loads = new Map(); // the promise of each model that is loaded or being loaded, by key
const loaded = new Set(); // keys

let model = props.model; // the key of the selected model
let modelNotice = ''; // why another model predicts
let drawingNumber = 0; // of the newest drawing
let predictedNumber = 0; // of the drawing whose prediction is shown
let votedNumber = 0; // of the drawing whose votes are shown
let prediction = {};
let isPredicting = false;
let wantsVotes = false;
let penUpTime = -Infinity;
let verdictTimer = 0;
let slowTimer = 0;
let retry = () => {}; // the next download at once

function requestPrediction() {
  drawingNumber += 1;
  clearTimeout(verdictTimer);
  predictNewest();
}

async function predictNewest() {
  if (isPredicting) return;
  isPredicting = true;
  while (predictedNumber < drawingNumber && loaded.has(model)) {
    const number = drawingNumber, key = model;
    try {
      prediction = { ...(await engine.predict(key, strokes, document.showsMaps)), model: getName(key) };
      Object.assign(prediction, describePrediction(prediction));
      setText(notice, modelNotice);
    } catch (error) { // such as too many points
      prediction = { error: error.message };
      setText(notice, error.message);
    }
    predictedNumber = number;
    dispatchPrediction();
  }
  isPredicting = false;
}

// A visitor's own model has the key SECRET/NAME.
const getName = (key) => key.slice(key.lastIndexOf('/') + 1);

async function selectModel(key, reason = '') {
  model = key;
  modelNotice = reason;
  requestPrediction();
  clearTimeout(slowTimer);
  slowTimer = setTimeout(() => setText(notice, 'Loading the model. Your drawing is kept.'), SLOW_MS);
  try {
    await loadModel(key);
    if (key !== model) return;
    clearTimeout(slowTimer);
    setText(notice, modelNotice);
    predictNewest();
  } catch (error) { // it is gone
    const reason = error.message.split(';')[0];
    if (key !== model) return;
    clearTimeout(slowTimer);
    if (key !== props.model) selectModel(props.model, `${reason}: ${getName(props.model)} predicts instead.`);
    else setText(notice, error.message);
  }
}

// Download a model, and try again until that succeeds. Throw an Error if the server no longer has it.
function loadModel(key) {
  if (!loads.has(key)) {
    loads.set(key, download(key).then(() => loaded.add(key)));
    loads.get(key).catch(() => loads.delete(key));
  }
  return loads.get(key);
}

async function download(key) {
  for (let failures = 0; ; failures++) {
    let problem = 'The server does not answer.';
    try {
      const response = await fetch(getAddress(key), { cache: failures ? 'reload' : 'default' });
      if (response.status === 404) return Promise.reject(new Error((await response.json()).error));
      if (response.ok) {
        const weights = await response.arrayBuffer();
        problem = '';
        return await engine.load(key, weights);
      }
    } catch (error) {
      problem ||= error.message;
    }
    if (key === model) {
      clearTimeout(slowTimer);
      setText(notice, `${problem} Your drawing is kept. Retrying…`);
      dispatch({ ...describePrediction({ digit: null }), note: problem.replace(/\.$/, ''), is_digit: false });
    }
    await new Promise((resolve) => {
      retry = resolve;
      setTimeout(resolve, RETRY_MS[Math.min(failures, RETRY_MS.length - 1)]);
    });
  }
}

// The server may not know its public host and protocol behind a reverse proxy, but it knows the path.
function getAddress(key) {
  const { pathname } = new URL(window.gradio_config?.root ?? '.', location.href);
  const address = props.weights[key] ?? `/weights/${key.split('/').map(encodeURIComponent).join('/')}`;
  return address.startsWith('data:') ? address : new URL(pathname.replace(/\/$/, '') + address, location.href);
}

// The drawing is final.
function settlePrediction() {
  penUpTime = performance.now();
  if (predictedNumber === drawingNumber) dispatchPrediction();
}

function dispatchPrediction() {
  if (prediction.error) return;
  const settled = predictedNumber === drawingNumber && !pointer && !animation;
  const rest = penUpTime + VERDICT_MS - performance.now(); // ms until the verdict
  const isBlank = prediction.digit === null;
  const judged = settled && (isBlank || rest <= 0);
  clearTimeout(verdictTimer);
  if (settled && !judged) verdictTimer = setTimeout(dispatchPrediction, rest);
  const drawing = { strokes: structuredClone(strokes), model };
  dispatch({ ...prediction, ...(judged || isBlank ? {} : getGuess()), settled, judged, drawing });
  if (judged && !isBlank) castVotes();
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

// Predict the drawing with all models once the user has asked for that. Their weights are downloaded then.
async function castVotes() {
  if (!wantsVotes || votedNumber === drawingNumber) return;
  const number = drawingNumber;
  const keys = [...new Set([...Object.keys(props.weights), model])];
  const report = (detail) => document.dispatchEvent(new CustomEvent('votes', { detail }));
  if (!keys.every((key) => loaded.has(key))) report({ busy: `Loading ${keys.length} models…` });
  await Promise.allSettled(keys.map(loadModel));
  const models = await Promise.all(keys.filter((key) => loaded.has(key)).map(async (key) => ({ model: getName(key), prediction: await engine.predict(key, strokes) })));
  if (number !== drawingNumber) return;
  votedNumber = number;
  report({ models, selected: getName(model) });
}

document.addEventListener('model', ({ detail }) => selectModel(detail));
document.addEventListener('ask-all', () => {
  wantsVotes = true;
  votedNumber = 0;
  if (predictedNumber) dispatchPrediction();
});
document.addEventListener('show-maps', () => document.showsMaps && requestPrediction());
document.addEventListener('listening', () => predictedNumber && dispatchPrediction()); // components load in any order
addEventListener('online', () => retry());
selectModel(props.model);
