// Charts, and how nodes are made; part of every component that needs them. All text goes in as text, never as HTML.
const LEFT = 76, RIGHT = 548, TOP = 10, BOTTOM = 222; // of the plots, in the unit of their viewBox

function make(name, parent, text, options = {}) {
  const node = Object.assign(document.createElement(name), options);
  if (text !== undefined) node.textContent = text;
  parent.append(node);
  return node;
}

function shape(name, parent, attributes, text) {
  const node = document.createElementNS('http://www.w3.org/2000/svg', name);
  for (const [key, value] of Object.entries(attributes)) node.setAttribute(key, value);
  if (text !== undefined) node.textContent = text;
  parent.append(node);
  return node;
}

// A chart whose lines are moved in place, so that nothing flickers; the grid is drawn anew only where it changes.
function makeChart(svg, start = 'epoch 0') {
  const grid = shape('g', svg, { class: 'grid' });
  const lines = shape('g', svg, {});
  let drawn = '';
  return (rows, epochs, y, series) => {
    const x = (epoch) => LEFT + ((RIGHT - LEFT) * epoch) / epochs;
    const wanted = JSON.stringify([rows, epochs]);
    if (drawn !== wanted) {
      drawn = wanted;
      grid.textContent = '';
      for (const [value, text] of rows) {
        shape('line', grid, { x1: LEFT, x2: RIGHT, y1: y(value), y2: y(value), class: text === '99 %' ? 'goal' : '' });
        shape('text', grid, { x: LEFT - 6, y: y(value) + 5, 'text-anchor': 'end' }, text);
      }
      const every = Math.ceil(epochs / 10);
      for (let epoch = 0; epoch <= epochs; epoch += every) {
        shape('line', grid, { x1: x(epoch), x2: x(epoch), y1: TOP, y2: BOTTOM });
        shape('text', grid, { x: x(epoch), y: BOTTOM + 20, 'text-anchor': 'middle' }, epoch || start);
      }
    }
    while (lines.children.length > series.length) lines.lastChild.remove();
    while (lines.children.length < series.length) shape('polyline', lines, {});
    series.forEach(({ at, values, kind }, i) => {
      const points = at.map((epoch, j) => `${x(epoch).toFixed(1)},${Math.min(BOTTOM, Math.max(TOP, y(values[j]))).toFixed(1)}`);
      lines.children[i].setAttribute('class', kind);
      lines.children[i].setAttribute('points', points.join(' '));
    });
  };
}
