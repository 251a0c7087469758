"""The grammar of `${…}` in compose files; tests/integration/docker/test_compose.py holds it against compose itself."""

from __future__ import annotations

import pytest

from envtasks.compose.interpolation import MalformedError, Missing, expand, missing, names, parse

VALUES = {"SET": "value", "EMPTY": "", "DOLLAR": "a$b"}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("plain", "plain"),
        ("$SET/${SET}", "value/value"),
        ("$SET_X ${SET}_X", " value_X"),
        ("$$SET $${SET} $$$SET", "$SET ${SET} $value"),
        ("$ $1 $- 5$", "$ $1 $- 5$"),
        ("${DOLLAR}", "a$b"),
        ("${UNSET:-d}${UNSET-d}${EMPTY:-d}${EMPTY-d}${SET:-d}${SET-d}", "dddvaluevalue"),
        ("${UNSET:+d}${UNSET+d}${EMPTY:+d}${EMPTY+d}${SET:+d}${SET+d}", "ddd"),
        ("${UNSET:-}${UNSET-}", ""),
        ("${UNSET:-${EMPTY:-${SET}}}", "value"),
        ("${UNSET:-{b}} ${UNSET:-}}", "{b} }"),
        ("${UNSET:-a:-b-c}", "a:-b-c"),
        ("${UNSET:-$$x}${UNSET:-$}", "$x$"),
        ("${SET:?no}${EMPTY?no}", "value"),
        ("${UNSET:-zwölf\nzeilen}", "zwölf\nzeilen"),
    ],
)
def test_a_text_is_expanded_as_compose_does(text: str, expected: str) -> None:
    """Every operator, nesting, the escaped dollar and dollars that start nothing come out as compose puts them."""
    assert expand(text, VALUES) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("${UNSET} $OTHER ${UNSET}", [Missing("UNSET"), Missing("OTHER")]),
        ("${EMPTY} ${SET} $EMPTY", []),
        ("${UNSET:-} ${UNSET-} ${UNSET:-x} ${UNSET:+x} ${UNSET+x}", []),
        ("$${UNSET} $$UNSET", []),
        ("${UNSET:?why} ${UNSET?why}", [Missing("UNSET", refused=True)]),
        ("${EMPTY:?why} ${EMPTY?why}", [Missing("EMPTY", empty=True, refused=True)]),
        ("${UNSET:-${INNER}} ${SET:-${UNUSED}}", [Missing("INNER")]),
        ("${EMPTY:-${INNER}} ${EMPTY-${UNUSED}}", [Missing("INNER")]),
        ("${SET:+${INNER}} ${UNSET:+${UNUSED}}", [Missing("INNER")]),
        ("${UNSET:-${DEEP:-${DEEPER:?now}}}", [Missing("DEEPER", refused=True)]),
        (
            "${SET:-${INNER:?stops}} ${UNSET:+${OTHER?stops}}",
            [Missing("INNER", refused=True), Missing("OTHER", refused=True)],
        ),
    ],
)
def test_what_is_missing_depends_on_the_values(text: str, expected: list[Missing]) -> None:
    """A name is missing if unset and without a way out; empty counts as set except for `:?`.

    A word that is not used needs nothing, but compose stops at a `?` in it.
    """
    assert list(missing(text, VALUES)) == expected


def test_names_lists_every_name_once() -> None:
    """All names are listed, nested ones and those of unused words too, in the order they appear."""
    assert names("$A ${B:-${C}} ${A} $$D ${E:+$F}") == ("A", "B", "C", "E", "F")


@pytest.mark.parametrize("text", ["${A B}", "${}", "${1}", "${A", "x ${A:-${B} y", "${A=b}"])
def test_what_compose_refuses_is_an_error(text: str) -> None:
    """A brace that opens no reference is refused, as compose refuses the file."""
    with pytest.raises(MalformedError):
        parse(text)
