"""The parser: assignments as the dotenvx command reads them, with lines, quotes and offsets."""

from __future__ import annotations

from functools import partial

import pytest

from envtasks.envfiles.parser import _REST, Entry, scan
from tests.deadlines import ended
from tests.steps import steps


def pairs(text: str) -> list[tuple[str, str]]:
    return [(entry.name, entry.value) for entry in scan(text)[0]]


def only(text: str) -> Entry:
    (entry,) = scan(text)[0]
    return entry


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("A=1\nexport B=2\nC = 3\nD: 4\n", [("A", "1"), ("B", "2"), ("C", "3"), ("D", "4")]),
        ("A=\n  'x' # c\nB=2", [("A", "x"), ("B", "2")]),
        ("A\n=2\nB=3", [("A", "2"), ("B", "3")]),
        ("A:\nB=2", [("A", "B=2")]),
        ("A:1\nB=2", [("B", "2")]),
        ("A=\n\n# c\nB=2", [("A", ""), ("B", "2")]),
        ("export=1\nexport export=2", [("export", "1"), ("export", "2")]),
        ("É=1\na/b=2\nA B=3\nset C=4\n.=5\n1a-b=6", [(".", "5"), ("1a-b", "6")]),
        ("A=1\x1c\x85B=2", [("A", "1\x1c\x85B=2")]),
        ("\ufeffA\xa0=\u30001\ufeff", [("A", "1")]),
        ("A=1 # c\u2028B=2", [("A", "1"), ("B", "2")]),
        ("A=1\u2028B=2", [("A", "1\u2028B=2")]),
        ("A=a\u2028'x'", [("A", "a\u2028x")]),
        ("A=a#b\nB='a#b'\nC=`a # b` # c", [("A", "a"), ("B", "a#b"), ("C", "a # b")]),
    ],
)
def test_parses_what_dotenvx_parses(text: str, expected: list[tuple[str, str]]) -> None:
    """Names, separators, comments and white space mean what they mean to dotenvx."""
    assert pairs(text) == expected


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ('"a\\nb\\tc\\rd"', "a\nb\tc\rd"),
        ("'a\\nb'", "a\\nb"),
        ("`a\\nb`", "a\\nb"),
        ("a\\nb", "a\\nb"),
        ("'it\\'s'", "it's"),
        ('"say \\"hi\\""', 'say \\"hi\\"'),
        ('"a" b', '"a" b'),
        ('"a\\n" b', '"a\n" b'),
        ('"a""b"', 'a""b'),
        ("''x''", "'x'"),
        ('"', '"'),
        ('""', ""),
        ('"a\\" # c', "a\\"),
        ('" a "', " a "),
        ('"a\nX=1\n# b"', "a\nX=1\n# b"),
    ],
)
def test_quotes_and_escapes_are_those_of_dotenvx(value: str, expected: str) -> None:
    """Quotes around the whole value are removed, and each kind has its own escapes."""
    assert pairs(f"A={value}\n") == [("A", expected)]


def test_lines_and_offsets() -> None:
    """An entry has its line, its quotes, the span of its lines and the span of its value."""
    text = '# first\r\n  export A = "x\r\ny" # c\r\nB=`z`\r\nC=\r\n'
    entries, warnings = scan(text)
    assert warnings == ()
    assert [(e.name, e.line, e.quote, e.raw, e.exported) for e in entries] == [
        ("A", 2, '"', "x\ny", True),
        ("B", 4, "`", "z", False),
        ("C", 5, "", "", False),
    ]
    assert [text[e.start : e.end] for e in entries] == ['  export A = "x\r\ny" # c', "B=`z`", "C="]
    assert [text[e.value_start : e.value_end] for e in entries] == ['"x\r\ny"', "`z`", ""]


@pytest.mark.parametrize("quote", ["", '"', "`"])
def test_only_single_quotes_are_literal(quote: str) -> None:
    """`$` means nothing in single quotes, closed or not, and something everywhere else."""
    assert [only(f"A={quote}x{quote}").literal, only("A='x'").literal, only("A='x' y").literal] == [
        False,
        True,
        True,
    ]


@pytest.mark.parametrize(
    ("value", "encrypted"), [("encrypted:x", True), ("x", False), ("not encrypted:x", False)]
)
@pytest.mark.parametrize("quote", ["", '"', "'"])
def test_recognizes_encrypted_values(value: str, quote: str, encrypted: bool) -> None:
    """A value that begins with `encrypted:` inside its quotes is encrypted."""
    assert only(f"A={quote}{value}{quote}").encrypted is encrypted


def test_carriage_returns_alone_are_line_breaks() -> None:
    """A file with old Mac line breaks has lines, and offsets into it stay right."""
    text = "A=1\rB='2'\r"
    entries, _ = scan(text)
    assert [(e.name, e.line, text[e.value_start : e.value_end]) for e in entries] == [
        ("A", 1, "1"),
        ("B", 2, "'2'"),
    ]


def test_undecodable_bytes_become_replacement_characters() -> None:
    """Bytes that are not UTF-8 become U+FFFD in the value, one for each invalid sequence."""
    text = b"A=caf\xe9 \xe2\x82x \xff\xfe\n".decode("utf-8", "surrogateescape")
    assert pairs(text) == [("A", "caf\ufffd \ufffdx \ufffd\ufffd")]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (
            'A=1\nB="x\nC=2',
            [(2, "B: the quote is not closed, so the value ends with its line and the quote is part of it")],
        ),
        ("A='x' y", [(1, "A: text follows the closing quote, so the quotes are part of the value")]),
        ("A=1\nB=2\nA=3", [(3, "A is set again (first in line 1): the last one counts")]),
        ("# c\nhello", [(2, "this line is not an assignment and is ignored")]),
        ("a\nb\nc", [(1, "this line is not an assignment and is ignored, and so are 2 more lines")]),
        ("a\nb", [(1, "this line is not an assignment and is ignored, and so is 1 more line")]),
        ("A='x\n# fine'\n\n  # c\nB='x'#c\nC='encrypted:A' #c\n", []),
        (
            "A='encrypted:A'#c",
            [(1, f"A: {_REST}")],
        ),
        ("A=encrypted:A#c", [(1, f"A: {_REST}")]),
    ],
)
def test_warns_about_likely_mistakes(text: str, expected: list[tuple[int, str]]) -> None:
    """An open quote, text after quotes, a name set twice and a line without an assignment give a warning."""
    assert list(scan(text)[1]) == expected


@pytest.mark.parametrize(
    "text",
    [
        "".join(f"VARIABLE_{number}=value {number}\n" for number in range(50_000)),
        'A="\n' * 50_000,
        "A\n" * 50_000 + "\n" * 50_000 + "export \n" * 50_000,
        'A="' + '\\"' * 200_000 + "\nB=x",
        "A='" + "x" * 5_000_000 + "'",
        "A=x \u2028" * 50_000,
        "É\n" * 50_000 + "\r\n" * 50_000,
    ],
    ids=["variables", "open quotes", "no assignments", "escapes", "5 MB", "separators", "carriage returns"],
)
def test_parsing_takes_linear_time(text: str) -> None:
    """No input takes more than linear time: twice of it takes about twice the steps, and all of it ends."""
    quarter, half = (steps(partial(scan, text[: len(text) // part])) for part in (40, 20))
    assert half < 2.5 * quarter + 100
    assert len(ended(lambda: scan(text))) == 2
