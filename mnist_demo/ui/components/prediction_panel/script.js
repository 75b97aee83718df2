// The prediction panel: shows a prediction and, for the pad's drawing, buttons to label it.
const context = find('canvas').getContext('2d');
const details = find('details');
let drawing = null; // the drawing to label: { strokes, model }

const labelButtons = Array.from({ length: 10 }, (_, digit) =>
  make('button', find('.labels'), digit, { type: 'button', disabled: true, onclick: () => saveLabel(digit) }));
find('.train').addEventListener('click', () => {
  openTab('train');
  // Gradio creates the tab at its first visit.
  setTimeout(() => document.getElementById('user-digits')?.scrollIntoView({ behavior: 'smooth' }), 300);
});

const hasStrokes = (digit, strokes) => JSON.stringify(digit.strokes) === JSON.stringify(strokes);

function saveLabel(label) {
  const { strokes } = drawing;
  const others = getUserDigits().filter((digit) => !hasStrokes(digit, strokes)); // a new label replaces the old one
  if (others.length >= props.max_digits) return showSaved(`You have ${props.max_digits} digits. Delete some in Train first.`);
  const isStored = setUserDigits([...others, { label, strokes }]);
  showLabel();
  showSaved(`Saved as a ${label} ${isStored ? 'in this browser' : 'until you close this page'}. Your digits: ${others.length + 1}.`);
  find('.train').hidden = false;
}

function showSaved(text) {
  setText(find('.saved span'), text);
  find('.train').hidden = true;
}

function showLabel() {
  const known = drawing && getUserDigits().find((digit) => hasStrokes(digit, drawing.strokes));
  labelButtons.forEach((button, digit) => {
    button.disabled = !drawing;
    button.ariaPressed = known?.label === digit;
  });
  if (!known) showSaved('');
}

function showPrediction(prediction) {
  const { label, note, is_digit: isDigit, percentages, models, settled } = prediction;
  setText(find('.digit'), label);
  setText(find('.note'), note);
  find('.prediction-panel').classList.toggle('not-a-digit', !isDigit);
  const bars = percentages.map((percentage) => [percentage, `${percentage.toFixed(1)} %`]);
  showBars(find('.bars'), bars).forEach((row, digit) => row.classList.toggle('best', digit === prediction.digit));
  showPixels(atob(prediction.image));
  find('.found').hidden = !prediction.ink;
  setSource(find('.found img'), prediction.ink);
  if (models) {
    const isSelected = ({ model }) => model === prediction.model;
    showModels(find('.models'), models, (vote) => `${vote.label === label ? '' : 'differs'} ${isSelected(vote) ? 'selected' : ''}`.trim());
  }
  if (props.follows_pad) updateDrawing(prediction);
  else setText(find('.model-notice'), prediction.notice ?? ''); // the pad shows it otherwise
  // Screen readers announce only the final prediction, not each change while the pen moves.
  if (settled) find('.visually-hidden').textContent = isDigit ? `Prediction: ${label}, ${note}` : note;
}

function updateDrawing(prediction) {
  const canLabel = prediction.settled && prediction.percentages.length > 0 && prediction.drawing.strokes.length > 0;
  if (!canLabel && !drawing) return;
  drawing = canLabel ? prediction.drawing : null;
  showLabel();
}

function showPixels(bytes) {
  const pixels = context.createImageData(28, 28);
  for (let i = 0; i < bytes.length; i++) pixels.data.fill(bytes.charCodeAt(i), 4 * i, 4 * i + 3);
  for (let i = 3; i < pixels.data.length; i += 4) pixels.data[i] = 255;
  context.putImageData(pixels, 0, 0);
}

watch('value', () => showPrediction({ ...props.value, settled: true }));
showPrediction(props.value);
if (props.follows_pad) {
  find('.label').hidden = false;
  document.addEventListener('user-digits', showLabel);
  document.addEventListener('prediction', ({ detail }) => showPrediction(detail));
  details.addEventListener('toggle', () => document.dispatchEvent(new CustomEvent('all-models', { detail: details.open })));
  document.dispatchEvent(new Event('listening'));
}
