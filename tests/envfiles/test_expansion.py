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
def test_a_dollar_in_what_is_put_in_means_what_javascript_says(inserted: str, expected: str) -> None:
    """`$$`, `$'` and `` $` `` in an inserted value are replacement patterns, as for dotenvx."""
    assert expanded("[${P}]", {"P": inserted}, "P") == expected


def test_what_is_put_in_is_expanded_too() -> None:
    """References in an inserted value are followed, unless the result is just that value."""
    env = {"P": "$X", "X": "$Y", "Y": "y"}
    assert [expanded("[$P]", env), expanded("$P", env), expanded("${N:-$P}", env)] == ["[y]", "$X", "$X"]


def test_a_literal_that_refers_to_something_ends_the_expansion() -> None:
    """A value from single quotes that holds a reference is put in as it is, and nothing after it is expanded."""
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
def test_which_literals_refer_to_something(literal: str, expected: bool) -> None:
    """A dollar sign counts only in front of a name or of braces that hold something."""
    assert contains_reference(literal) is expected


def test_tells_which_values_were_put_in() -> None:
    """The names are told whose values are in the result, not those that were only asked about."""
    env = {"A": "1", "B": "2", "E": ""}
    value, inserted = expand("${A:+x}${B}${E:-${A}}${N}", lookup(env))
    assert (value, set(inserted)) == ("x21", {"A", "B"})


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
def test_an_expansion_that_does_not_end_is_told_soon(value: str, env: Mapping[str, str]) -> None:
    """Where dotenvx hangs for ever, EndlessExpansion is raised."""
    assert isinstance(ended(lambda: expanded(value, env)), EndlessExpansion)


def test_a_name_of_every_object_may_be_set() -> None:
    """A variable may be called `constructor`; only where nothing is set does dotenvx stumble over it."""
    assert expanded("${constructor}", {"constructor": "x"}) == "x"


def test_a_large_value_with_many_references_is_expanded() -> None:
    """Megabytes of text and thousands of references are no endless expansion."""
    assert expand("$A" * 2_000, lookup({"A": "x"}))[0] == "x" * 2_000
    large = lookup({"A": "x" * 5_000_000})
    assert len(expand("$A" * 4, large, budget=Budget(5_000_000))[0]) == 20_000_000
