// The prediction panel: shows a prediction and, for the pad's drawing, what explains it and buttons to label it.
const NAMES = [...'0123456789', 'not a digit'];
const NO_EVIDENCE = { heat_maps: [], nearest: { caption: '', digits: [] } };
const NO_VOTES = { models: [] };
const NEAREST_COUNT = 5;
const panel = find('.prediction-panel');
const context = find('canvas').getContext('2d');
const [inkButton, heatButton] = find('.switch').children;
let drawing = null; // the drawing to label: { strokes, model }
let isStored = true; // whether the labels outlast the page
let isLabeling = false; // whether the ten labels are unfolded
let isCollecting = false; // for Teach: the labels are unfolded for each drawing, and the pad is cleared after it
let wasSettled = true;
let heatMaps = []; // of the likeliest digits
let showsHeat = false;
let hasEvidence = true;

const labelButtons = NAMES.slice(0, 10).map((name, digit) =>
  make('button', find('.labels'), name, { type: 'button', onclick: () => saveLabel(digit) }));
find('.ask').addEventListener('click', () => {
  isLabeling = !isLabeling;
  showLabel();
  if (isLabeling) labelButtons[0].focus({ preventScroll: true });
});
find('.train').addEventListener('click', () => {
  document.dispatchEvent(new CustomEvent('collect', { detail: false }));
  openTab('teach');
});

const hasStrokes = (digit, strokes) => JSON.stringify(digit.strokes) === JSON.stringify(strokes);

function saveLabel(label) {
  const { strokes } = drawing;
  const others = getUserDigits().filter((digit) => !hasStrokes(digit, strokes)); // a new label replaces the old one
  const isFull = others.length >= props.max_digits;
  isLabeling = false;
  if (!isFull) isStored = setUserDigits([...others, { label, strokes }]);
  showLabel();
  if (isCollecting && !isFull) return document.dispatchEvent(new Event('clear-pad'));
  if (isFull) setText(find('.saved span'), `You have ${props.max_digits} digits. Delete some in Teach first.`);
  find('.ask').focus({ preventScroll: true });
}

function showLabel() {
  const known = drawing && getUserDigits().find((digit) => hasStrokes(digit, drawing.strokes));
  isLabeling = isLabeling && Boolean(drawing);
  find('.label').classList.toggle('open', isLabeling);
  find('.ask').disabled = !drawing;
  find('.ask').ariaExpanded = isLabeling;
  labelButtons.forEach((button, digit) => {
    button.disabled = !isLabeling;
    button.ariaPressed = known?.label === digit;
  });
  const count = getUserDigits().length;
  const isSaved = Boolean(known) && !isLabeling;
  const awaitsNext = isCollecting && !drawing;
  find('.label').classList.toggle('known', isSaved);
  setText(find('.ask'), isSaved ? 'Change' : isCollecting ? 'What did you draw?' : 'Wrong? What did you draw?');
  const where = isStored ? 'in this browser' : 'until you close this page';
  const next = count ? `${count} saved. Draw the next digit.` : 'Draw a digit, then say what it is.';
  setText(find('.saved span'), isSaved ? `Saved as a ${known.label} ${where} (${count} so far).` : awaitsNext ? next : '');
  find('.train').hidden = !isSaved && !(awaitsNext && count);
}

function showPrediction(prediction) {
  const { label, is_digit: isDigit, percentages, settled, judged } = prediction;
  const note = percentages.length ? prediction.note : prediction.note || props.value.blank;
  setText(find('.digit'), label);
  setText(find('.note'), note);
  panel.classList.toggle('not-a-digit', !isDigit);
  panel.classList.toggle('settled', settled); // bars ease then; while the pen moves, each frame would repaint them
  const bars = percentages.map((percentage) => [percentage, `${percentage.toFixed(1)}%`]);
  const best = percentages.indexOf(Math.max(...percentages));
  showBars(find('.bars'), bars, NAMES).forEach((row, i) => row.classList.toggle('best', i === best));
  drawPixels(context, prediction.image ?? []);
  if (props.follows_pad) {
    updateDrawing(prediction);
    const isFinal = judged && percentages.length > 0;
    if (hasEvidence && !isFinal) showEvidence();
    if (!isFinal) showVotes(NO_VOTES);
    find('.why').disabled = !isFinal || hasEvidence;
  } else { // a photo: its panel stays away until there is one
    panel.hidden = !prediction.ink;
    find('.found').hidden = !prediction.ink;
    setSource(find('.found img'), prediction.ink);
    setText(find('.model-notice'), prediction.notice ?? ''); // the pad shows it otherwise
    showVotes({ models: prediction.votes ?? [], selected: prediction.model });
  }
  if (settled && !wasSettled && percentages.length) pop();
  wasSettled = settled;
  // Screen readers announce only the final prediction, not each change while the pen moves.
  setText(find('.announcement'), judged ? (isDigit ? `Prediction: ${label}, ${note}` : note) : '');
}

