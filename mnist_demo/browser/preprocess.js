// Pen strokes to a 28x28 image like MNIST's: the same as mnist_demo/preprocess/strokes.py, which explains the method.
const IMAGE_SIZE = 28; // pixels
const BOX_SIZE = 20; // pixels of the side of the box that MNIST's digits fill
const PEN_WIDTH = 2.7; // pixels
const CURVE_STEPS = 4; // segments of a painted curve for each point
const SPACING = 0.5; // pixels between the points of a resampled path
const STRAY_DOT_SIZE = 0.08, STRAY_DOT_DISTANCE = 0.15; // fractions of the largest stroke's extent
const MAX_I_WIDTH = 0.5;
const MAX_STRAY_DOTS = 2;
const MAX_STROKES = 500, MAX_POINTS = 20000;
const MAX_COORDINATE = 1e9, MIN_EXTENT = 1e-100;
const MAX_SEGMENTS = 4000;

// Return the strokes that have points. Throw an Error that names the first invalid part.
function parseStrokes(strokes) {
  const count = (number) => number.toLocaleString('en');
  if (!Array.isArray(strokes)) throw new Error('Strokes must be a list of strokes, each a list of (x, y).');
  if (strokes.length > MAX_STROKES) throw new Error(`The drawing has ${count(strokes.length)} strokes; at most ${MAX_STROKES} are allowed. Draw fewer.`);
  strokes.forEach((path, i) => {
    if (!Array.isArray(path)) throw new Error(`Stroke ${i + 1} must be a list of (x, y).`);
  });
  const points = strokes.reduce((sum, path) => sum + path.length, 0);
  if (points > MAX_POINTS) throw new Error(`The drawing has ${count(points)} points; at most ${count(MAX_POINTS)} are allowed. Send fewer points.`);
  strokes.forEach((path, i) => {
    if (!path.every((point) => Array.isArray(point) && point.length === 2 && point.every((value) => typeof value === 'number'))) {
      throw new Error(`Stroke ${i + 1} must be a list of points (x, y), two numbers each.`);
    }
    if (!path.flat().every((value) => Math.abs(value) <= MAX_COORDINATE)) { // also catches NaN
      throw new Error(`Stroke ${i + 1} has a coordinate that is not a finite number up to 1e+09.`);
    }
  });
  return strokes.filter((path) => path.length);
}

const minimum = (points, axis) => points.reduce((least, point) => Math.min(least, point[axis]), Infinity);
const maximum = (points, axis) => points.reduce((most, point) => Math.max(most, point[axis]), -Infinity);
const extentOf = (points) => Math.max(...[0, 1].map((axis) => maximum(points, axis) - minimum(points, axis)));
const distance = ([x, y], [nextX, nextY]) => Math.hypot(nextX - x, nextY - y);
const lengthOf = (path) => path.slice(1).reduce((sum, point, i) => sum + distance(path[i], point), 0);

// Round a half to the even neighbor, as Python does.
const roundEven = (value) => (value % 1 === 0.5 ? 2 * Math.round(value / 2) : Math.round(value));

// The same path with points at equal distances of about `spacing`, both ends included.
function resample(path, spacing) {
  const along = [0];
  for (let i = 1; i < path.length; i++) along.push(along[i - 1] + distance(path[i - 1], path[i]));
  const total = along.at(-1);
  const steps = Math.max(2, roundEven(total / spacing) + 1) - 1;
  const points = [];
  for (let step = 0, i = 0; step < steps; step++) {
    const position = step * (total / steps);
    while (i < path.length - 1 && along[i + 1] <= position) i++;
    const next = Math.min(i + 1, path.length - 1);
    const part = next === i ? 0 : (position - along[i]) / (along[next] - along[i]);
    points.push([0, 1].map((axis) => path[i][axis] + part * (path[next][axis] - path[i][axis])));
  }
  return [...points, path.at(-1)];
}

// The curve that the pad paints: parabolas between the midpoints of the segments.
function paintedCurve(path) {
  if (path.length < 3) return path;
  const curve = [];
  let start = path[0];
  for (let i = 1; i < path.length - 1; i++) {
    const end = [0, 1].map((axis) => (path[i][axis] + path[i + 1][axis]) / 2);
    for (let step = 0; step < CURVE_STEPS; step++) {
      const t = step / CURVE_STEPS;
      curve.push([0, 1].map((axis) => start[axis] * (1 - t) ** 2 + path[i][axis] * (2 * t * (1 - t)) + end[axis] * t ** 2));
    }
    start = end;
  }
  return [...curve, start, path.at(-1)];
}

