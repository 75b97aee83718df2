// Shows answers. Runs once; Gradio gives element, props and watch. All text goes in as text, never as HTML.
const find = (selector) => element.querySelector(selector);
const panel = find('.answer');
const context = find('.seen canvas').getContext('2d');
const models = find('.models');

const rows = Array.from({ length: 10 }, (_, digit) => {
  const row = document.createElement('div');
  row.className = 'row';
  row.innerHTML = '<span class="name"></span><span class="track"></span><span class="share"></span>';
  row.querySelector('.name').textContent = digit;
  find('.bars').append(row);
  return { row, track: row.querySelector('.track'), share: row.querySelector('.share') };
});

// What it is, says who drew it: ten buttons, and the drawing is one of theirs.
const labels = Array.from({ length: 10 }, (_, digit) => {
  const button = Object.assign(document.createElement('button'), { type: 'button', textContent: digit, disabled: true });
  button.addEventListener('click', () => correct(digit));
  find('.labels').append(button);
  return button;
});
let drawing = null; // what may be labelled: { strokes, model }

function correct(label) {
  const { strokes } = drawing;
  const others = mine().filter((digit) => JSON.stringify(digit.strokes) !== JSON.stringify(strokes)); // labelled anew
  if (others.length >= props.most) return say(find('.kept'), `You have ${props.most} digits; delete some in Train first.`);
  const lasts = keepMine([...others, { label, strokes }]);
  showLabel();
  const text = `Kept as a ${label}, ${lasts ? 'in this browser' : 'until this page is closed'}: ${mine().length} of yours. `;
  find('.kept').replaceChildren(text, teach);
}

const teach = Object.assign(document.createElement('button'), { type: 'button', textContent: 'Teach a network your hand' });
teach.addEventListener('click', () => {
  document.getElementById('train-tab-button').click();
  const scroll = () => document.getElementById('hand')?.scrollIntoView({ behavior: 'smooth' });
  setTimeout(scroll, 300); // the tab is made at the first visit
});

function showLabel() {
  const strokes = drawing && JSON.stringify(drawing.strokes);
  const known = mine().find((digit) => JSON.stringify(digit.strokes) === strokes);
  labels.forEach((button, digit) => {
    button.disabled = !drawing;
    button.setAttribute('aria-pressed', known?.label === digit);
  });
  if (!known) say(find('.kept'), '');
}

function show(answer) {
  say(find('.digit'), answer.shown);
  say(find('.remark'), answer.remark);
  panel.classList.toggle('unread', !answer.is_digit);
  rows.forEach(({ row, track, share }, digit) => {
    row.classList.toggle('best', digit === answer.best);
    track.style.setProperty('--share', `${answer.shares[digit] ?? 0}%`);
    say(share, answer.shares.length ? `${answer.shares[digit].toFixed(1)} %` : '');
  });
  showPixels(atob(answer.image));
  find('.found').hidden = !answer.ink;
  if (answer.ink) find('.found img').src = answer.ink;
  if (answer.models) showModels(answer);
  say(find('.instead'), props.pad ? '' : (answer.notice ?? '')); // the pad says it itself
  if (props.pad) {
    const may = answer.settled && answer.shares.length > 0 && answer.drawing.strokes.length > 0;
    if (may || drawing) {
      drawing = may ? answer.drawing : null;
      showLabel();
    }
  }
  // Spoken once, when the pen is up: not with each move.
  if (answer.settled) find('.spoken').textContent = answer.is_digit ? `Read as ${answer.shown}, ${answer.remark}` : answer.remark;
}

// To set a text anew, even to what it is, has the browser lay the page out again.
function say(node, text) {
  if (node.textContent !== text) node.textContent = text;
}

function showPixels(bytes) {
  const pixels = context.createImageData(28, 28);
  for (let i = 0; i < bytes.length; i++) pixels.data.fill(bytes.charCodeAt(i), 4 * i, 4 * i + 3);
  for (let i = 3; i < pixels.data.length; i += 4) pixels.data[i] = 255;
  context.putImageData(pixels, 0, 0);
}

function showModels(answer) {
  const list = models.querySelector('ul');
  while (list.children.length > answer.models.length) list.lastChild.remove();
  answer.models.forEach((verdict, i) => {
    const line = list.children[i] ?? list.appendChild(document.createElement('li'));
    while (line.children.length < 3) line.append(document.createElement('span'));
    [verdict.model, verdict.shown, verdict.remark].forEach((text, j) => (line.children[j].textContent = text));
    line.classList.toggle('differs', verdict.shown !== answer.shown);
    line.classList.toggle('chosen', verdict.model === answer.model);
  });
}

if (props.pad) {
  find('.correct').hidden = false;
  document.addEventListener('mine', showLabel);
  document.addEventListener('answer', (event) => show(event.detail));
  models.addEventListener('toggle', () => document.dispatchEvent(new CustomEvent('every', { detail: models.open })));
}
watch('value', () => show({ ...props.value, settled: true }));
show(props.value);
if (props.pad) document.dispatchEvent(new Event('listening'));
