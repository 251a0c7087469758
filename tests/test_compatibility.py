"""docs/dotenvx-compatibility.md: every difference it lists names a test that is there."""

from __future__ import annotations

import re
from pathlib import Path

TESTS = Path(__file__).parent
PAGE = TESTS.parent / "docs" / "dotenvx-compatibility.md"


def test_every_difference_names_the_tests_that_hold_it() -> None:
    """Each row of the table ends with a comment that names tests, and each of them exists."""
    page = PAGE.read_text(encoding="utf-8")
    rows = [line.split(" | ") for line in page.splitlines() if line.startswith("| ")][2:]
    comments = ["".join(re.findall(r"<!-- (.*) -->", row[-1])) for row in rows]
    named = [re.findall(r"([\w/]*test_\w+\.py)::(test_\w+)", comment) for comment in comments]
    assert [row[0] for row, tests in zip(rows, named, strict=True) if not tests] == []
    missing = [
        f"{file}::{name}"
        for tests in named
        for file, name in tests
        if f"def {name}(" not in (TESTS / file).read_text(encoding="utf-8")
    ]
    assert missing == []
    assert len(rows) > 20
