"""The pictures of the manual: their text is what the commands print today."""

from __future__ import annotations

import html
import re
import sys

import pytest
from scripts.pictures import IMAGES, Picture, draw, pictures

from tests.authoring.repositories import needs_git
from tests.guides import REPOSITORY

pytestmark = [
    pytest.mark.integration,
    needs_git,
    pytest.mark.skipif(sys.platform != "linux", reason="the pictures show a Debian machine's terminal"),
]


def _lines(svg: str) -> list[str]:
    """The lines of a picture, without versions and fingerprints."""
    texts = [
        html.unescape(re.sub(r"<[^>]*>", "", text)) for text in re.findall(r"<text [^>]*>(.*?)</text>", svg)
    ]
    return [re.sub(r"\b(\d+(\.\d+)+|[0-9a-f]{12})\b", "N", text) for text in texts]


@pytest.mark.parametrize("picture", pictures(), ids=lambda picture: picture.name)
def test_a_picture_shows_what_is_printed(picture: Picture) -> None:
    """`python -m scripts.pictures` would draw the same lines; none has a path of the machine that drew it."""
    drawn = _lines(draw(picture))

    assert len(drawn) > 8
    assert _lines((IMAGES / f"{picture.name}.svg").read_text(encoding="utf-8")) == drawn
    assert [line for line in drawn if re.search(r"/(tmp|root|work|usr|var)/|file:", line)] == []


def test_every_picture_is_drawn_and_shown_with_a_description() -> None:
    """Each SVG of docs/images comes from the script, and the pages that show it say what is to be seen."""
    pages = [path.read_text(encoding="utf-8") for path in (REPOSITORY / "docs").glob("*.md")]
    shown = dict(re.findall(r"!\[([^\]]+)\]\(images/(\w+)\.svg\)", "".join(pages)))

    assert {path.stem for path in IMAGES.glob("*.svg")} == {picture.name for picture in pictures()}
    assert set(shown.values()) == {picture.name for picture in pictures()}
    assert [alt for alt in shown if len(alt) < 30] == []
