"""The search for many byte strings at once finds exactly what is there."""

from __future__ import annotations

from hypothesis import example, given
from hypothesis import strategies as st

from envtasks.redaction import Patterns

# few letters, so that patterns overlap, contain and begin each other
PATTERNS = st.lists(
    st.binary(min_size=4, max_size=12).map(lambda b: bytes(byte % 3 + 97 for byte in b)), max_size=9
)
DATA = st.binary(max_size=60).map(lambda b: bytes(byte % 3 + 97 for byte in b))


@given(PATTERNS, DATA)
@example([b"abcd", b"abcdabcd"], b"xabcd")
@example([b"cabc", b"aaaaaacabc"], b"aacabc")
@example([b"aaaaaabaa", b"aaaaabbaa"], b"aaaaabbaa")
def test_every_occurrence_is_found(patterns: list[bytes], data: bytes) -> None:
    """Each place of each pattern is given once, those within another and those that overlap as well."""
    expected = [
        (at, at + len(pattern))
        for pattern in set(patterns)
        for at in range(len(data))
        if data.startswith(pattern, at)
    ]
    assert sorted(Patterns(patterns).occurrences(data)) == sorted(expected)


@given(
    st.lists(st.binary(min_size=4, max_size=8), min_size=1, max_size=40), st.binary(max_size=20), st.data()
)
def test_patterns_of_any_bytes_are_found(patterns: list[bytes], around: bytes, data: st.DataObject) -> None:
    """No byte has a meaning of its own in a pattern."""
    pattern = data.draw(st.sampled_from(patterns))
    whole = around + pattern + around
    assert (len(around), len(around) + len(pattern)) in list(Patterns(patterns).occurrences(whole))


@given(PATTERNS, DATA, st.integers(1, 4))
@example([b"abcd" * 60], b"abcd" * 59, 1)
@example([b"abcd" * 60, b"cdab"], b"x" * 300 + b"abcd" * 40, 1)
@example([b"abca" * 50, b"abca" + b"b" * 400], b"x" * 300 + b"abca" + b"b" * 399, 1)
def test_an_ending_that_may_become_a_pattern_is_undecided(
    patterns: list[bytes], data: bytes, factor: int
) -> None:
    """The longest ending that is the beginning of a pattern, also of a long one, and not the whole of it."""
    patterns = [pattern * factor**3 for pattern in patterns]
    expected = next(
        at
        for at in range(len(data) + 1)
        if at == len(data) or any(p != data[at:] and p.startswith(data[at:]) for p in patterns)
    )
    assert Patterns(patterns).undecided(data) == expected


def test_stretches_are_merged_only_where_patterns_overlap() -> None:
    """Patterns that stand side by side are two stretches, those that share a byte are one."""
    assert Patterns([b"abcd", b"dcba"]).spans(b"abcdabcd.abcdcba") == [(0, 4), (4, 8), (9, 16)]


def test_without_patterns_nothing_is_found() -> None:
    """An empty search finds nothing and holds nothing back."""
    search = Patterns([])
    assert (search.spans(b"data"), search.undecided(b"data")) == ([], 4)
