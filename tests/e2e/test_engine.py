"""The engine in the browser predicts as PyTorch does."""

import base64
import json
import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from playwright.sync_api import Browser, Error, Page

from mnist_demo.browser import FOLDER, KERNELS, engine_script, to_weights_file
from mnist_demo.browser.assemble import assemble
from mnist_demo.checkpoints import list_checkpoints
from mnist_demo.classifier import Classifier
from mnist_demo.data import Digits
from mnist_demo.data.non_digits import random_non_digit, side_by_side
from mnist_demo.data.synthetic import synthetic_digits, synthetic_paths
from mnist_demo.errors import InputError
from mnist_demo.models import MODELS, build_model, fuse_for_inference

IMAGES, _ = synthetic_digits(20, seed=5)
# What makes the engine use its kernel with relaxed SIMD, with SIMD, or plain JavaScript.
WAYS = {
    "relaxed SIMD": "",
    "SIMD": "WebAssembly.validate = (bytes) => bytes.length === SIZE;".replace(
        "SIZE", str((FOLDER / KERNELS[1]).stat().st_size)
    ),
    "plain JavaScript": "delete globalThis.WebAssembly;",
}
PROBABILITY_TOLERANCE = 0.001

Drawing = list[list[list[float]]]


@pytest.fixture(params=WAYS)
def engine_page(browser: Browser, request: pytest.FixtureRequest) -> Iterator[Page]:
    """Return an empty page with the engine's functions, with each of its kernels."""
    page = browser.new_page()
    page.add_script_tag(content=WAYS[request.param] + engine_script())
    yield page
    page.close()


def load(page: Page, classifier: Classifier, dtype: torch.dtype = torch.float16) -> None:
    load_file(page, to_weights_file(classifier, dtype))


def load_file(page: Page, file: bytes) -> Any:
    page.evaluate(
        """(text) => {
            const weights = Uint8Array.from(atob(text), (character) => character.charCodeAt(0)).buffer;
            return respond({ key: 'model', weights });
        }""",
        base64.b64encode(file).decode(),
    )


def predict(page: Page, drawings: list[Drawing]) -> list[dict[str, Any]]:
    return page.evaluate(
        """(drawings) => drawings.map((strokes) => {
            try {
                const prediction = respond({ key: 'model', strokes });
                return { ...prediction, image: [...prediction.image] };
            } catch (error) {
                return { error: error.message };
            }
        })""",
        drawings,
    )


def test_the_kernels_are_assembled_from_their_source(tmp_path: Path):
    if not shutil.which("wat2wasm"):
        pytest.fail("install wabt") if os.environ.get("CI") else pytest.skip("needs wat2wasm of Debian's wabt")
    assemble(tmp_path)
    for name in KERNELS:
        assert (tmp_path / name).read_bytes() == (FOLDER / name).read_bytes()


@pytest.mark.parametrize("network", MODELS)
def test_every_network_has_pytorchs_logits(engine_page: Page, network: str):
    model = build_model(network, seed=1)
    torch.manual_seed(0)
    for name, buffer in model.named_buffers():  # as if batch normalization had learned
        if "running" in name:
            buffer.uniform_(0.5, 2)
    model.eval()
    load(engine_page, Classifier("test", model), torch.float32)
    computed = engine_page.evaluate(
        "(images) => images.map((image) => [...networks.get('model').run(Uint8Array.from(image))])",
        IMAGES.reshape(len(IMAGES), -1).tolist(),
    )
    with torch.inference_mode():
        expected = model(torch.from_numpy(IMAGES).float().div(255)[:, None]).numpy()
    assert np.abs(np.array(computed) - expected).max() < 1e-4 * max(1, np.abs(expected).max())


def test_the_maps_of_convolutions_are_pytorchs(engine_page: Page):
    model = build_model("conv5 16, conv5 32, linear", seed=2).eval()
    load(engine_page, Classifier("test", model), torch.float32)
    first, second = engine_page.evaluate(
        """(image) => {
            networks.get('model').run(Uint8Array.from(image));
            return networks.get('model').readMaps().map((layer) => ({ ...layer, pixels: [...layer.pixels] }));
        }""",
        IMAGES[3].ravel().tolist(),
    )
    assert (second["count"], second["height"], second["width"], second["hidden"]) == (32, 7, 7, 2)
    with torch.inference_mode():
        expected = model[:3](torch.from_numpy(IMAGES[3]).float().div(255)[None, None])[0].numpy()
    maps = np.array(first["pixels"]).reshape(expected.shape)
    assert np.abs(maps - expected * (255 / expected.max())).max() <= 1


