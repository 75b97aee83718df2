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
  document.addEventListener('answer', (event) => show(event.detail));
  models.addEventListener('toggle', () => document.dispatchEvent(new CustomEvent('every', { detail: models.open })));
}
watch('value', () => show({ ...props.value, settled: true }));
show(props.value);
