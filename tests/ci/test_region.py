"""Text between two marker lines is replaced; every byte outside stays."""

from __future__ import annotations

import pytest

from envtasks.ci.region import BEGIN, END, find, replace, wrapped
from envtasks.errors import ConfigInvalid


@pytest.mark.parametrize("newline", ["\n", "\r\n"])
@pytest.mark.parametrize("after", ["", "last:\n  - \t end  \n\n"])
def test_every_byte_outside_the_markers_stays(newline: str, after: str) -> None:
    """Comments, odd spaces, line ends and the missing last line end are the user's own."""
    before = "\ufeff# mine\nkey:   'value'   # kept\n\n"
    text = (before + f"  {BEGIN} old\n  a: 1\n  {END}\n" + after).replace("\n", newline)
    new = replace(text, "b: 2\n\nc: 3\n", "file")
    region = wrapped("b: 2\n\nc: 3\n", indent="  ", newline=newline)
    assert new == before.replace("\n", newline) + region + after.replace("\n", newline)
    assert region.split(newline)[1:-2] == ["  b: 2", "", "  c: 3"]


def test_replacing_twice_changes_nothing() -> None:
    """What was rendered is rendered again byte for byte."""
    once = replace(f"{BEGIN}\n{END}", "a: 1\n", "file")
    assert once is not None
    assert not once.endswith("\n")
    assert replace(once, "a: 1\n", "file") == once


def test_a_text_without_markers_has_no_region() -> None:
    """A line that only begins like a marker is none."""
    assert replace(f"{BEGIN}x\n{END}x\n", "a: 1\n", "file") is None


@pytest.mark.parametrize(
    ("lines", "wrong"),
    [([BEGIN], 1), ([END], 1), ([END, BEGIN], 2), ([BEGIN, BEGIN, END], 2), ([BEGIN, END, BEGIN, END], 3)],
)
def test_markers_without_their_partner_are_refused(lines: list[str], wrong: int) -> None:
    """The message names the line; nothing is guessed about where our part ends."""
    with pytest.raises(ConfigInvalid, match=rf"^file:{wrong}: "):
        find("\n".join(lines), "file")
