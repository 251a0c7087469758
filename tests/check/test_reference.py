"""docs/checks.md has every kind of finding, as the code has it, and every command of a hint exists."""

from __future__ import annotations

import re

from envtasks.check import KINDS
from tests.guides import REPOSITORY


def test_the_reference_lists_every_kind() -> None:
    """Id, exit code and title of each kind, under the heading of its part."""
    text = (REPOSITORY / "docs/checks.md").read_text(encoding="utf-8")
    listed = set()
    for section in text.split("\n## ")[1:]:
        part = section.splitlines()[0]
        for kind, code, title in re.findall(r"^\| (ET\d+) \| (\d+) \| ([^|]+) \|", section, re.MULTILINE):
            listed.add((kind, int(code), title.removesuffix(" (more with a key)"), part.lower()))

    assert listed == {(kind.id, kind.code, kind.title, kind.part.lower()) for kind in KINDS}


def test_ids_are_unique() -> None:
    """Two kinds never have one id."""
    assert len({kind.id for kind in KINDS}) == len(KINDS)
