// A neural network in the browser: reads a weights file and computes its layers as PyTorch does.
// Images are channels-last: float32 (height, width, channels). A convolution is a product of matrices (im2col; K.
// Chellapilla, S. Puri, P. Simard, "High performance convolutional neural networks for document processing", 2006).
const FILE_VERSION = '1';
const WITH_WEIGHTS = ['conv', 'linear'];
const PANEL = 8; // columns that the kernel computes at once

// Float32 memory, and the product of matrices in it: WebAssembly with SIMD, or plain JavaScript where that is absent.
function createMemory() {
  const wasm = loadKernel();
  const memory = { heap: new Float32Array(wasm ? wasm.memory.buffer : 0) };
  let used = 0;

  // Return the index in `heap` of `count` new floats: `values`, and zeros after them. Addresses stay multiples of 16 bytes.
  memory.allocate = (count, values = []) => {
    const start = used;
    used += roundUp(count, 4);
    if (used > memory.heap.length) {
      if (wasm) {
        wasm.memory.grow(Math.ceil((4 * (used - memory.heap.length)) / 65536));
        memory.heap = new Float32Array(wasm.memory.buffer);
      } else {
        const larger = new Float32Array(2 * used);
        larger.set(memory.heap);
        memory.heap = larger;
      }
    }
    memory.heap.set(values, start);
    return start;
  };
  memory.gemm = wasm
    ? (a, b, bias, c, m, n, k, low) => wasm.gemm(4 * a, 4 * b, 4 * bias, 4 * c, m, n, k, low)
    : (...values) => gemm(memory.heap, ...values);
  return memory;
}

// The exports of the fastest kernel that the browser knows, or null.
function loadKernel() {
  if (typeof WebAssembly === 'undefined') return null;
  const kernels = KERNELS.map((base64) => Uint8Array.from(atob(base64), (character) => character.charCodeAt(0)));
  const known = kernels.find((bytes) => WebAssembly.validate(bytes));
  return known ? new WebAssembly.Instance(new WebAssembly.Module(known)).exports : null;
}

// The kernel of gemm.wat in plain JavaScript. The indices are those of the heap.
function gemm(heap, a, b, bias, c, m, n, k, low) {
  for (let column = 0; column < n; column += PANEL, b += PANEL * k) {
    for (let row = 0; row < m; row++) {
      const to = c + row * n + column, start = bias + column;
      let c0 = heap[start], c1 = heap[start + 1], c2 = heap[start + 2], c3 = heap[start + 3];
      let c4 = heap[start + 4], c5 = heap[start + 5], c6 = heap[start + 6], c7 = heap[start + 7];
      for (let inner = 0, from = b, at = a + row * k; inner < k; inner++, from += PANEL) {
        const x = heap[at + inner];
        c0 += x * heap[from];
        c1 += x * heap[from + 1];
        c2 += x * heap[from + 2];
        c3 += x * heap[from + 3];
        c4 += x * heap[from + 4];
        c5 += x * heap[from + 5];
        c6 += x * heap[from + 6];
        c7 += x * heap[from + 7];
      }
      heap[to] = Math.max(low, c0);
      heap[to + 1] = Math.max(low, c1);
      heap[to + 2] = Math.max(low, c2);
      heap[to + 3] = Math.max(low, c3);
      heap[to + 4] = Math.max(low, c4);
      heap[to + 5] = Math.max(low, c5);
      heap[to + 6] = Math.max(low, c6);
      heap[to + 7] = Math.max(low, c7);
    }
  }
}

// A matrix (rows, columns) as panels of 8 columns, which the kernel reads one after the other. Missing columns are zeros.
function toPanels(rows, columns, getValue) {
  const panels = new Float32Array(rows * roundUp(columns, PANEL));
  for (let row = 0; row < rows; row++) {
    for (let column = 0; column < columns; column++) {
      panels[Math.floor(column / PANEL) * PANEL * rows + row * PANEL + (column % PANEL)] = getValue(row, column);
    }
  }
  return panels;
}

const roundUp = (value, step) => Math.ceil(value / step) * step;

