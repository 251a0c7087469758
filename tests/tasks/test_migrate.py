"""`envtasks migrate` as it is called: what it asks, prints, writes and refuses, and its exit code."""

from __future__ import annotations

import json
import shutil
import sys

import pytest

from tests.authoring.repositories import commit_all, git, needs_git
from tests.projects import Sandbox
from tests.ptys import Typist

needs_make = pytest.mark.skipif(shutil.which("make") is None, reason="make is not installed")
MAKEFILE = "NOW := $(shell touch ran; echo 1)\nlint: ## Lint it\n\truff check $(ARGS) .\nbuild: lint\n\tbuild $(NOW)\n"


@pytest.fixture
def shop(sandbox: Sandbox) -> Sandbox:
    """A project with a Makefile and without a tasks.py."""
    (sandbox.root / "tasks.py").unlink()
    sandbox.write("Makefile", MAKEFILE)
    return sandbox


def _migrate(shop: Sandbox, *words: str, **env: str) -> tuple[int, str, str]:
    done = shop.python("-m", "envtasks", *words, **env)
    return done.returncode, done.stdout, done.stderr


@needs_make
def test_without_a_terminal_it_has_to_be_told(shop: Sandbox) -> None:
    """It asks nothing, runs nothing and writes nothing; the hint names both ways."""
    code, output, said = _migrate(shop, "migrate")

    assert (code, output) == (2, "")
    assert "--defaults" in said
    assert "--no-make" in said
    assert not (shop.root / "ran").exists()
    assert not (shop.root / "tasks.py").exists()


@needs_make
def test_the_report(shop: Sandbox) -> None:
    """Each target with its task and whether both run the same, then what was written and how to call it now."""
    code, output, _ = _migrate(shop, "migrate", "--defaults")

    assert code == 0
    assert output.splitlines() == [
        "TARGET  TASK   RUNS  WHY",
        "lint    lint   same",
        "build   build  same",
        "",
        "wrote tasks.py: 2 tasks",
        "variables of the Makefile that are flags now:",
        "  make lint ARGS=…   inv lint --args …",
        "  make build ARGS=…  inv build --args …",
        "2 of 2 targets run the same",
    ]
    assert shop.inv("--dry", "build", "--args=-q").stdout == "ruff check -q .\nbuild 1\n"


@needs_make
@pytest.mark.skipif(sys.platform == "win32", reason="a terminal of POSIX")
@pytest.mark.parametrize(("answer", "ran"), [("y", True), ("n", False)])
def test_on_a_terminal_it_asks(shop: Sandbox, answer: str, ran: bool) -> None:
    """It shows what make would run as soon as it reads the Makefile; after a no it only reads the file."""
    env = {**shop.env, "NO_COLOR": "1"}
    with Typist([sys.executable, "-m", "envtasks", "migrate"], env=env, cwd=str(shop.root)) as person:
        assert "NOW := $(shell touch ran; echo 1)" in person.expect("Let it run them? [Y/n] ")
        assert not (shop.root / "ran").exists()
        person.type(f"{answer}\n")
        person.expect("2 of 2 targets run the same" if ran else "2 could not be compared")
        code, _ = person.finish()

    assert code == 0
    assert (shop.root / "ran").exists() == ran


@needs_make
@pytest.mark.skipif(sys.platform == "win32", reason="a terminal of POSIX")
@pytest.mark.parametrize("terminal", [True, False])
def test_it_asks_nothing_where_make_runs_nothing(shop: Sandbox, terminal: bool) -> None:
    """A Makefile that has make run nothing in a dry run needs neither a question nor a flag."""
    shop.write("Makefile", "# $(shell touch ran)\nlint:\n\truff check $(ARGS) .\n\t[ a != b ]\n")
    if terminal:
        env = {**shop.env, "NO_COLOR": "1"}
        with Typist([sys.executable, "-m", "envtasks", "migrate"], env=env, cwd=str(shop.root)) as person:
            output = person.expect("1 of 1 target run")
            code, _ = person.finish()
    else:
        code, output, said = _migrate(shop, "migrate")
        assert said == ""

    assert code == 0
    assert "[Y/n]" not in output
    assert not (shop.root / "ran").exists()


