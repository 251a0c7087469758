"""Byte-exact edits of env files."""

from __future__ import annotations

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from envtasks.envfiles.document import EnvFile, parse_env_file
from envtasks.envfiles.editing import (
    appended,
    check_name,
    check_value,
    quote_ciphertext,
    remove_variable,
    replace_values,
    set_spelled,
    spell,
)
from envtasks.errors import EnvFileInvalid

VALUES = st.lists(
    st.sampled_from(
        ["a", "1", "'", '"', "`", "$", "\\", "\n", " ", "#", "${A}", "$(x)", "=", "é", "\t", "=", ":"]
    )
).map("".join)
FILES = st.sampled_from(
    [
        "",
        "A=1\n",
        "A=1",
        "A='x' # c\r\nB=\"q\"\r\n",
        "\ufeffA=1\nC=2\n",
        '# c\nexport A = "v"\nB=#x\n',
        "A=\nB=2\n",
        "B='a\nb'\nA=`x`\n",
        "A=it\\'s\nA=2\n",
        "A: 1\n",
        "A=caf\udce9\nB=1\n",
    ]
)


def _last(file: EnvFile, name: str) -> str:
    return [entry.value for entry in file.entries if entry.name == name][-1]


@settings(max_examples=500)
@given(FILES, VALUES, st.sampled_from(["A", "NEW"]))
def test_a_value_reads_back_and_no_other_byte_changes(text: str, value: str, name: str) -> None:
    """Whatever the file and the value, what is written reads back, or the edit is refused and says to encrypt it."""
    before = parse_env_file(text)
    if value.endswith("\\") and not re.fullmatch(r"[a1=:\\]+", value):
        with pytest.raises(EnvFileInvalid, match="store it encrypted"):
            spell(name, value)
        return
    spelled = spell(name, value)
    after = set_spelled(before, name, spelled)
    last = next((entry for entry in reversed(before.entries) if entry.name == name), None)
    start, end = (last.value_start, last.value_end) if last else (len(text), len(text))

    assert _last(after, name) == value
    assert after.text[:start] == text[:start]
    assert last is None or after.text.endswith(text[end:])
    assert [e.value for e in after.entries if e.name != name] == [
        e.value for e in before.entries if e.name != name
    ]


@pytest.mark.parametrize(
    ("text", "value", "expected"),
    [
        ("A=1", "2", "A=1\nB=2\n"),
        ("A=1\r\n", "2", "A=1\r\nB=2\r\n"),
        ("\ufeff", "2", "\ufeffB=2\n"),
        ("B=1 # note\nC=3\n", "2", "B=2 # note\nC=3\n"),
        ("B=#note\n", "2", "B=2 #note\n"),
        ("B=1\nB=2\n", "3", "B=1\nB=3\n"),
        ('export B = "1"\n', "a b", "export B = 'a b'\n"),
        ("A=1\r\n", "two\nlines", "A=1\r\nB='two\r\nlines'\r\n"),
        ("B=1\n", "", "B=''\n"),
        ("B=1\n", "it's", "B='it\\'s'\n"),
        ("B=1\n", "pa$$word@", "B='pa$$word@'\n"),
    ],
)
def test_what_a_set_writes(text: str, value: str, expected: str) -> None:
    """The last assignment changes in its place; a new one goes to the end, with the file's own line ends."""
    assert set_spelled(parse_env_file(text), "B", spell("B", value)).text == expected


def test_bytes_that_are_not_utf8_stay() -> None:
    """What cannot be decoded is written back as it was read."""
    after = set_spelled(parse_env_file("# caf\udce9\nA=1\n"), "A", "2")

    assert after.encode(after.text) == b"# caf\xe9\nA=2\n"


def test_an_unclosed_quote_is_named_with_its_line() -> None:
    """A quote that a change would close refuses the change, says where it is, and gives no text to write."""
    with pytest.raises(EnvFileInvalid, match=r"\.env:2: a quote is not closed here"):
        set_spelled(parse_env_file("A=1\nB='open\nC=2\n"), "D", spell("D", "\nx"))


def test_a_quote_that_follows_a_backslash_is_named_with_its_line() -> None:
    """Both readers would take the next quote for the closing one; the hint is the command that mends it."""
    with pytest.raises(
        EnvFileInvalid, match=r"\.env:2: the quote that closes B follows a backslash"
    ) as caught:
        set_spelled(parse_env_file("A=1\nB='a\\'\n"), "D", spell("D", "#x"))

    assert caught.value.hint.endswith("inv env.encrypt --only B")


def test_removing_takes_every_assignment_and_leaves_comments() -> None:
    """All lines of the variable go, also those inside its value; comments and other variables stay."""
    after = remove_variable(parse_env_file("# about A\nA=1\r\nB='x\nA=2'\nA='3\n4' # c\nC=5"), "A")

    assert after.text == "# about A\nB='x\nA=2'\nC=5"


def test_several_values_change_in_one_step() -> None:
    """Every entry that is given gets its new value; a ciphertext stands in single quotes."""
    file = parse_env_file("A=1\nB=2\nA=3\n")
    first, _, last = file.entries

    after = replace_values(
        file, {first: quote_ciphertext("encrypted:AA"), last: quote_ciphertext("encrypted:BB")}
    )

    assert after.text == "A='encrypted:AA'\nB=2\nA='encrypted:BB'\n"


@pytest.mark.parametrize("name", ["1A", "A-B", "A.B", "", "é", "toString", "__proto__", "A\n"])
def test_names_that_some_reader_cannot_hold(name: str) -> None:
    """Only letters, digits and `_`, and none that every JavaScript object has."""
    with pytest.raises(EnvFileInvalid):
        check_name(name)


@pytest.mark.parametrize("value", ["a\0b", "\ud800", "encrypted:AA", "op://vault/x", "bw://x"])
def test_values_that_no_spelling_carries(value: str) -> None:
    """Such values are refused, plain and encrypted, and the message does not show them."""
    with pytest.raises(EnvFileInvalid) as caught:
        check_value("A", value)
    assert "vault" not in str(caught.value)


def test_removing_joins_no_lines() -> None:
    """A word before the variable and a `=` after it do not become an assignment; a comment sign stands between them."""
    after = remove_variable(parse_env_file("junk\nA=1\n=x\nC=1\n"), "A")

    assert after.text == "junk\n#\n=x\nC=1\n"


@pytest.mark.parametrize(
    ("text", "after"),
    [
        ("", "a\nb\n"),
        ("x", "x\n\na\nb\n"),
        ("x\r\ny\r\n", "x\r\ny\r\n\r\na\r\nb\r\n"),
        ("x\r\ny\nz\n", "x\r\ny\nz\n\na\nb\n"),
    ],
)
def test_appended_lines_end_as_the_others(text: str, after: str) -> None:
    """Lines at the end of any text have the line end of most of its lines; a last line without one gets it."""
    assert appended(text, "a\nb\n", gap=1) == after
