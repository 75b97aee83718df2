import io
from collections.abc import Callable

import numpy as np
import pytest
from PIL import Image, ImageDraw

from mnist_demo.classifier import Classifier
from mnist_demo.data.synthetic import DESIGNS, design_strokes
from mnist_demo.errors import InputError
from mnist_demo.preprocess.images import photo_to_image
from mnist_demo.preprocess.photo_file import open_photo
from mnist_demo.preprocess.strokes import strokes_to_image
from tests.conftest import draw_photo


def similarity(one: np.ndarray, other: np.ndarray) -> float:
    return float(np.corrcoef(one.ravel().astype(float), other.ravel().astype(float))[0, 1])


def transparent() -> Image.Image:
    photo = Image.new("RGBA", (300, 300), (0, 0, 0, 0))
    photo.paste((10, 10, 10, 255), mask=Image.eval(draw_photo(), lambda value: 255 - value))
    return photo


PHOTOS: dict[str, Image.Image | np.ndarray] = {
    "dark on light": draw_photo(),
    "light on dark": draw_photo(ink=235, paper=20),
    "large": draw_photo(side=1500),
    "small": draw_photo(side=60),
    "color": draw_photo().convert("RGB"),
    "palette": draw_photo().convert("P"),
    "bilevel": draw_photo().convert("1", dither=Image.Dither.NONE),
    "CMYK": draw_photo().convert("RGB").convert("CMYK"),
    "floats": draw_photo().convert("F"),
    "16 bits": Image.fromarray(np.asarray(draw_photo(), dtype=np.uint16) * 256),
    "transparent": transparent(),
    "faint": draw_photo(ink=150, paper=200),
    "array": np.asarray(draw_photo()),
    "array with one channel": np.asarray(draw_photo())[:, :, None],
    "color array": np.asarray(draw_photo().convert("RGB")),
}


@pytest.mark.parametrize("kind", PHOTOS)
def test_every_kind_of_photo_gives_the_same_image(kind: str):
    image = photo_to_image(PHOTOS[kind])
    assert image.shape == (28, 28) and image.dtype == np.uint8
    assert similarity(image, strokes_to_image(design_strokes("closed 4"))) > 0.85


@pytest.mark.parametrize("pen", [0.01, 0.02, 0.06, 0.14, 0.2])
def test_every_pen_width_becomes_that_of_mnist(pen: float):
    image = photo_to_image(draw_photo(side=500, width=pen))
    expected = strokes_to_image(design_strokes("closed 4"))
    assert similarity(image, expected) > 0.9
    assert image.mean() == pytest.approx(expected.mean(), rel=0.15)


def draw_aliased(design: str, side: int, pen: int) -> Image.Image:
    """Draw a design with hard edges, as a simple drawing program does. `side` and `pen` are in pixels."""
    picture = Image.new("L", (side, side), 255)
    for stroke in design_strokes(design):
        points = [(side * (0.15 + 0.7 * x / 100), side * (0.15 + 0.7 * y / 100)) for x, y in stroke]
        ImageDraw.Draw(picture).line(points, fill=0, width=pen)
    return picture


@pytest.mark.parametrize("side", [28, *(pytest.param(side, marks=pytest.mark.slow) for side in (300, 500))])
def test_a_digit_is_the_same_with_every_pen_from_one_pixel_on(side: int):
    classifier = Classifier.load("sketch")
    pens = [pen for pen in (1, 2, 16) if pen <= max(1, side / 12)]
    drawn = [(design, digit, pen) for design, (digit, _) in DESIGNS.items() for pen in pens]
    images = [photo_to_image(draw_aliased(design, side, pen)) for design, _, pen in drawn]
    incorrect = [
        f"{design}, pen {pen}, as {prediction.digit}"
        for (design, digit, pen), prediction in zip(drawn, classifier.predict_batch(images), strict=True)
        if prediction.digit != digit
    ]
    assert not incorrect


