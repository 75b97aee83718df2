// Says why the pad's drawing is read as it is, while this is open. Runs once; Gradio gives element, props and server. All
// text goes in as text, never as HTML.
const find = (selector) => element.querySelector(selector);
const panel = find('.insight');
const LIVE = 150; // ms: where answers take longer, they wait for the pen to be lifted
const turn = find('[name=turn]'), pen = find('[name=pen]'), centred = find('[name=centred]');

let newest = null; // what is to be explained: { strokes, model, what_if }, and whether the pen is still moving
let asked = null; // what is being explained, or was last
let busy = false; // whether a question is on its way
let lacks = true; // whether the nearest digits or the layers of the newest drawing are still to come
let took = 0; // ms that the last answer while the pen moved took
let again = 0; // the timer of the next question, 0 if none

async function ask() {
  if (busy || !panel.open || !newest || newest === asked) return;
  clearTimeout(again);
  again = 0;
  busy = true;
  asked = newest;
  const all = lacks && !asked.moving;
  const since = performance.now();
  let news;
  try {
    news = await server.explain({ ...asked, all });
  } catch {
    // As good as no answer.
  }
  busy = false;
  took = all ? 0 : performance.now() - since;
  if (news) show(news);
  else say(find('.status'), 'The server does not answer; trying again…');
  if (all && asked === newest) lacks = !news || Boolean(news.nearest?.busy);
  if (asked === newest && (!news || (lacks && !asked.moving && news.maps))) again = setTimeout(renew, props.ask_again);
  ask();
}

function renew() {
  if (newest) newest = { ...newest };
  ask();
}

function want(change) {
  newest = { ...newest, ...change, what_if: { turn: +turn.value, pen: +pen.value, centred: centred.checked } };
  ask();
}

function show(news) {
  say(find('.status'), news.error ?? (news.maps ? '' : 'Draw a digit first.'));
  find('.parts').hidden = !news.maps;
  if (!news.maps) return;
  showRow('.looked', news.maps, ({ digit, share, heat }) => ({ image: news.ink, heat, text: `for ${digit} (${share})` }));
  showRow('.what-if', news.variants, ({ name, shown, remark, image, is_digit }) => ({ image, text: name, digit: shown, remark, unread: !is_digit }));
  if (news.nearest) {
    say(find('.nearest .caption'), news.nearest.busy ?? news.nearest.caption);
    showRow('.nearest', news.nearest.digits ?? [], ({ label, image, differs }) => ({ image, text: `a ${label}`, differs }));
  }
  if (news.layers) showLayers(news.layers);
}

// The figures are changed in place, so that nothing flickers.
function showRow(section, items, describe) {
  const row = find(`${section} .row`);
  while (row.children.length > items.length) row.lastChild.remove();
  items.forEach((item, i) => {
    const { image, heat, text, digit, remark, differs, unread } = describe(item);
    const figure = row.children[i] ?? row.appendChild(makeFigure());
    figure.classList.toggle('differs', Boolean(differs));
    figure.classList.toggle('unread', Boolean(unread));
    setSource(figure.querySelector('.ink'), image);
    setSource(figure.querySelector('.heat'), heat);
    say(figure.querySelector('.digit'), digit ?? '');
    say(figure.querySelector('.text'), remark ? `${text}: ${remark}` : text);
  });
}

function makeFigure() {
  const figure = document.createElement('figure');
  figure.innerHTML = '<span class="picture"><img class="ink" alt=""><img class="heat" alt=""></span><figcaption><div class="digit"></div><span class="text"></span></figcaption>';
  return figure;
}

function setSource(image, source) {
  image.hidden = !source;
  if (source && image.src !== source) image.src = source;
}

function showLayers(layers) {
  const list = find('.layers');
  while (list.children.length > layers.length) list.lastChild.remove();
  layers.forEach(({ caption, sprite, columns, labels, is_heat }, i) => {
    const layer = list.children[i] ?? list.appendChild(document.createElement('div'));
    if (!layer.children.length) layer.innerHTML = '<p class="caption"></p><div class="cells"></div>';
    layer.className = labels.some(Boolean) ? 'layer' : 'layer maps';
    say(layer.querySelector('.caption'), caption);
    const cells = layer.querySelector('.cells');
    while (cells.children.length > labels.length) cells.lastChild.remove();
    const rows = Math.ceil(labels.length / columns);
    labels.forEach((label, j) => {
      const cell = cells.children[j] ?? cells.appendChild(document.createElement('figure'));
      if (!cell.children.length) cell.innerHTML = '<span class="picture sprite"></span><figcaption></figcaption>';
      const picture = cell.firstChild;
      picture.classList.toggle('heat-sprite', is_heat);
      picture.style.backgroundImage = `url(${sprite})`;
      picture.style.backgroundSize = `${100 * columns}% ${100 * rows}%`;
      const along = (at, count) => (count > 1 ? (100 * at) / (count - 1) : 0);
      picture.style.backgroundPosition = `${along(j % columns, columns)}% ${along(Math.floor(j / columns), rows)}%`;
      say(cell.lastChild, label);
    });
  });
}

function say(node, text) {
  if (node.textContent !== text) node.textContent = text;
}

function showControls() {
  say(find('output.turn'), `${turn.value}°`);
  say(find('output.pen'), `${(+pen.value).toFixed(1)} pixels`);
}

function reset() {
  turn.value = 0;
  pen.value = props.pen;
  centred.checked = true;
  showControls();
}

document.addEventListener('answer', ({ detail }) => {
  if (detail.settled || took < LIVE) {
    lacks = true;
    want({ ...detail.drawing, moving: !detail.settled });
  }
});
panel.addEventListener('toggle', () => newest && want({}));
for (const control of [turn, pen, centred]) {
  control.addEventListener('input', () => {
    showControls();
    if (newest) want({});
  });
}
find('.controls button').addEventListener('click', () => {
  reset();
  if (newest) want({});
});
reset();
document.dispatchEvent(new Event('listening'));