def test_no_make_reads_only(shop: Sandbox) -> None:
    """Nothing of the Makefile runs, and the report says that nothing was compared."""
    code, output, _ = _migrate(shop, "migrate", "--no-make")

    assert code == 0
    assert not (shop.root / "ran").exists()
    assert "0 of 0 targets run the same; 2 could not be compared" in output
    assert (shop.root / "tasks.py").exists()


def test_without_make_it_reads(shop: Sandbox) -> None:
    """Where make is not installed nothing is asked, and the report says why nothing was compared."""
    code, output, _ = _migrate(shop, "migrate", PATH=str(shop.root))

    assert code == 0
    assert "make is not installed" in output


@needs_make
def test_a_dry_run_writes_nothing(shop: Sandbox) -> None:
    """`envtasks --dry migrate` prints the report alone."""
    code, output, _ = _migrate(shop, "--dry", "migrate", "--defaults")

    assert code == 0
    assert "would write tasks.py: 2 tasks" in output
    assert not (shop.root / "tasks.py").exists()


@needs_make
def test_another_makefile_as_json(shop: Sandbox) -> None:
    """A path is taken; JSON has the rows, the flags and what is left."""
    shop.write("build.mk", "a:\n\tdotenvx run -f .env.staging -- ls $(X)\n")

    code, output, _ = _migrate(shop, "migrate", "build.mk", "--defaults", "--json")

    found = json.loads(output)
    assert code == 0
    assert found["targets"] == [{"target": "a", "task": "a", "verdict": "same", "why": ""}]
    assert found["left"] == ["make the environment staging: inv env.new staging"]
    assert found["flags"] == {"a": {"X": "--x"}}


@needs_make
def test_a_difference_ends_with_1(shop: Sandbox) -> None:
    """A target whose task fails in a dry run differs; tasks.py is written all the same."""
    shop.write("Makefile", "a:\n\techo $(shell ls) $(sort b a)\n")
    shop.write(
        "sitecustomize.py", "import envtasks.adopt.makefile.parity as p\np._of_make = lambda *_: ['x']\n"
    )

    code, output, _ = _migrate(shop, "migrate", "--defaults", PYTHONPATH=str(shop.root))

    assert code == 1
    assert "0 of 1 target run the same" in output
    assert (shop.root / "tasks.py").exists()


@needs_make
@needs_git
def test_keep_makefile(shop: Sandbox) -> None:
    """A Makefile that git has is replaced by one that hands each target on; make then runs the tasks."""
    git(shop.root, "init", "-q")
    refused = _migrate(shop, "migrate", "--defaults", "--keep-makefile")
    commit_all(shop.root)

    code, _, said = _migrate(shop, "migrate", "--defaults", "--keep-makefile")
    again = _migrate(shop, "migrate", "--defaults")

    assert (refused[0], "git does not have Makefile" in refused[2]) == (2, True)
    assert code == 0, said
    assert '\t@inv lint $(if $(ARGS),--args "$(ARGS)")\n' in (shop.root / "Makefile").read_text(
        encoding="utf-8"
    )
    assert (again[0], "hands its targets to tasks.py already" in again[2]) == (2, True)


@needs_git
def test_a_changed_makefile_is_not_replaced(shop: Sandbox) -> None:
    """What git does not have would be lost; nothing is written then."""
    git(shop.root, "init", "-q")
    commit_all(shop.root)
    shop.write("Makefile", MAKEFILE + "more:\n\tls\n")

    code, _, said = _migrate(shop, "migrate", "--no-make", "--keep-makefile")

    assert (code, "not committed" in said) == (2, True)
    assert not (shop.root / "tasks.py").exists()


def test_a_makefile_that_is_not_there(shop: Sandbox) -> None:
    """The error names what was looked for."""
    code, _, said = _migrate(shop, "migrate", "nope.mk", "--no-make")

    assert (code, "There is no nope.mk" in said) == (2, True)
