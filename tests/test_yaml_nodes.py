"""YAML nodes with lines, and YAML text."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from envtasks import yaml_nodes as nodes
from envtasks.errors import ConfigInvalid


def test_a_key_named_on_stays_a_text() -> None:
    """`on:` is the name `on` and not true, as GitHub reads it."""
    assert list(nodes.entries(nodes.load("on: push\n", "x"))) == ["on"]


def test_nodes_know_their_lines() -> None:
    """Lines count from one, below nested keys and in lists."""
    document = nodes.load("a:\n  b:\n    - x\n    - y\n", "x")

    assert [nodes.line(item) for item in nodes.items(nodes.child(document, "a", "b"))] == [3, 4]
    assert nodes.scalar(document, "a", "b") is None
    assert [each.value for each in nodes.scalars(document)] == ["x", "y"]


def test_merge_keys_are_followed() -> None:
    """What `<<` merges in is found, the mapping's own names win, and the first of several parents wins."""
    document = nodes.load("x: &x {a: 1, b: 1}\ny: &y {b: 2, c: 2}\nz: {<<: [*x, *y], a: 0}\n", "x")

    assert nodes.plain(document)["z"] == {"a": "0", "b": "1", "c": "2"}
    assert nodes.scalar(document, "z", "c") == "2"


MERGES = """
x: &x {a: x, b: x, c: x}
y: &y {a: y, b: y, d: y}
before: {a: own, <<: *x}
after: {<<: *x, a: own}
several: {<<: [*x, *y]}
twice: {<<: *x, <<: *y}
nested: &n {<<: *x, a: n}
deeper: {<<: *n, b: own}
quoted: {"<<": *x}
none: {<<: text, a: own}
"""


def test_own_entries_win_over_merged_ones_as_yaml_has_it() -> None:
    """Wherever `<<` stands; of several parents the first one wins; `"<<"` in quotes is a name like any other."""
    (document,) = nodes.load_all(MERGES, "x")
    found = nodes.plain(document)
    assert found["before"] == found["after"] == {"a": "own", "b": "x", "c": "x"}
    assert found["several"] == found["twice"] == {"a": "x", "b": "x", "c": "x", "d": "y"}
    assert found["deeper"] == {"a": "n", "b": "own", "c": "x"}
    assert found["quoted"] == {"<<": {"a": "x", "b": "x", "c": "x"}}
    assert found["none"] == {"a": "own"}


def test_in_order_the_last_entry_wins() -> None:
    """As kubectl and GitLab merge: `<<` replaces what stands before it, and a second `<<` the first."""
    (document,) = nodes.load_all(MERGES, "x", in_order=True)
    found = nodes.plain(document)
    assert found["before"] == {"a": "x", "b": "x", "c": "x"}
    assert found["after"] == {"a": "own", "b": "x", "c": "x"}
    assert found["several"] == {"a": "x", "b": "x", "c": "x", "d": "y"}
    assert found["twice"] == {"a": "y", "b": "y", "c": "x", "d": "y"}


@pytest.mark.parametrize("in_order", [True, False])
def test_what_a_mapping_overrides_is_not_defined_twice(in_order: bool) -> None:
    """An entry beside a merged one of its name is no repetition; two of its own are."""
    (document,) = nodes.load_all(MERGES, "x", in_order=in_order)
    assert list(nodes.duplicate_keys(document)) == []
    (document,) = nodes.load_all("x: &x {a: 1}\ny: {a: 1, <<: *x, a: 2}\n", "x", in_order=in_order)
    assert [(first.value, again.value) for first, again in nodes.duplicate_keys(document)] == [("a", "a")]


def test_a_walk_meets_each_node_once() -> None:
    """A node that many aliases refer to is met where it stands first, so that a walk takes no longer than the text."""
    (document,) = nodes.load_all("a: &a [x, {k: y}]\nb: [*a, *a]\nc: *a\n", "x")
    assert [each.value for each in nodes.scalars(document)] == ["x", "y"]
    assert len(list(nodes.walk(document))) == 1 + 1 + 1 + 1 + 1 + 1
    assert list(nodes.walk(None)) == []


BOMB = (
    "a: &a ["
    + "x, " * 50
    + "]\n"
    + "".join(f"{b}: &{b} [" + f"*{a}, " * 50 + "]\n" for a, b in ("ab", "bc", "cd"))
)


# as deep as it is long, although no line is
CHAIN = "a0: &a0 [x]\n" + "".join(f"a{n}: &a{n} [*a{n - 1}]\n" for n in range(1, 300))
MERGE_BOMB = "a0: &a0 {x: 1}\n" + "".join(
    f"a{n}: &a{n} {{<<: [{', '.join([f'*a{n - 1}'] * 9)}]}}\n" for n in range(1, 10)
)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a: [\n", "f.yml:2: this is not valid YAML"),
        ("a: 1\nb: : 2\n", "f.yml:2: this is not valid YAML"),
        ("- a\n", "f.yml:1: expected a mapping of names."),
        ("a: 1\n---\nb: 2\n", "f.yml:3: expected one YAML document."),
        ("a: \x01", "f.yml: this is not valid YAML"),
        ("[" * 5000, "f.yml"),
        ("a: " + "[" * 300 + "]" * 300, "f.yml:1: this YAML is nested too deeply"),
        ("a: &a [*a]\n", "f.yml:1: this YAML is nested too deeply, or contains itself"),
        (BOMB, "f.yml:4: this YAML is too large"),
        (CHAIN, "f.yml:98: this YAML is too large or too deep"),
        (MERGE_BOMB, "f.yml:"),
    ],
)
def test_what_does_not_load_is_told_with_its_line(text: str, message: str) -> None:
    """Broken YAML is ConfigInvalid with file and line, also when it is nested beyond reason."""
    with pytest.raises(ConfigInvalid) as caught:
        nodes.load(text, "f.yml")
    assert caught.value.message.startswith(message)


def test_a_key_that_stands_twice_is_refused_with_both_lines() -> None:
    """PyYAML would keep the last one silently."""
    document = nodes.load("a:\n  b: 1\n  b: 2\n", "f.yml")

    with pytest.raises(ConfigInvalid, match=r"f\.yml:3: b is defined twice, first in line 2"):
        nodes.refuse_duplicate_keys(document, "f.yml")


def test_dumped_text_reads_back_and_looks_as_people_write_it() -> None:
    """Keys in their order, lists indented, several lines as a block, quoted text in quotes, no aliases."""
    shared = ["x"]
    text = nodes.dump({"b": shared, "a": {"run": "one\ntwo\n"}, "c": nodes.Quoted("1e3"), "d": shared})

    assert text == 'b:\n  - x\na:\n  run: |\n    one\n    two\nc: "1e3"\nd:\n  - x\n'
    assert yaml.safe_load(text)["c"] == "1e3"


def test_an_empty_text_is_an_empty_mapping() -> None:
    """No document counts as one without names."""
    assert nodes.entries(nodes.load("# nothing\n", "x")) == {}


def test_text_of_files(tmp_path: Path) -> None:
    """An absent file is None, line ends stay, other bytes than UTF-8 are ConfigInvalid."""
    path = tmp_path / "f.yml"
    assert nodes.read_text(path) is None
    path.write_bytes(b"a: 1\r\n")
    assert nodes.read_text(path) == "a: 1\r\n"
    path.write_bytes(b"a: \xff\n")
    with pytest.raises(ConfigInvalid, match="byte 3 is not UTF-8"):
        nodes.read_text(path)
