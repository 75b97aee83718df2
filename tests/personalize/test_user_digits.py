import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mnist_demo.data.synthetic import DESIGNS, design_strokes
from mnist_demo.errors import InputError
from mnist_demo.personalize.user_digits import (
    MAX_BYTES,
    MAX_DIGITS,
    UserDigit,
    dump_user_digits,
    parse_user_digits,
    to_digits,
)
from mnist_demo.preprocess.strokes import strokes_to_image

DRAWINGS = [UserDigit.check(design_strokes(name), digit) for name, (digit, _) in DESIGNS.items()]
STROKES = [[[10, 5], [90, 8], [40, 95]]]
SCRIPT = "<script>alert(1)</script>"


def file_with(digits: Any = None, **changes: Any) -> str:
    digits = [{"label": 7, "strokes": STROKES}] if digits is None else digits
    return json.dumps({"format": "mnist-demo digits", "version": 1, "digits": digits} | changes)


def one(label: Any = 7, strokes: Any = STROKES) -> str:
    return file_with([{"label": 1, "strokes": STROKES}, {"label": label, "strokes": strokes}])


def test_a_file_restores_exactly_the_same_digits():
    thirds = UserDigit.check([[(1 / 3, 2e-7), (123456.789, -1 / 7)]], 0)
    digits = [*DRAWINGS, thirds]
    assert parse_user_digits(dump_user_digits(digits)) == digits
    assert parse_user_digits(dump_user_digits(digits).encode()) == digits


def test_the_documented_format_is_accepted_and_unknown_keys_are_ignored():
    assert parse_user_digits(file_with(by=SCRIPT)) == [UserDigit.check(STROKES, 7)]
    assert json.loads(dump_user_digits(parse_user_digits(file_with()))) == json.loads(file_with())


def test_images_are_those_that_the_classifier_gets():
    digits = to_digits(DRAWINGS[:5])
    assert digits.images.shape == (5, 1, 28, 28) and digits.labels.tolist() == [one.label for one in DRAWINGS[:5]]
    assert (digits.images[3, 0].numpy() == strokes_to_image(DRAWINGS[3].strokes)).all()


INVALID_FILES: dict[str, list[str | bytes]] = {
    "The file is not valid JSON. Choose a file of digits that you downloaded here.": [
        "",
        "digits",
        SCRIPT,
        b"\xff\xfe\xfa",
        "[" * 100_000,
    ],
    "it must be an object with the format 'mnist-demo digits'": ["[]", "7", "null", "{}", file_with(format=SCRIPT)],
    "The file's version must be 1; got 2.": [file_with(version=2)],
    "The file's version must be 1; got text.": [file_with(version=SCRIPT)],
    "The file's digits must be a list; got text.": [file_with(SCRIPT)],
    "There must be from 1 to 300 digits; got 0.": [file_with([])],
    "There must be from 1 to 300 digits; got 100,000.": [file_with([1] * 100_000)],
    "The file has 5,000,001 bytes; at most 5,000,000 are allowed.": [" " * (MAX_BYTES + 1)],
    "Digit 1 must be an object with a label and strokes; got text.": [file_with([SCRIPT])],
    "Digit 2: The label must be a whole number from 0 to 9; got 10.": [one(10)],
    "Digit 2: The label must be a whole number from 0 to 9; got -1.": [one(-1)],
    "from 0 to 9; got 3.5.": [one(3.5)],
    "from 0 to 9; got true or false.": [one(True)],
    "from 0 to 9; got text.": [one("7"), one(SCRIPT)],
    "from 0 to 9; got nothing.": [one(None)],
    "from 0 to 9; got a number out of range.": [one(10**4000), one(float("nan")), one(float("inf"))],
    "Digit 2: The drawing is empty.": [one(strokes=[]), one(strokes=[[], []])],
    "Digit 2: Strokes must be a list of strokes, each a list of (x, y); got str.": [one(strokes=SCRIPT)],
    "Digit 2: Stroke 1 must be a list of points (x, y), two numbers each.": [one(strokes=[[[1, SCRIPT]]])],
    "Digit 2: Stroke 1 has a coordinate that is not a finite number": [one(strokes=[[[1, float("inf")]]])],
    "Digit 2: The drawing has 501 strokes; at most 500 are allowed.": [one(strokes=[[[1, 2]]] * 501)],
}


@pytest.mark.parametrize(
    ("message", "content"), [(text, file) for text, files in INVALID_FILES.items() for file in files]
)
def test_an_invalid_file_is_an_error_that_never_repeats_its_text(message: str, content: str | bytes):
    with pytest.raises(InputError) as caught:
        parse_user_digits(content)
    assert message in str(caught.value) and "<" not in str(caught.value) and len(str(caught.value)) < 200


def test_digits_that_do_not_fit_into_a_file_are_an_error():
    with pytest.raises(InputError, match="There must be from 1 to 300 digits; got 301"):
        dump_user_digits(DRAWINGS[:1] * (MAX_DIGITS + 1))
    long = UserDigit.check([[(i / 7, i / 3) for i in range(20_000)]], 1)
    with pytest.raises(InputError, match=r"Your digits take .* bytes; at most 5,000,000 are allowed\. Remove some\."):
        dump_user_digits([long] * 10)


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.sampled_from(["label", "strokes"]), inner),
    max_leaves=20,
)


@settings(deadline=None, derandomize=True)
@given(st.text() | st.binary() | VALUES.map(json.dumps) | VALUES.map(file_with) | st.builds(one, VALUES, VALUES))
def test_every_file_is_parsed_or_rejected_with_a_message(content: str | bytes):
    try:
        digits = parse_user_digits(content)
    except InputError:
        return
    assert parse_user_digits(dump_user_digits(digits)) == digits