def draw_people_and_designs(count: int) -> list[Drawing]:
    """Return drawings of all kinds: digits of designs, non-digits, digits side by side, and some with few points."""
    rng = np.random.default_rng(7)
    drawings = []
    for i in range(count):
        paths = synthetic_paths(i % 10, rng, with_rare=True)
        if i % 3 == 1:
            paths = random_non_digit(rng)
        elif i % 9 == 2:
            paths = side_by_side([paths, synthetic_paths(int(rng.integers(10)), rng)], rng)
        elif i % 9 == 3:
            paths = [path[:: max(1, len(path) // 5)] for path in paths]
        elif i % 9 == 5:  # a stray dot
            paths = [*paths, rng.uniform(0, 300, (1, 2))]
        drawings.append([np.round(10 * path).tolist() for path in paths])
    return drawings


HOSTILE: list[Any] = [
    [],
    [[]],
    [[], [[5, 5]]],
    [[[5, 5]]],
    [[[5, 5], [5, 5], [5, 5]]],
    [[[0, 0], [1e9, -1e9]]],
    [[[0, 0], [1e-200, 1e-200]]],
    [[[i % 100, i // 100 * 7 % 100] for i in range(20_000)]],
    [[[0, 0]] * 20_001],
    [[[0, 0]]] * 501,
    [[[0, 0], [2e9, 0]]],
    [[[0, 0], [None, 0]]],
    [[[0, 0], [1, 2, 3]]],
    [[[0, 0], "ab"]],
    ["ab"],
    [3],
    3,
    None,
    "ab",
]


def assert_same(classifier: Classifier, drawings: list[Any], predictions: list[dict[str, Any]]) -> None:
    for drawing, found in zip(drawings, predictions, strict=True):
        try:
            expected = classifier.predict_strokes(drawing)
        except InputError:
            assert found.get("error"), f"{json.dumps(drawing)[:200]} is not refused"
            continue
        assert "error" not in found, found["error"]
        difference = np.abs(np.array(found["image"]).reshape(28, 28) - expected.image.astype(int)).max()
        assert difference <= 1, f"pixels of {json.dumps(drawing)[:200]} differ by {difference}"
        gaps = np.abs(np.array(found["probabilities"]) - expected.probabilities)
        assert gaps.max() < PROBABILITY_TOLERANCE, (gaps.max(), found["probabilities"], expected.probabilities)
        assert abs(found["digit_probability"] - expected.digit_probability) < PROBABILITY_TOLERANCE
        second, first = np.sort(expected.probabilities)[-2:]
        if first - second > PROBABILITY_TOLERANCE:
            assert found["digit"] == expected.digit
        if abs(expected.digit_probability - classifier.calibration.threshold) > PROBABILITY_TOLERANCE:
            assert found["is_digit"] == expected.is_digit and found["is_multiple"] == expected.is_multiple


@pytest.mark.parametrize("engine_page", ["relaxed SIMD", "plain JavaScript"], indirect=True)
@pytest.mark.parametrize("name", ["sketch", "fast", "mlp-sigmoid"])
def test_drawings_have_the_same_images_and_predictions(engine_page: Page, name: str):
    classifier, drawings = Classifier.load(name), draw_people_and_designs(200)
    load(engine_page, classifier)
    assert_same(classifier, drawings, predict(engine_page, drawings))


@pytest.mark.slow
@pytest.mark.parametrize("engine_page", ["relaxed SIMD"], indirect=True)
@pytest.mark.parametrize("name", ["sketch", "fast", "mlp-sigmoid"])
def test_people_have_the_same_predictions(engine_page: Page, name: str, pen_digits: list[Any]):
    classifier = Classifier.load(name)
    people = [[path.tolist() for path in one.paths] for one in pen_digits[:: len(pen_digits) // 1000][:1000]]
    drawings = people + draw_people_and_designs(1000)
    load(engine_page, classifier)
    assert_same(classifier, drawings, predict(engine_page, drawings))


def test_hostile_drawings_have_the_same_result(engine_page: Page):
    classifier = Classifier.load("sketch")
    load(engine_page, classifier)
    assert_same(classifier, HOSTILE, predict(engine_page, HOSTILE))


def test_not_a_number_is_refused(engine_page: Page):
    load(engine_page, Classifier.load("softmax"))
    for value in ("NaN", "Infinity", "undefined", "'1'"):
        with pytest.raises(Error, match="Stroke 1"):
            engine_page.evaluate(f"respond({{ key: 'model', strokes: [[[0, 0], [{value}, 1]]] }})")


def test_a_bad_weights_file_is_refused(engine_page: Page):
    good = to_weights_file(Classifier.load("softmax"))
    broken = Classifier("test", build_model("784-10"))
    with torch.no_grad():
        broken.model[1].weight[0, 0] = torch.nan  # type: ignore[index]
    for file, problem in (
        (good[:-2], "damaged"),
        (good[:5], "damaged"),
        (b"<html>Please log in</html>", "damaged"),
        (good.replace(b'"version":"1"', b'"version":"9"'), "another version"),
        (to_weights_file(broken), "damaged"),
    ):
        with pytest.raises(Error, match=problem):
            load_file(engine_page, file)


def test_a_model_without_finite_predictions_gives_an_error(engine_page: Page):
    model = build_model("784-10").eval()
    with torch.no_grad():
        model[1].weight.fill_(3e38)  # type: ignore[operator, union-attr]
    load(engine_page, Classifier("huge", model), torch.float32)
    (prediction,) = predict(engine_page, draw_people_and_designs(1))
    assert prediction == {"error": "This model cannot be used: its probabilities are not finite."}


def to_half(classifier: Classifier) -> Classifier:
    """Return the classifier with its weights rounded as for the browser."""
    model = fuse_for_inference(classifier.model)  # type: ignore[arg-type]
    return Classifier(classifier.name, model.half().float(), classifier.metadata)


@pytest.mark.slow
@pytest.mark.parametrize("name", list_checkpoints())
def test_half_precision_changes_no_prediction(name: str, mnist: Any, pen_digits: list[Any]):
    from mnist_demo.evaluation import evaluate
    from mnist_demo.preprocess.strokes import normalize, rasterize

    held_out = [one for one in pen_digits if one.writer > 24]
    images = np.stack([rasterize(normalize(one.paths)) for one in held_out])
    writers = Digits(torch.from_numpy(images)[:, None], torch.tensor([one.digit for one in held_out]))
    classifier = Classifier.load(name)
    for digits in (mnist.test, writers):
        full, half = (
            evaluate(each.model, digits, calibration=each.calibration) for each in (classifier, to_half(classifier))
        )
        assert (full.predictions != half.predictions).sum() == 0
