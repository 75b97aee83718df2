// Predictions: the same as in mnist_demo/classifier.py and calibration.py. This file also answers the page's messages.
const NOT_A_DIGIT = 10, MULTIPLE_DIGITS = 11; // classes after the ten digits

// exp(logits / temperature) over their sum, as float64.
function softmax(logits, temperature) {
  const most = Math.max(...logits);
  const powers = Array.from(logits, (logit) => Math.exp((logit - most) / temperature));
  const sum = powers.reduce((total, power) => total + power, 0);
  return powers.map((power) => power / sum);
}

// Predict an image with a network; the result has the names of the HTTP API. Throw an Error if the logits are not finite.
function predictImage(network, image) {
  if (!image.some(Boolean)) return { digit: null, probabilities: Array(10).fill(0.1), digit_probability: 0, is_digit: false, is_multiple: false, image };
  const logits = network.run(image);
  const { temperature, threshold } = network.calibration;
  const probabilities = softmax(logits.slice(0, 10), temperature);
  if (!probabilities.every(Number.isFinite)) throw new Error('This model cannot be used: its probabilities are not finite.');
  const digit = probabilities.indexOf(Math.max(...probabilities));
  const score = softmax(logits, temperature).slice(0, 10).reduce((sum, each) => sum + each, 0);
  const isDigit = score >= threshold;
  const isMultiple = !isDigit && logits[MULTIPLE_DIGITS] > logits[NOT_A_DIGIT]; // false for a model of ten classes
  return { digit, probabilities, digit_probability: score, is_digit: isDigit, is_multiple: isMultiple, image };
}

// Keep networks by key, and predict drawings with them: { key, weights } loads a network, { key, strokes } returns a
// prediction, and { key, strokes, withMaps: true } also the maps of its convolutions.
const networks = new Map();

function respond({ key, weights, strokes, withMaps }) {
  if (weights) return void networks.set(key, createNetwork(weights));
  const network = networks.get(key);
  const prediction = predictImage(network, strokesToImage(strokes));
  return { ...prediction, maps: withMaps && prediction.digit !== null ? network.readMaps() : [] };
}

if (typeof WorkerGlobalScope !== 'undefined') {
  onmessage = ({ data: { id, ...message } }) => {
    try {
      postMessage({ id, result: respond(message) });
    } catch (error) {
      postMessage({ id, error: error.message });
    }
  };
}