def add_lamp(photo: Image.Image) -> np.ndarray:
    """Light the photo from the upper left, and add paper grain."""
    y, x = np.mgrid[: photo.height, : photo.width] / max(photo.size)
    grain = np.random.default_rng(0).normal(0, 4, x.shape)
    return (np.asarray(photo) * (1 - 0.6 * (x + y) / 2) + grain).clip(0, 255).astype(np.uint8)


def add_shadow(photo: Image.Image) -> np.ndarray:
    """Cast a shadow with a sharp edge across the photo."""
    pixels = np.asarray(photo).astype(float)
    y, x = np.mgrid[: photo.height, : photo.width]
    return np.where(x + y > photo.width, pixels * 0.55, pixels).astype(np.uint8)


def add_dust(photo: Image.Image) -> np.ndarray:
    """Add small dark specks to the photo."""
    pixels = np.asarray(photo).copy()
    for top, left in np.random.default_rng(0).integers(0, photo.height - 3, (20, 2)):
        pixels[top : top + 2, left : left + 2] = 0
    return pixels


@pytest.mark.parametrize("disturb", [add_lamp, add_shadow, add_dust])
def test_uneven_light_shadow_and_dust_do_not_change_the_image(disturb: Callable[[Image.Image], np.ndarray]):
    clean = draw_photo(side=500, paper=235)
    assert similarity(photo_to_image(disturb(clean)), photo_to_image(clean)) > 0.95


def test_light_ink_is_found_under_uneven_light():
    chalk = add_lamp(draw_photo(side=500, ink=235, paper=50))
    assert similarity(photo_to_image(chalk), photo_to_image(draw_photo(side=500))) > 0.95


COLORS = {"white": (255, 255, 255), "black": (0, 0, 0), "red": (255, 0, 0), "green": (0, 255, 0), "blue": (0, 0, 200)}
COLORS |= {"yellow": (255, 220, 40), "cyan": (0, 255, 255)}


@pytest.mark.parametrize(
    ("ink", "paper"),
    [
        *(("white", "red"), ("black", "red"), ("black", "blue"), ("blue", "yellow"), ("red", "yellow")),
        *(("red", "green"), ("yellow", "cyan"), ("red", "blue"), ("yellow", "white"), ("cyan", "white")),
    ],
)
def test_ink_and_paper_may_have_any_color(ink: str, paper: str):
    alpha = np.asarray(draw_photo(ink=255, paper=0))[:, :, None] / 255
    colored = (np.array(COLORS[ink]) * alpha + np.array(COLORS[paper]) * (1 - alpha)).astype(np.uint8)
    assert similarity(photo_to_image(colored), photo_to_image(draw_photo())) > 0.95


@pytest.mark.parametrize("card", [draw_photo(), draw_photo(ink=240, paper=10)], ids=["light", "dark"])
def test_a_transparent_margin_does_not_change_the_image(card: Image.Image):
    photo = Image.new("RGBA", (400, 400), (0, 0, 0, 0))
    photo.paste(card.convert("RGBA"), (50, 50))
    assert similarity(photo_to_image(photo), photo_to_image(card)) > 0.95


@pytest.mark.parametrize("margin", [10, 40, 80])
def test_the_table_around_a_sheet_is_not_ink(margin: int):
    photo = Image.new("L", (600, 600), 30)
    photo.paste(draw_photo(side=600 - 2 * margin), (margin, margin))
    assert similarity(photo_to_image(photo), photo_to_image(draw_photo())) > 0.95


@pytest.mark.parametrize("design", ["round 0", "closed 4", "one-stroke 5", "round 3"])
@pytest.mark.parametrize("ink", [20, 235])
def test_a_photo_cropped_to_the_ink_gives_the_same_image(design: str, ink: int):
    whole = np.asarray(draw_photo(design, ink=ink, paper=255 - ink))
    rows, columns = np.nonzero(np.abs(whole.astype(int) - ink) < 100)
    cropped = whole[rows.min() : rows.max() + 1, columns.min() : columns.max() + 1]
    assert similarity(photo_to_image(cropped), photo_to_image(whole)) > 0.95