// Leave out a few small dots far from the other strokes, but not the dot of an i.
function removeStrayDots(paths) {
  const extents = paths.map(extentOf);
  const largest = Math.max(...extents);
  const isDot = extents.map((extent) => extent < STRAY_DOT_SIZE * largest);
  const strokes = paths.filter((_, i) => !isDot[i]).flat();
  const margin = STRAY_DOT_DISTANCE * largest;
  const low = [0, 1].map((axis) => minimum(strokes, axis) - margin);
  const high = [0, 1].map((axis) => maximum(strokes, axis) + margin);
  if (high[0] - low[0] < MAX_I_WIDTH * (high[1] - low[1])) [low[1], high[1]] = [-Infinity, Infinity];
  const isNear = ([point]) => [0, 1].every((axis) => point[axis] >= low[axis] && point[axis] <= high[axis]);
  const kept = paths.filter((path, i) => !isDot[i] || isNear(path));
  return paths.length - kept.length <= MAX_STRAY_DOTS ? kept : paths;
}

// Scale the ink to MNIST's box and move its center of mass to the image's center. Return resampled paths in pixels.
function normalize(strokes) {
  const curves = removeStrayDots(strokes).map(paintedCurve);
  const points = curves.flat();
  const low = [0, 1].map((axis) => minimum(points, axis));
  const extent = extentOf(points);
  const scale = extent > MIN_EXTENT ? (BOX_SIZE - PEN_WIDTH - 1) / extent : 1;
  const scaled = curves.map((path) => path.map((point) => point.map((value, axis) => (value - low[axis]) * scale)));
  const length = scaled.reduce((sum, path) => sum + lengthOf(path), 0);
  const paths = scaled.map((path) => resample(path, Math.max(SPACING, length / MAX_SEGMENTS)));
  const all = paths.flat();
  const center = [0, 1].map((axis) => all.reduce((sum, point) => sum + point[axis], 0) / all.length);
  return paths.map((path) => path.map((point) => point.map((value, axis) => value - center[axis] + IMAGE_SIZE / 2)));
}

// Draw paths, given in pixels, with a round antialiased pen: 28x28 bytes, 255 is ink.
function rasterize(paths) {
  const radius = PEN_WIDTH / 2 + 0.5; // where the antialiased edge ends
  const nearest = new Float64Array(IMAGE_SIZE ** 2).fill(radius ** 2); // squared distances of the pixels to the path
  const clamp = (pixel) => Math.min(Math.max(pixel, 0), IMAGE_SIZE - 1);
  for (const path of paths) {
    for (let i = 1; i < path.length; i++) {
      const [[x, y], [nextX, nextY]] = [path[i - 1], path[i]];
      const stepX = nextX - x, stepY = nextY - y;
      const length = Math.max(stepX ** 2 + stepY ** 2, 1e-12);
      const left = clamp(Math.ceil(Math.min(x, nextX) - radius)), right = clamp(Math.floor(Math.max(x, nextX) + radius));
      const top = clamp(Math.ceil(Math.min(y, nextY) - radius)), bottom = clamp(Math.floor(Math.max(y, nextY) + radius));
      for (let row = top; row <= bottom; row++) {
        for (let column = left; column <= right; column++) {
          const t = Math.min(Math.max(((column - x) * stepX + (row - y) * stepY) / length, 0), 1);
          const squared = (column - x - t * stepX) ** 2 + (row - y - t * stepY) ** 2;
          const pixel = row * IMAGE_SIZE + column;
          if (squared < nearest[pixel]) nearest[pixel] = squared;
        }
      }
    }
  }
  return Uint8Array.from(nearest, (squared) => Math.round(255 * Math.min(radius - Math.sqrt(squared), 1)));
}

// Strokes, each a list of [x, y] in any unit with y down, as an image like MNIST's; empty without points.
function strokesToImage(strokes) {
  const paths = parseStrokes(strokes);
  return paths.length ? rasterize(normalize(paths)) : new Uint8Array(IMAGE_SIZE ** 2);
}
