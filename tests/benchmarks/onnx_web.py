"""Compare our engine with ONNX Runtime Web on the same drawings: python -m tests.benchmarks.onnx_web

Needs npm, and for the export `pip install onnx onnxscript`; these are no dependencies of the project. Both run `sketch`
in one thread of Chromium, ONNX Runtime with its WebAssembly backend. Print the milliseconds from a 28x28 image to the
logits, and the kilobytes that a browser downloads. Exit with 1 if ours is slower or larger. Takes a minute.
"""

import base64
import gzip
import subprocess
import sys
import tempfile
import threading
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from statistics import median

import numpy as np
import torch

from mnist_demo.browser import engine_script, to_weights_file
from mnist_demo.classifier import Classifier
from mnist_demo.data.synthetic import DESIGNS, design_strokes
from mnist_demo.devices import hardware_name
from mnist_demo.preprocess.strokes import strokes_to_image
from mnist_demo.reports import markdown_table
from tests.browser import chromium

PACKAGE = "onnxruntime-web@1.30.0"
FILES = ("ort.wasm.min.js", "ort-wasm-simd-threaded.mjs", "ort-wasm-simd-threaded.wasm")
MAX_DIFFERENCE = 0.05  # of a logit: our weights are half-precision
ROUNDS = 30  # the first ten warm up

RUN = """async ({ weights, images }) => {
  ort.env.wasm.numThreads = 1;
  ort.env.wasm.wasmPaths = location.origin + '/';
  const session = await ort.InferenceSession.create('/sketch.onnx', { executionProviders: ['wasm'] });
  respond({ key: 'sketch', weights: Uint8Array.from(atob(weights), (character) => character.charCodeAt(0)).buffer });
  const ways = {
    theirs: async (image) => {
      const input = new ort.Tensor('float32', Float32Array.from(image, (value) => value / 255), [1, 1, 28, 28]);
      return Object.values(await session.run({ [session.inputNames[0]]: input }))[0].data;
    },
    ours: async (image) => networks.get('sketch').run(image),
  };
  const result = {};
  for (const [name, run] of Object.entries(ways)) {
    const times = [], logits = [];
    for (let round = 0; round < ROUNDS; round++) {
      for (const image of images) {
        const start = performance.now();
        const output = await run(Uint8Array.from(image));
        if (round >= ROUNDS / 3) times.push(performance.now() - start);
        if (!round) logits.push([...output]);
      }
    }
    result[name] = { times, logits };
  }
  return result;
}""".replace("ROUNDS", str(ROUNDS))


class Handler(SimpleHTTPRequestHandler):
    extensions_map = SimpleHTTPRequestHandler.extensions_map | {".mjs": "text/javascript", ".wasm": "application/wasm"}

    def log_message(self, *_: object) -> None:
        pass


def main() -> int:
    classifier = Classifier.load("sketch")
    images = [strokes_to_image(design_strokes(name)) for name in DESIGNS]
    weights = to_weights_file(classifier)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        subprocess.run(["npm", "install", "--silent", "--no-save", "--prefix", folder, PACKAGE], check=True)
        for file in FILES:
            (folder / "node_modules/onnxruntime-web/dist" / file).rename(folder / file)
        export(classifier.model, folder / "sketch.onnx")
        (folder / "index.html").write_text(f'<script src="/{FILES[0]}"></script>', encoding="utf-8")
        server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Handler, directory=name))
        threading.Thread(target=server.serve_forever, daemon=True).start()
        with chromium() as browser:
            page = browser.new_page()
            page.goto(f"http://127.0.0.1:{server.server_port}/")
            page.add_script_tag(content=engine_script())
            query = {
                "weights": base64.b64encode(weights).decode(),
                "images": [image.ravel().tolist() for image in images],
            }
            result = page.evaluate(RUN, query)
        server.shutdown()
        theirs = [(folder / file).read_bytes() for file in FILES], (folder / "sketch.onnx").read_bytes()
    ours = [engine_script().encode()], weights
    gap = np.abs(np.array(result["ours"]["logits"]) - result["theirs"]["logits"]).max()
    rows, figures = [], []
    for name, key, (runtime, model) in (("this engine", "ours", ours), (PACKAGE.replace("@", " "), "theirs", theirs)):
        figures.append((median(result[key]["times"]), sum(map(compressed, runtime)) + compressed(model)))
        sizes = [sum(map(compressed, runtime)), compressed(model)]
        rows.append([name, f"{figures[-1][0]:.2f}", *(f"{size / 1000:,.0f}" for size in sizes)])
    print(markdown_table(["", "one prediction, median, ms", "engine, gzip, kB", "weights, gzip, kB"], rows))
    print(f"\nLogits differ by at most {gap:.4f}. Measured on {hardware_name('cpu')}, one thread.")
    (time, size), (their_time, their_size) = figures
    return int(gap > MAX_DIFFERENCE or time > their_time or size > their_size)


def compressed(content: bytes) -> int:
    return len(gzip.compress(content))


def export(model: torch.nn.Module, path: Path) -> None:
    torch.onnx.export(model, (torch.zeros(1, 1, 28, 28),), path, dynamo=True, external_data=False)


if __name__ == "__main__":
    sys.exit(main())