def test_a_frame_along_the_border_is_not_ink():
    framed = np.asarray(draw_photo(side=300)).copy()
    framed[:6] = framed[-6:] = framed[:, :6] = framed[:, -6:] = 0
    assert similarity(photo_to_image(framed), photo_to_image(draw_photo(side=300))) > 0.95


def test_damaged_exif_data_is_ignored():
    file = io.BytesIO()
    draw_photo(side=900).save(file, "JPEG", exif=b"Exif\0\0garbage that is not a TIFF file")
    with Image.open(file) as photo:
        assert similarity(photo_to_image(photo), photo_to_image(draw_photo())) > 0.95
        assert photo.size == (900, 900)  # the caller's image is not changed


def test_noise_in_a_16_bit_photo_is_not_ink():
    paper = np.random.default_rng(0).integers(40_000, 40_010, (60, 60)).astype(np.uint16)
    assert not photo_to_image(Image.fromarray(paper)).any()


def test_images_like_mnists_stay_the_same():
    images = [strokes_to_image(design_strokes(name)) for name in DESIGNS]
    similarities = [similarity(photo_to_image(image), image) for image in images]
    assert np.mean(similarities) > 0.97 and min(similarities) > 0.85


def test_a_photo_is_rotated_as_its_exif_data_says():
    exif = Image.Exif()
    exif[0x0112] = 6  # the camera was held sideways: rotate by a quarter turn
    file = io.BytesIO()
    draw_photo().transpose(Image.Transpose.ROTATE_90).save(file, "JPEG", exif=exif)
    assert similarity(photo_to_image(open_photo(file)), photo_to_image(draw_photo())) > 0.95


def test_photos_without_a_digit_give_some_image_and_no_warning():
    rng = np.random.default_rng(0)
    half = np.full((300, 300), 255, dtype=np.uint8)
    half[:, :150] = 0
    noise = [rng.integers(0, 256, rng.integers(1, 60, 2)).astype(np.uint8) for _ in range(30)]
    hairline = np.zeros((700, 700), dtype=np.uint8)
    hairline[300, 200:500] = 255
    for pixels in (half, half[:28, 136:164], 255 - half.T, hairline, *noise):
        assert photo_to_image(pixels).shape == (28, 28)


@pytest.mark.parametrize("paper", [0, 128, 255])
def test_a_photo_without_ink_gives_an_empty_image(paper: int):
    assert not photo_to_image(Image.new("L", (50, 40), paper)).any()
    assert not photo_to_image(Image.new("RGBA", (50, 40), (paper, paper, paper, 0))).any()


@pytest.mark.parametrize(
    ("photo", "message"),
    [
        ("seven.png", "A photo must be a PIL image or a uint8 array; got str"),
        (np.zeros((28, 28)), r"Got an array \(28, 28\) of float64; an array must be uint8 of shape"),
        (np.zeros(28, dtype=np.uint8), r"Got an array \(28,\) of uint8"),
        (np.zeros((2, 28, 28, 3), dtype=np.uint8), "an array must be uint8 of shape"),
        (np.zeros((28, 28, 5), dtype=np.uint8), "with 1 to 4 channels"),
        (np.zeros((0, 28), dtype=np.uint8), "The photo is empty: 28 x 0 pixels"),
        (np.broadcast_to(np.uint8(0), (20_000, 20_000)), "has 20,000 x 20,000 pixels; at most 50 million"),
    ],
)
def test_invalid_photos_are_an_error(photo: object, message: str):
    with pytest.raises(InputError, match=message):
        photo_to_image(photo)  # type: ignore[arg-type]
