"""Merging env files by variable: what git's line merge cannot do, and what it does wrongly."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from envtasks.authoring.merge import Merged, merge_env_files
from envtasks.envfiles import EnvFile, decrypt, encrypt, generate_keys, parse_env_file

OLD, NEW = generate_keys(), generate_keys()


def header(public: str) -> str:
    return f'DOTENV_PUBLIC_KEY_STAGING="{public}"\n'


def secret(value: str, public: str = OLD[1]) -> str:
    return f"'{encrypt(value, public)}'"


def merged(base: str, ours: str, theirs: str, *keys: str) -> Merged:
    found = merge_env_files(
        *(parse_env_file(text) for text in (base, ours, theirs)),
        decrypt=lambda ciphertexts: decrypt(ciphertexts, keys),
    )
    assert found is not None
    return found


def clean(base: str, ours: str, theirs: str, *keys: str) -> str:
    """The merged text, which has no conflict."""
    found = merged(base, ours, theirs, *keys)
    assert (found.conflicts, found.foreign) == ((), ())
    return found.text


TOKEN, PASSWORD = secret("t"), secret("p")
HEAD = header(OLD[1])
SITUATIONS = {
    "both add at one place": ("A=1\n", "A=1\nB=2\n", "A=1\nC=3\n", "A=1\nB=2\nC=3\n"),
    "both add between two": ("A=1\nZ=9\n", "A=1\nB=2\nZ=9\n", "A=1\nC=3\nZ=9\n", "A=1\nB=2\nC=3\nZ=9\n"),
    "both add at the beginning": ("Z=9\n", "B=2\nZ=9\n", "C=3\nZ=9\n", "B=2\nC=3\nZ=9\n"),
    "neighbours change": ("A=1\nB=2\n", "A=9\nB=2\n", "A=1\nB=8\n", "A=9\nB=8\n"),
    "a comment against a value": ("# a\nA=1\n", "# the a\nA=1\n", "# a\nA=2\n", "# the a\nA=2\n"),
    "a comment behind against a value": ("A=1 # a\n", "A=1 # the a\n", "A=2 # a\n", "A=2 # the a\n"),
    "CRLF": ("A=1\nB=2\n", "A=1\r\nB=2\r\n", "A=1\nB=3\nC=4\n", "A=1\r\nB=3\r\nC=4\r\n"),
    "no final newline": ("A=1", "A=1\nB=2", "A=1\nC=3\n", "A=1\nB=2\nC=3\n"),
    "plain becomes encrypted, another is added": (
        "A=1\nTOKEN=t\n",
        f"{HEAD}\nA=1\nTOKEN={TOKEN}\n",
        "A=1\nTOKEN=t\nB=2\n",
        f"{HEAD}\nA=1\nTOKEN={TOKEN}\nB=2\n",
    ),
    "one removes, the other changes a neighbour": ("A=1\nB=2\n", "B=2\n", "A=1\nB=3\n", "B=3\n"),
    "both remove": ("A=1\nB=2\n", "B=2\n", "B=2\n", "B=2\n"),
    "both add the same": ("A=1\n", "A=1\nB=2\n", "A=1\nB=2\n", "A=1\nB=2\n"),
    "both change alike": ("A=1\nB=2\n", "A=2\nB=2\n", "A=2\nB=3\n", "A=2\nB=3\n"),
    "one moves, the other changes": (
        "A=1\nB=2\nC=3\n",
        "A=9\nB=2\nC=3\n",
        "C=3\nA=1\nB=2\n",
        "C=3\nA=9\nB=2\n",
    ),
    "the same name twice": ("A=1\nB=2\nA=3\n", "A=1\nB=2\nA=4\n", "A=0\nB=2\nA=3\n", "A=0\nB=2\nA=4\n"),
    "values of several lines": (
        "A='1\nB=x\n'\nC=3\n",
        "A='1\nB=y\n'\nC=3\n",
        "A='1\nB=x\n'\nC=4\n",
        "A='1\nB=y\n'\nC=4\n",
    ),
    "both add below one comment": (
        "A=1\n# end\n",
        "A=1\n# end\nB=2\n",
        "A=1\n# end\nC=3\n",
        "A=1\n# end\nB=2\nC=3\n",
    ),
    "a byte-order mark": ("\ufeffA=1\nB=2\n", "\ufeffA=2\nB=2\n", "\ufeffA=1\nB=3\n", "\ufeffA=2\nB=3\n"),
    "export is added": ("A=1\n", "export A=1\n", "A=2\n", "export A=2\n"),
    "an empty file": ("", "A=1\n", "B=2\n", "A=1\nB=2\n"),
}


@pytest.mark.parametrize("name", SITUATIONS)
@pytest.mark.parametrize("swapped", [False, True])
def test_changes_that_do_not_touch_each_other_merge(name: str, swapped: bool) -> None:
    """Two sides conflict only where both change the same part of one variable."""
    base, ours, theirs, expected = SITUATIONS[name]
    found = clean(base, theirs, ours) if swapped else clean(base, ours, theirs)
    if swapped:  # what both add stands in the order of the sides
        assert sorted(found.splitlines()) == sorted(expected.splitlines())
    else:
        assert found == expected


def test_a_variable_that_both_change_is_a_conflict_around_it_alone() -> None:
    """Markers stand around that variable with its comment; the rest is merged."""
    found = merged("# a\nA=1\nB=2\n", "# a\nA=2\nB=2\n", "# a\nA=3\nB=3\n")

    assert found.text == "<<<<<<< ours\n# a\nA=2\n=======\n# a\nA=3\n>>>>>>> theirs\nB=3\n"
    assert (found.conflicts, found.foreign) == (("A",), ())


@pytest.mark.parametrize(
    ("ours", "theirs", "inside"),
    [("B=2\n", "A=3\nB=2\n", "=======\nA=3\n"), ("A=3\nB=2\n", "B=2\n", "A=3\n=======\n")],
)
def test_removed_against_changed_is_a_conflict(ours: str, theirs: str, inside: str) -> None:
    """Whether the variable is to go, only a person knows."""
    found = merged("A=1\nB=2\n", ours, theirs)

    assert found.text == f"<<<<<<< ours\n{inside}>>>>>>> theirs\nB=2\n"
    assert found.conflicts == ("A",)


def test_markers_are_as_long_as_git_asks() -> None:
    """Inside a merge of merges git asks for longer markers."""
    files = (parse_env_file(text) for text in ("A=1\n", "A=2\n", "A=3\n"))
    found = merge_env_files(*files, decrypt=lambda _: [], marker_size=9)

    assert found is not None
    assert found.text == "<<<<<<<<< ours\nA=2\n=========\nA=3\n>>>>>>>>> theirs\n"


def rotated(*values: tuple[str, str]) -> str:
    return header(NEW[1]) + "".join(f"{name}={secret(value, NEW[1])}\n" for name, value in values)


def test_ours_rotates_and_theirs_adds() -> None:
    """git's line merge makes a file of this that no key opens; here the added variable is named."""
    base = f"{HEAD}TOKEN={TOKEN}\n"
    ours = rotated(("TOKEN", "t"))

    found = merged(base, ours, f"{base}PASSWORD={PASSWORD}\n")

    assert found.text == f"{ours}PASSWORD={PASSWORD}\n"
    assert (found.conflicts, found.foreign) == ((), ("PASSWORD",))


