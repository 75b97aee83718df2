// Line charts in SVG, updated in place so that they do not flicker.
const LEFT = 76, RIGHT = 548, TOP = 10, BOTTOM = 222; // of the plot, in units of the viewBox

// Return a function from a value to its y coordinate.
function makeScale(low, high) {
  return (value) => BOTTOM - ((BOTTOM - TOP) * (value - low)) / (high - low);
}

// Return the ticks [value, text] of an axis from `floor` to 100 %.
function makePercentageTicks(floor) {
  return [floor, (floor + 100) / 2, 100].map((value) => [value, `${value} %`]);
}

// Return a function that draws `lines` {xs, ys, className}. The x axis goes from 0 to `width`; `y` is a scale.
function makeChart(svg, origin) {
  const grid = makeShape('g', svg, { class: 'grid' });
  const plot = makeShape('g', svg);
  let drawnGrid = '';

  function drawGrid(ticks, width, x, y) {
    const wanted = JSON.stringify([ticks, width]);
    if (drawnGrid === wanted) return;
    drawnGrid = wanted;
    grid.textContent = '';
    for (const [value, text] of ticks) {
      makeShape('line', grid, { x1: LEFT, x2: RIGHT, y1: y(value), y2: y(value), class: text === '99 %' ? 'goal' : '' });
      makeShape('text', grid, { x: LEFT - 6, y: y(value) + 5, 'text-anchor': 'end' }, text);
    }
    const step = Math.ceil(width / 10);
    for (let value = 0; value <= width; value += step) {
      makeShape('line', grid, { x1: x(value), x2: x(value), y1: TOP, y2: BOTTOM });
      makeShape('text', grid, { x: x(value), y: BOTTOM + 20, 'text-anchor': 'middle' }, value || origin);
    }
  }

  return (ticks, width, y, lines) => {
    const x = (value) => LEFT + ((RIGHT - LEFT) * value) / width;
    drawGrid(ticks, width, x, y);
    setChildCount(plot, lines.length, () => makeShape('polyline', plot)).forEach((node, i) => {
      const { xs, ys, className } = lines[i];
      const clamp = (value) => Math.min(BOTTOM, Math.max(TOP, value));
      node.setAttribute('class', className);
      node.setAttribute('points', xs.map((value, j) => `${x(value).toFixed(1)},${clamp(y(ys[j])).toFixed(1)}`).join(' '));
    });
  };
}
