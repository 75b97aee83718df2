"""Prose is plain modern English: words that must not come back."""

import re
from pathlib import Path

from tests.conftest import ROOT

SUFFIXES = {".py", ".md", ".js", ".css", ".html"}
FORBIDDEN = (
    # Archaic
    r"lest|anew|who(so)?ever|whom(ever)?|likest|mend(s|ed|ing)?|nobody('s)?|somebody('s)?|shall",
    r"there(of|in|by)|where(of|in|by)|hereby|or else|so many|as it stands",
    # Riddles
    r"what is no|there is none|(is|are) to be|made of it|of which|told|tells|comes? to \d",
    # Names that were replaced
    r"practice (digits?|data)|(your|my|one's|visitor's) hand|its values",
    # British spelling
    r"neighbour(s|ing)?|colour(s|ed)?|behaviours?|centre[sd]?|centring|grey|labell(ed|ing)|artefacts?|licences?",
    r"(normal|initial|optim|raster|recogn)is(e[sd]?|ing|ation)",
)
WORDS = re.compile(rf"\b({'|'.join(FORBIDDEN)})\b", re.IGNORECASE)
# Titles keep their words: "Learning without forgetting", 2017; *The MNIST database of handwritten digits*
TITLES = re.compile(r'"[^"\n]{8,}",\s(?:RFC \d+,\s)?(?:19|20)\d\d|(?<!\*)\*(?!\*)[^*\n]{8,}(?<!\*)\*(?!\*)')


def test_prose_has_no_archaic_words():
    paths = [ROOT / "README.md", ROOT / "app.py", *(ROOT / "docs").glob("*"), *(ROOT / "mnist_demo").rglob("*")]
    found = [hit for path in paths if path.suffix in SUFFIXES for hit in find_words(path)]
    assert not found, "Say it in plain modern English:\n" + "\n".join(found)


def find_words(path: Path) -> list[str]:
    lines = path.read_text(encoding="utf-8").splitlines()
    place = path.relative_to(ROOT).as_posix()
    return [
        f"{place}:{number}: {match[0]}"
        for number, line in enumerate(lines, 1)
        for match in WORDS.finditer(TITLES.sub("", line))
    ]
