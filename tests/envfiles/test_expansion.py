"""The expansion of references in one value, as the dotenvx command does it."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from envtasks.envfiles.expansion import (
    Budget,
    EndlessExpansion,
    Lookup,
    Variable,
    contains_reference,
    expand,
)
from tests.deadlines import ended


def lookup(env: Mapping[str, str], *literals: str) -> Lookup:
    return lambda name: Variable(name, env[name], name in literals) if name in env else None


def expanded(value: str, env: Mapping[str, str] | None = None, *literals: str) -> str:
    return expand(value, lookup(env or {}, *literals))[0]


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("$A-${A}-$A", "1-1-1"),
        ("[$N][${N}]", "[][]"),
        ("${E:-d}${E-d}${N:-d}${N-d}", "ddd"),
        ("${A:+x}${E:+x}${E+y}${N+y}", "xy"),
        ("${N:-${A}}${A:-${N}}", "11"),
        ("${N:-a:-b}${N-x-y}", "a:-bx-y"),
        ("${a.b}$a.b", "dot.b"),
        ("${A:1:2}${A%x}${!A}${A:?m}${ A }", ""),
        ("a$1b $ $- ${} ${A", "a$1b $ $- ${} ${A"),
        ("\\$A \\${A} \\\\$A", "$A ${A} \\$A"),
        ("\\$A-$A", "\\1-1"),
        ("pa$$word", "pa$"),
        ("$$B", "1"),
        ("${${C}}", "1"),
        ("${N:-{}}", "${N:-{}}"),
        ("${N:-a\nb}", "a\nb"),
    ],
)
def test_references(value: str, expected: str) -> None:
    """Names, defaults, alternatives, escapes and nesting give what dotenvx gives."""
    assert expanded(value, {"A": "1", "E": "", "a.b": "dot", "B": "A", "C": "A"}) == expected


@pytest.mark.parametrize(
    ("inserted", "expected"),
    [("a$$b", "[a$b]"), ("a$1b", "[a$1b]"), ("x$'y", "[x]y]"), ("x$`y", "[x[y]"), ("a$", "[a$]")],
)
def test_a_dollar_in_an_inserted_value_is_a_replacement_pattern(inserted: str, expected: str) -> None:
    """`$$`, `$'` and `` $` `` in an inserted value are replacement patterns, as for dotenvx."""
    assert expanded("[${P}]", {"P": inserted}, "P") == expected


def test_inserted_values_are_expanded_too() -> None:
    """References in an inserted value are expanded, unless the result is just that value."""
    env = {"P": "$X", "X": "$Y", "Y": "y"}
    assert [expanded("[$P]", env), expanded("$P", env), expanded("${N:-$P}", env)] == ["[y]", "$X", "$X"]


def test_a_literal_with_a_reference_ends_the_expansion() -> None:
    """A value in single quotes with a reference is inserted unchanged, and nothing after it is expanded."""
    env = {"P": "p$w", "w": "W", "X": "1"}
    assert expanded("$w:${P}@$X", env, "P") == "W:p$w@$X"


@pytest.mark.parametrize(
    ("literal", "expected"),
    [
        ("$x", True),
        ("${x}", True),
        ("${{x}", True),
        ("\\$x", True),
        ("a$1", False),
        ("${}", False),
        ("$(x", False),
    ],
)
def test_which_literals_contain_a_reference(literal: str, expected: bool) -> None:
    """A dollar sign counts only before a name or before braces that are not empty."""
    assert contains_reference(literal) is expected


def test_returns_the_inserted_variables() -> None:
    """Those whose values are in the result, not those that were only tested."""
    env = {"A": "1", "B": "2", "E": ""}
    value, inserted, _ = expand("${A:+x}${B}${E:-${A}}${N}", lookup(env))
    assert (value, set(inserted)) == ("x21", {"A", "B"})


def test_returns_what_is_not_set() -> None:
    """References without a default to what is not set, once each; the shell's operators with their text."""
    value = "$A$N${N}${D:-d}${D:+d}${R:?must be set}${S:=x}$E"
    assert expand(value, lookup({"A": "1", "E": ""}))[2] == ["N", "R:?must be set", "S:=x"]


@pytest.mark.parametrize(
    ("value", "env"),
    [
        ("[$P]", {"P": "$P"}),
        ("[$P]", {"P": "$Q", "Q": "$P"}),
        ("x${P}", {"P": "a$&b"}),
        ("[$P]", {"P": "$P" * 1000}),
        ("[$A]", {"A": "$B$B$B$B", "B": "$A$A$A$A"}),
        ("x${constructor}y", {}),
        ("$toString", {}),
    ],
)
def test_an_expansion_that_does_not_end_is_stopped(value: str, env: Mapping[str, str]) -> None:
    """Where dotenvx never ends, EndlessExpansion is raised."""
    assert isinstance(ended(lambda: expanded(value, env)), EndlessExpansion)


def test_a_variable_may_have_the_name_of_an_object_member() -> None:
    """A variable may be called `constructor`; dotenvx does not end only if it is not set."""
    assert expanded("${constructor}", {"constructor": "x"}) == "x"


def test_a_name_that_contains_null_is_read_to_its_end() -> None:
    """dotenvx splits a reference without an operator at the text `null` (JavaScript's `split(null)`)."""
    env = {"X": "1", "Xnull_Y": "2", "null": "3"}
    assert expanded("$Xnull_Y ${Xnull_Y} $null ${Xnull_Y:-d}", env) == "2 2 3 2"


def test_a_large_value_with_many_references_is_expanded() -> None:
    """Megabytes of text and thousands of references are no endless expansion."""
    assert expand("$A" * 2_000, lookup({"A": "x"}))[0] == "x" * 2_000
    large = lookup({"A": "x" * 5_000_000})
    assert len(expand("$A" * 4, large, budget=Budget(5_000_000))[0]) == 20_000_000