def test_theirs_rotates_and_ours_adds() -> None:
    """The same the other way round: the file's key is that of the side that changed it."""
    base = f"{HEAD}TOKEN={TOKEN}\n"
    theirs = rotated(("TOKEN", "t"))

    found = merged(base, f"{base}PASSWORD={PASSWORD}\nPLAIN=1\n", theirs)

    assert found.text == f"{theirs}PASSWORD={PASSWORD}\nPLAIN=1\n"
    assert (found.conflicts, found.foreign) == ((), ("PASSWORD",))


def test_ours_rotates_and_theirs_changes_a_value() -> None:
    """With the keys at hand it is seen that ours only encrypted again: theirs is the value, under the old key."""
    base = f"{HEAD}TOKEN={TOKEN}\n"
    changed = secret("new value")

    found = merged(base, rotated(("TOKEN", "t")), f"{HEAD}TOKEN={changed}\n", OLD[0], NEW[0])

    assert found.text == f"{header(NEW[1])}TOKEN={changed}\n"
    assert (found.conflicts, found.foreign) == ((), ("TOKEN",))


def test_a_rotation_against_a_changed_value_is_a_conflict_without_the_keys() -> None:
    """Without keys nobody can tell which of two ciphertexts holds the new value."""
    base = f"{HEAD}TOKEN={TOKEN}\n"

    found = merged(base, rotated(("TOKEN", "t")), f"{HEAD}TOKEN={secret('new value')}\n")

    assert found.conflicts == ("TOKEN",)


def test_both_rotate_to_different_keys() -> None:
    """The public keys conflict, and so does every value."""
    other = generate_keys()[1]
    theirs = f"{header(other)}TOKEN={secret('t', other)}\n"

    found = merged(f"{HEAD}TOKEN={TOKEN}\n", rotated(("TOKEN", "t")), theirs)

    assert found.conflicts == ("DOTENV_PUBLIC_KEY_STAGING", "TOKEN")


def test_both_rotate_to_the_same_key() -> None:
    """Of two ciphertexts with one value, ours stays."""
    ours = rotated(("TOKEN", "t"))

    assert clean(f"{HEAD}TOKEN={TOKEN}\n", ours, rotated(("TOKEN", "t")), NEW[0]) == ours


@pytest.mark.parametrize("swapped", [False, True])
def test_the_same_value_plain_and_encrypted(swapped: bool) -> None:
    """Where one side encrypts a value that the other one sets too, the ciphertext stays."""
    sides = [f"{HEAD}A=1\nTOKEN={TOKEN}\n", f"{HEAD}A=1\nTOKEN=t\n"]
    ours, theirs = reversed(sides) if swapped else sides

    assert clean(f"{HEAD}A=1\n", ours, theirs, OLD[0]) == sides[0]