// Each layer is made from its description, the shape and index of its input, and its tensors.
// It has `shape` [height, width, channels], `index` of its output in memory, and `run`.
const LAYERS = {
  conv(memory, { stride, padding, relu }, input, { weight, bias }) {
    const [height, width, channels] = input.shape;
    const [outputs, , size] = weight.shape;
    if (outputs % PANEL) throw new Error(`A convolution needs a multiple of ${PANEL} filters; this one has ${outputs}.`);
    const paddedWidth = width + 2 * padding, paddedHeight = height + 2 * padding;
    const shape = [paddedHeight, paddedWidth].map((side) => Math.floor((side - size) / stride) + 1).concat(outputs);
    const positions = shape[0] * shape[1], inner = size * size * channels;
    // Rows in the order of the patches: PyTorch's filters are (outputs, channels, size, size).
    const panels = toPanels(inner, outputs, (row, output) => {
      const channel = row % channels;
      return weight.values[(output * channels + channel) * size * size + (row - channel) / channels];
    });
    const weights = memory.allocate(panels.length, panels);
    const biases = memory.allocate(outputs, bias?.values);
    const padded = padding ? memory.allocate(paddedHeight * paddedWidth * channels) : input.index; // its margin stays 0
    const patches = memory.allocate(roundUp(positions, 4) * inner);
    const index = memory.allocate(roundUp(positions, 4) * outputs);
    const run = () => {
      const { heap } = memory;
      for (let y = 0; padding && y < height; y++) {
        const from = input.index + y * width * channels;
        heap.copyWithin(padded + ((y + padding) * paddedWidth + padding) * channels, from, from + width * channels);
      }
      let to = patches;
      for (let y = 0; y < shape[0]; y++) {
        for (let x = 0; x < shape[1]; x++) {
          for (let row = 0; row < size; row++, to += size * channels) { // a row of the filter is contiguous
            const from = padded + ((y * stride + row) * paddedWidth + x * stride) * channels;
            heap.copyWithin(to, from, from + size * channels);
          }
        }
      }
      memory.gemm(patches, weights, biases, index, roundUp(positions, 4), outputs, inner, relu ? 0 : -Infinity);
    };
    return { shape, index, run };
  },

  linear(memory, { relu }, input, { weight, bias }) {
    const [outputs, inputs] = weight.shape;
    const columns = roundUp(outputs, PANEL);
    const panels = toPanels(inputs, outputs, (row, output) => weight.values[output * inputs + row]);
    const weights = memory.allocate(panels.length, panels);
    const biases = memory.allocate(columns, bias?.values);
    const rows = memory.allocate(4 * inputs); // the kernel computes four rows; three are zeros
    const index = memory.allocate(4 * columns);
    const run = () => {
      memory.heap.copyWithin(rows, input.index, input.index + inputs);
      memory.gemm(rows, weights, biases, index, 4, columns, inputs, relu ? 0 : -Infinity);
    };
    return { shape: [1, 1, outputs], index, run };
  },

  // Batch normalization that is not part of a convolution: a factor and an offset for each channel.
  affine(memory, _, input, { weight, bias }) {
    return mapValues(memory, input, (value, i) => value * weight.values[i % input.shape[2]] + bias.values[i % input.shape[2]]);
  },

  relu(memory, _, input) {
    return mapValues(memory, input, (value) => Math.max(value, 0));
  },

  sigmoid(memory, _, input) {
    return mapValues(memory, input, (value) => 1 / (1 + Math.exp(-value)));
  },

  max_pool(memory, { size, stride }, input) {
    const [height, width, channels] = input.shape;
    const shape = [height, width].map((side) => Math.floor((side - size) / stride) + 1).concat(channels);
    const index = memory.allocate(shape[0] * shape[1] * channels);
    const run = () => {
      const { heap } = memory;
      let to = index;
      for (let y = 0; y < shape[0]; y++) {
        for (let x = 0; x < shape[1]; x++) {
          for (let channel = 0; channel < channels; channel++) {
            let most = -Infinity;
            for (let i = 0; i < size; i++) {
              for (let j = 0; j < size; j++) {
                most = Math.max(most, heap[input.index + ((y * stride + i) * width + x * stride + j) * channels + channel]);
              }
            }
            heap[to++] = most;
          }
        }
      }
    };
    return { shape, index, run };
  },

  crop(memory, { margin }, input) {
    const [height, width, channels] = input.shape;
    const shape = [height - 2 * margin, width - 2 * margin, channels];
    const index = memory.allocate(shape[0] * shape[1] * channels);
    const run = () => {
      for (let y = 0; y < shape[0]; y++) {
        const from = input.index + ((y + margin) * width + margin) * channels;
        memory.heap.copyWithin(index + y * shape[1] * channels, from, from + shape[1] * channels);
      }
    };
    return { shape, index, run };
  },

  // To PyTorch's order: channel by channel.
  flatten(memory, _, input) {
    const [height, width, channels] = input.shape;
    const index = memory.allocate(height * width * channels);
    const run = () => {
      let to = index;
      for (let channel = 0; channel < channels; channel++) {
        for (let i = 0; i < height * width; i++) memory.heap[to++] = memory.heap[input.index + i * channels + channel];
      }
    };
    return { shape: [1, 1, height * width * channels], index, run };
  },
};