function pop() {
  if (matchMedia('(prefers-reduced-motion: reduce)').matches) return;
  find('.digit').animate([{ transform: 'scale(1.08)' }, { transform: 'none' }], { duration: 200, easing: 'ease-out' });
}

function updateDrawing({ settled, percentages, drawing: newDrawing }) {
  const canLabel = settled && percentages.length > 0 && newDrawing.strokes.length > 0;
  if (!canLabel && !drawing) return;
  drawing = canLabel ? newDrawing : null;
  isLabeling = canLabel && (isLabeling || isCollecting);
  showLabel();
}

// Show what the explanation has found, or remove it while the drawing changes.
function showEvidence(evidence = NO_EVIDENCE) {
  hasEvidence = evidence !== NO_EVIDENCE;
  if (evidence.heat_maps) {
    heatMaps = evidence.heat_maps;
    showPicture();
  }
  if (evidence.nearest) showNearest(evidence.nearest);
  find('.why').disabled = hasEvidence;
}

function showPicture() {
  const [map] = heatMaps;
  const isHeat = Boolean(showsHeat && map);
  setSource(find('.heat'), isHeat ? map.heat : '');
  find('.picture').classList.toggle('with-heat', isHeat);
  inkButton.ariaPressed = !showsHeat;
  heatButton.ariaPressed = showsHeat;
  setText(find('.input figcaption'), isHeat ? `orange: for ${map.digit}, blue: against` : 'what the model sees');
}

function showVotes({ busy, models = [], selected }) {
  setText(find('.votes .caption'), busy ?? (summarizeVotes(models) || 'All models'));
  setChildCount(find('.chips'), models.length || props.model_count, (list) => make('li', list)).forEach((chip, i) => {
    const { model = '', prediction } = models[i] ?? {};
    const { label, note } = prediction ? describePrediction(prediction) : { label: '' };
    chip.className = [model && model === selected ? 'selected' : '', model && label !== find('.digit').textContent ? 'differs' : ''].join(' ').trim();
    chip.title = model && `${model}: ${label}, ${note}`;
    setText(chip, model && !prediction.is_digit ? '?' : label);
  });
}

function showNearest({ busy, caption, digits = [] }) {
  setText(find('.nearest .caption'), busy ?? (caption || 'Most similar training digits'));
  const figures = setChildCount(find('.nearest .row'), NEAREST_COUNT, (row) => {
    const figure = make('figure', row);
    make('img', figure, '', { className: 'ink', hidden: true });
    make('figcaption', figure);
  });
  figures.forEach((figure, i) => {
    const { label = '', image = '', differs = false } = digits[i] ?? {};
    figure.className = differs ? 'differs' : '';
    setSource(figure.firstChild, image);
    figure.firstChild.alt = image && `A training digit, ${label}`;
    setText(figure.lastChild, label);
  });
}

[inkButton, heatButton].forEach((button) => button.addEventListener('click', () => {
  showsHeat = button === heatButton;
  showPicture();
  if (showsHeat && !find('.why').disabled) askWhy();
}));

function askWhy() {
  find('.why').disabled = true;
  document.dispatchEvent(new Event('ask-why'));
}

function showValue(judged) {
  const image = decodePixels(props.value.image);
  showPrediction({ ...props.value, ...describePrediction(props.value), image, settled: true, judged });
}

find('.why').addEventListener('click', askWhy);
setText(find('.ask-all'), `Ask all ${props.model_count} models`);
find('.ask-all').addEventListener('click', () => document.dispatchEvent(new Event('ask-all')));
watch('value', () => showValue(true));
showValue(false);
if (props.follows_pad) {
  panel.classList.add('follows-pad');
  for (const selector of ['.switch', '.reasons', '.nearest', '.label', '.ask-all']) find(selector).hidden = false;
  document.addEventListener('user-digits', showLabel);
  document.addEventListener('collect', ({ detail }) => {
    isCollecting = detail;
    showLabel();
  });
  document.addEventListener('prediction', ({ detail }) => showPrediction(detail));
  document.addEventListener('ask-all', () => (find('.ask-all').hidden = true));
  document.addEventListener('votes', ({ detail }) => showVotes(detail));
  document.addEventListener('explanation', ({ detail }) => showEvidence(detail));
  document.dispatchEvent(new Event('listening'));
}