def test_the_same_value_under_two_keys() -> None:
    """Of two ciphertexts with one value, the one under the file's key stays."""
    base = f"{HEAD}A={secret('a')}\n"
    theirs = rotated(("A", "a"), ("TOKEN", "t"))

    assert clean(base, f"{base}TOKEN={TOKEN}\n", theirs, OLD[0], NEW[0]) == theirs


def test_the_same_text_expanded_and_literal_is_a_conflict() -> None:
    """`$X` in double quotes and in single quotes are different values."""
    found = merged("A=1\n", "A=1\nB='$A'\n", 'A=1\nB="$A"\n', OLD[0])

    assert found.conflicts == ("B",)


@pytest.mark.parametrize(
    ("base", "ours", "theirs"),
    [
        ("A=1\nB=2\nC=3\n", "B=2\nA=1\nC=3\n", "A=1\nC=3\nB=2\n"),  # both move
        ("A=1\n# end\n", "A=1\n# the end\n", "A=1\n# END\n"),  # both change the comment at the end
        ("A=1\n", "A='x\n", "A=1\nB=y'\n"),  # a quote that the other side closes
    ],
)
def test_what_cannot_be_merged_by_variables_is_left_to_git(base: str, ours: str, theirs: str) -> None:
    """Moves on both sides, comments at the end on both, and quotes that would swallow a line: git merges the lines."""
    files = (parse_env_file(text) for text in (base, ours, theirs))

    assert merge_env_files(*files, decrypt=lambda _: []) is None


def test_bytes_that_are_not_utf8_stay() -> None:
    """A comment in latin-1 comes through."""
    latin = b"# gr\xfc\xdfe\nA=1\nB=2\n".decode("utf-8", "surrogateescape")

    found = clean(latin, latin.replace("A=1", "A=2"), latin.replace("B=2", "B=3"))

    assert found.encode("utf-8", "surrogateescape") == b"# gr\xfc\xdfe\nA=2\nB=3\n"


def test_keys_are_needed_only_where_both_sides_changed_a_value() -> None:
    """A merge in which no value conflicts looks for no key."""

    def refuse(_: Sequence[str]) -> Sequence[str | None]:
        raise AssertionError("a key was looked for")

    look: Callable[[Sequence[str]], Sequence[str | None]] = refuse
    base = f"{HEAD}TOKEN={TOKEN}\n"
    texts = (base, f"{base}A={PASSWORD}\n", f"{base}B={PASSWORD}\n")
    found = merge_env_files(*map(parse_env_file, texts), decrypt=look)

    assert found is not None
    assert found.text == f"{base}A={PASSWORD}\nB={PASSWORD}\n"


LINES = st.sampled_from(
    [f"{name}={value}" for name in "ABCD" for value in ("1", "2", "'a b' # c", '"x\ny"', "")]
    + ["# one", "# two", "", "neither"]
)


@st.composite
def versions(draw: st.DrawFn) -> list[str]:
    """A base and two versions of it, each with a few lines added, changed, removed or moved."""
    base = draw(st.lists(LINES, max_size=8))
    found = [base]
    for _ in range(2):
        lines = list(base)
        for _ in range(draw(st.integers(0, 3))):
            at = draw(st.integers(0, len(lines)))
            taken = lines[at : at + draw(st.integers(0, 1))]
            del lines[at : at + len(taken)]
            lines[at:at] = draw(st.lists(LINES, max_size=1))
            to = draw(st.integers(0, len(lines)))
            lines[to:to] = taken if draw(st.booleans()) else []
        found.append(lines)
    return ["".join(f"{line}\n" for line in lines) for lines in found]


def occurrences(file: EnvFile) -> dict[tuple[str, int], str]:
    """The value of each assignment, as written."""
    found: dict[tuple[str, int], str] = {}
    for entry in file.entries:
        number = sum(name == entry.name for name, _ in found)
        found[entry.name, number] = file.text[entry.value_start : entry.value_end]
    return found


@settings(max_examples=300)
@given(versions())
def test_a_merge_without_conflict_has_what_each_side_changed(texts: list[str]) -> None:
    """Each value is the one that only one side changed; and a version that nothing was changed in adds nothing."""
    files = [parse_env_file(text) for text in texts]
    found = merge_env_files(*files, decrypt=lambda ciphertexts: [None] * len(ciphertexts))
    if found is None or found.conflicts:
        return
    base, ours, theirs = map(occurrences, files)
    expected = {
        key: theirs.get(key) if ours.get(key) == base.get(key) else ours.get(key)
        for key in {*base, *ours, *theirs}
    }
    assert occurrences(parse_env_file(found.text)) == {
        key: value for key, value in expected.items() if value is not None
    }
    if texts[0] in texts[1:]:
        assert found.text == next((text for text in texts[1:] if text != texts[0]), texts[0])