function mapValues(memory, { shape, index: from }, change) {
  const count = shape[0] * shape[1] * shape[2];
  const index = memory.allocate(count);
  const run = () => {
    for (let i = 0; i < count; i++) memory.heap[index + i] = change(memory.heap[from + i], i);
  };
  return { shape, index, run };
}

// Return a network from the bytes of a weights file: `run(image)` computes the logits of 28x28 bytes, 0 to 255 of ink, and
// `readMaps()` returns what each hidden convolution then responds. Throw an Error for a file that is damaged or of another version.
function createNetwork(bytes) {
  const { layers, calibration, tensors } = readWeights(bytes);
  const memory = createMemory();
  const input = { shape: [28, 28, 1], index: memory.allocate(28 * 28) };
  const stages = [];
  let last = input;
  for (const { type, tensors: names = {}, ...description } of layers) {
    const own = Object.fromEntries(Object.entries(names).map(([role, name]) => [role, tensors[name]]));
    last = LAYERS[type](memory, description, last, own);
    stages.push({ type, ...last });
  }
  const run = (image) => {
    for (let i = 0; i < image.length; i++) memory.heap[input.index + i] = image[i] / 255;
    for (const stage of stages) stage.run();
    return memory.heap.slice(last.index, last.index + last.shape[2]);
  };
  const hidden = stages.filter(({ type }) => WITH_WEIGHTS.includes(type)).length - 1;
  const readMaps = () => stages.flatMap((_, i) => {
    const end = findEnd(stages, i);
    return end ? [{ ...toBytes(memory.heap, end), hidden }] : [];
  });
  return { run, readMaps, calibration };
}

// The last stage of what a convolution computes: what follows it, up to the next layer with weights.
function findEnd(stages, i) {
  if (stages[i].type !== 'conv') return null;
  const next = stages.findIndex(({ type }, j) => j > i && [...WITH_WEIGHTS, 'flatten'].includes(type));
  return stages[next - 1];
}

// The maps of a stage one after the other as bytes: 0 for no response, 255 for the strongest of all.
function toBytes(heap, { shape: [height, width, count], index }) {
  const values = heap.subarray(index, index + height * width * count);
  let most = 1e-12;
  for (let i = 0; i < values.length; i++) if (values[i] > most) most = values[i];
  const pixels = new Uint8Array(values.length);
  for (let i = 0, pixel = 0; pixel < height * width; pixel++) {
    for (let map = 0; map < count; map++, i++) pixels[map * height * width + pixel] = (255 * values[i]) / most;
  }
  return { height, width, count, pixels };
}

// Read a safetensors file: the length of the header, the header as JSON, and the tensors.
function readWeights(bytes) {
  const damaged = new Error('The file with the model\'s weights is damaged.');
  let header, start;
  try {
    start = 8 + Number(new DataView(bytes).getBigUint64(0, true));
    header = JSON.parse(new TextDecoder().decode(new Uint8Array(bytes, 8, start - 8)));
  } catch {
    throw damaged;
  }
  const { __metadata__: metadata = {}, ...entries } = header;
  if (metadata.version !== FILE_VERSION) throw new Error('The file with the model\'s weights has another version. Reload the page.');
  const tensors = {};
  for (const [name, { dtype, shape, data_offsets: [from, to] }] of Object.entries(entries)) {
    if (start + to > bytes.byteLength) throw damaged;
    const data = bytes.slice(start + from, start + to);
    const values = dtype === 'F16' ? decodeHalves(new Uint16Array(data)) : new Float32Array(data);
    if (!values.every(Number.isFinite)) throw damaged;
    tensors[name] = { shape, values };
  }
  return { layers: JSON.parse(metadata.layers), calibration: JSON.parse(metadata.calibration), tensors };
}

// Half-precision floats (IEEE 754) as float32.
function decodeHalves(halves) {
  const values = new Float32Array(halves.length);
  halves.forEach((half, i) => {
    const exponent = (half >> 10) & 31, fraction = half & 1023;
    const size = exponent === 31 ? (fraction ? NaN : Infinity) : exponent ? (1 + fraction / 1024) * 2 ** (exponent - 15) : fraction * 2 ** -24;
    values[i] = half >> 15 ? -size : size;
  });
  return values;
}
