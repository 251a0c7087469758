"""Makefiles read without make: variables, rules, documentation, conditionals, includes."""

from __future__ import annotations

from pathlib import Path

import pytest

from envtasks.adopt.makefile import reader
from envtasks.adopt.makefile.make import runs_at_once
from envtasks.adopt.makefile.model import Makefile
from envtasks.errors import ConfigInvalid


def _read(folder: Path, text: str) -> Makefile:
    (folder / "Makefile").write_text(text, encoding="utf-8")
    return reader.read(folder / "Makefile")


def test_variables(tmp_path: Path) -> None:
    """Operators, continued values, comments behind a value, appended values; `?=` does not replace."""
    read = _read(
        tmp_path,
        "A := 1 # one\nB = $(A)/x\nC ?= c\nA += 2\nC ?= d\nD = a \\\n  b\nexport E := e\nF := $(addprefix -f ,x y)\n",
    )

    assert read.values == {"A": "1 2", "B": "1 2/x", "C": "c", "D": "a b", "E": "e", "F": "-f x -f y"}
    assert read.exports == {"E"}


def test_rules_and_their_documentation(tmp_path: Path) -> None:
    """Help behind the target wins over the comment above; separators and commented code are no documentation."""
    read = _read(
        tmp_path,
        "#######\n# A: b := c\na: x | y ## Do a\n\techo a; \\\n\techo b\n\n# Do b\n# at length\nb c: ; echo $@\n"
        "# D = 1\nd:\n\n# far away\n\ne:\n.PHONY: a e\n",
    )

    assert read.docs == {"a": "Do a", "b": "Do b at length", "c": "Do b at length"}
    assert (read.rules["a"].prerequisites, read.rules["a"].order_only) == (("x",), ("y",))
    assert read.rules["a"].recipe == ("echo a; \\\n\techo b",)
    assert read.rules["c"].recipe == ("echo $@",)
    assert {name for name, rule in read.rules.items() if rule.phony} == {"a"}
    assert read.empty == {"d", "e"}
    assert read.default == "a"


def test_conditionals_are_decided_by_the_makefile(tmp_path: Path) -> None:
    """The branch that holds is read; what a conditional encloses is noted."""
    read = _read(
        tmp_path,
        "M = x\nifeq ($(M),x)\nA = 1\nelse ifeq ($(M),y)\nA = 2\nelse\nA = 3\nendif\nifndef Z\nB = 4\nendif\n"
        "t:\nifdef M\n\techo yes\nelse\n\techo no\nendif\n\techo end\n",
    )

    assert (read.values["A"], read.values["B"]) == ("1", "4")
    assert read.rules["t"].recipe == ("echo yes", "echo end")
    assert set(read.conditions) == {"A", "B", "t"}


def test_env_files_and_other_includes(tmp_path: Path) -> None:
    """An env file gives names and no value; another file is read as part of the Makefile."""
    (tmp_path / ".env").write_text("DB=secret\nPORT=1\n")
    (tmp_path / "more.mk").write_text("M := m\n")

    read = _read(tmp_path, "include .env more.mk\n-include none.mk\nexport\nX = $(DB)\n")

    assert read.env_file_names == {"DB", "PORT"}
    assert read.exports_all
    assert read.values == {"M": "m"}
    assert "secret" not in repr(read)
    assert _read(tmp_path, "$(eval include .env)\n$(eval export)\n").exports_all


def test_what_cannot_be_translated_is_listed(tmp_path: Path) -> None:
    """Pattern rules and evaluated text, each with its line."""
    read = _read(tmp_path, "%.o: %.c\n\tcc $<\n$(foreach m,a b,$(eval $(call rule,$(m))))\n")

    assert [place for place, _ in read.not_translated] == ["Makefile:1", "Makefile:3"]


def test_define_and_target_variables(tmp_path: Path) -> None:
    """A define is a variable of several lines; a variable of a target belongs to its rule."""
    read = _read(tmp_path, "define D\na\nb\nendef\nt: export X := 1\nt: a\n\techo\n")

    assert read.variables["D"].raw == "a\nb"
    assert [(each.name, each.raw, each.exported) for each in read.rules["t"].variables] == [("X", "1", True)]
    assert read.rules["t"].prerequisites == ("a",)


def test_a_makefile_that_is_not_there(tmp_path: Path) -> None:
    """The error names the command that takes a path."""
    with pytest.raises(ConfigInvalid, match="There is no Makefile") as raised:
        reader.find(tmp_path)

    assert "envtasks migrate" in raised.value.hint


@pytest.mark.parametrize(
    ("line", "found"),
    [
        ("A := $(shell date)", 1),
        ("A = ${shell date}", 1),
        ("A != date", 1),
        ("t: A != date", 1),
        ("t:\n\t# $(shell date)", 2),
        ("$(file >out.txt,text)", 1),
        ("load ./more.so", 1),
        ("t:\n\t$(MAKE) -C docs html", 2),
        ("t:\n\t$(MAKE) -sC docs html", 2),
        ("t:\n\t$(MAKE) --dir=docs html", 2),
        ("include $(wildcard *.mk)", 1),
        ("ifdef CI\ninclude more.mk\nendif", 2),
        ("-include missing.mk\n%.mk: %.in\n\tcp $< $@", 2),
        ("Makefile: Makefile.in\n\t./configure", 1),
        ("include more.mk\n%.mk: %.in\n\tcp $< $@", 2),
        ("include more.mk\nmore.mk: more.in\n\tcp $< $@", 2),
        ("-include $(CURDIR)/missing.mk\n$(CURDIR)/missing.mk:\n\ttouch $@", 2),
        ("-include missing.out\n.SUFFIXES: .in .out\n.in.out:\n\tcp $< $@", 3),
        ("# $(shell date)", 0),
        ("t:\n\t[ a != b ] && echo done  # != more", 0),
        ("t:\n\t$(MAKE) other\nother:\n\t$(shellac)", 0),
        ("include more.mk\n%.o: %.c\n\tcc $<", 0),
        ("-include .env missing.mk", 0),
        ("t:\n\t$(MAKE) -C docs html || exit 1", 0),
        (".PHONY: Makefile\n%: Makefile\n\tsphinx-build $@", 0),
    ],
)
def test_what_make_runs_in_a_dry_run_too(tmp_path: Path, line: str, found: int) -> None:
    """Lines that ask for a command's output, write files or load code, and what makes or hides an included file."""
    (tmp_path / "more.mk").write_text("B = 1\n")
    (tmp_path / "Makefile").write_text(f"{line}\n")

    lines = runs_at_once(reader.read(tmp_path / "Makefile"))

    assert [int(each.split(":")[1]) for each in lines] == ([found] if found else [])


def test_what_make_runs_for_an_included_file(tmp_path: Path) -> None:
    """The lines of included files count, with their file."""
    (tmp_path / "more.mk").write_text("B := 1\nNOW := $(shell date)\n")
    (tmp_path / "Makefile").write_text("include more.mk\n")

    assert runs_at_once(reader.read(tmp_path / "Makefile")) == ("more.mk:2: NOW := $(shell date)",)
