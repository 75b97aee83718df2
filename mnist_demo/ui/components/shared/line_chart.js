// Line charts in SVG, updated in place so that they do not flicker. What is outside the axes is clipped, never moved.
const LEFT = 52, RIGHT = 372, TOP = 10, BOTTOM = 180; // of the plot, in units of the viewBox
const MARGIN = 4; // around the plot that is not clipped, for the dots on its edge

// Return a function from a value to its y coordinate.
function makeScale(low, high) {
  return (value) => BOTTOM - ((BOTTOM - TOP) * (value - low)) / (high - low);
}

// Return the ticks [value, text] of an axis from `floor` to 100%.
function makePercentageTicks(floor) {
  return [floor, (floor + 100) / 2, 100].map((value) => [value, `${value}%`]);
}

// Return a function that draws `lines` {xs, ys, className, dots}: `dots` marks each point. The x axis goes from 0 to
// `width`; `y` is a scale.
function makeChart(svg, origin) {
  svg.setAttribute('viewBox', `0 0 ${RIGHT + 8} ${BOTTOM + 26}`);
  const id = `plot-${document.querySelectorAll('clipPath').length}-${svg.getAttribute('class')}`;
  makeShape('rect', makeShape('clipPath', svg, { id }), {
    x: LEFT - MARGIN, y: TOP - MARGIN, width: RIGHT - LEFT + 2 * MARGIN, height: BOTTOM - TOP + 2 * MARGIN,
  });
  const grid = makeShape('g', svg, { class: 'grid' });
  const plot = makeShape('g', svg, { 'clip-path': `url(#${id})` });
  let drawnGrid = '';

  function drawGrid(ticks, width, x, y) {
    const wanted = JSON.stringify([ticks, width]);
    if (drawnGrid === wanted) return;
    drawnGrid = wanted;
    grid.textContent = '';
    for (const [value, text] of ticks) {
      makeShape('line', grid, { x1: LEFT, x2: RIGHT, y1: y(value), y2: y(value), class: text === '99%' ? 'goal' : '' });
      makeShape('text', grid, { x: LEFT - 6, y: y(value) + 5, 'text-anchor': 'end' }, text);
    }
    const step = Math.ceil(width / 5);
    for (let value = 0; value <= width; value += step) {
      makeShape('line', grid, { x1: x(value), x2: x(value), y1: TOP, y2: BOTTOM });
      const anchor = value === width ? 'end' : value ? 'middle' : 'start';
      makeShape('text', grid, { x: x(value), y: BOTTOM + 20, 'text-anchor': anchor }, value || origin);
    }
  }

  return (ticks, width, y, lines) => {
    const x = (value) => LEFT + ((RIGHT - LEFT) * value) / width;
    drawGrid(ticks, width, x, y);
    setChildCount(plot, lines.length, () => {
      const group = makeShape('g', plot);
      makeShape('polyline', group);
      makeShape('path', group, { class: 'dots' });
    }).forEach((group, i) => {
      const { xs, ys, className, dots } = lines[i];
      const points = xs.map((value, j) => `${x(value).toFixed(1)},${y(ys[j]).toFixed(1)}`);
      group.setAttribute('class', className);
      group.firstChild.setAttribute('points', points.join(' '));
      group.lastChild.setAttribute('d', dots ? points.map((point) => `M${point}h0`).join('') : '');
    });
  };
}
