"""An existing tasks.py is extended by inserted lines; what it has stays."""

from __future__ import annotations

import shutil
import textwrap
from pathlib import Path

import pytest

from envtasks.adopt.makefile import migrate, write
from envtasks.config import Project
from envtasks.errors import ConfigInvalid
from tests.adopt.makefile.translated import translated

MAKEFILE = (
    "SHA := $(shell git rev-parse HEAD)\nlint:\n\truff check .\nbuild: lint\n\tbuild -t $(SHA) $(ARGS) .\n"
)
OURS = textwrap.dedent(
    '''
    """Ours."""

    from envtasks import namespace, task
    from envtasks.context import Context


    @task
    def lint(c: Context) -> None:
        """Lint, as we do."""
        c.exec("flake8")


    ns = namespace(__name__)
    # the end
    '''
).lstrip()


def test_new_tasks_stand_before_the_namespace(tmp_path: Path) -> None:
    """Imports are added, a task of the same name stays and is the pre task, and nothing else moves."""
    made = translated(tmp_path, MAKEFILE, tasks=OURS)

    assert made.added == ("build",)
    lines = made.after.splitlines()
    rest = iter(lines)
    assert all(line in rest for line in OURS.splitlines())  # in this order
    assert '@task(lint)\ndef build(c: Context, args: str = "") -> None:' in made.after
    assert lines.index("ns = namespace(__name__)") > lines.index("@task(lint)")
    assert "import shlex" in lines
    assert "default=True" not in made.after


def test_a_second_run_changes_nothing(tmp_path: Path) -> None:
    """All targets have their task then."""
    first = translated(tmp_path, MAKEFILE)
    second = translated(tmp_path, MAKEFILE, tasks=first.after)

    assert (second.added, second.after) == ((), first.after)


def test_a_tasks_file_of_plain_invoke(tmp_path: Path) -> None:
    """Our decorator and context get other names, and a collection made by hand gets the new tasks."""
    imports = "from invoke import Collection, Context, task\n"
    plain = f"{imports}\n\n@task\ndef a(c: Context):\n    pass\n\n\nns = Collection(a)\n"

    made = translated(tmp_path, MAKEFILE, tasks=plain)

    assert (
        "from envtasks import task as env_task\nfrom envtasks.context import Context as EnvContext\n"
        in made.after
    )
    assert "@env_task(lint)\ndef build(c: EnvContext," in made.after
    assert made.after.endswith("ns = Collection(a)\nns.add_task(lint)\nns.add_task(build)\n")


def test_a_tasks_file_without_a_namespace(tmp_path: Path) -> None:
    """The tasks stand at its end; line ends are the file's."""
    plain = "from invoke import task\r\n\r\n@task\r\ndef a(c):\r\n    pass\r\n"

    made = translated(tmp_path, MAKEFILE, tasks=plain)

    assert made.after.startswith(plain.partition("\r\n")[0])
    assert made.after.count("\n") == made.after.count("\r\n")
    assert made.after.index("def a(c)") < made.after.index("def lint(")


@pytest.mark.skipif(shutil.which("make") is None, reason="make is not installed")
def test_a_tasks_file_that_cannot_be_loaded_here(tmp_path: Path) -> None:
    """It is extended all the same; the report says why nothing was compared."""
    made = translated(tmp_path, MAKEFILE, with_make=True, tasks="import not_installed_here\n")

    assert made.added == ("lint", "build")
    assert {row.verdict for row in made.rows} == {"not compared"}
    assert "No module named 'not_installed_here', so its tasks cannot be run here" in made.rows[0].why


def test_no_python_is_refused(tmp_path: Path) -> None:
    """A tasks.py that cannot be parsed is named with its line."""
    with pytest.raises(ConfigInvalid, match=r"tasks\.py:2: this is not valid Python"):
        translated(tmp_path, MAKEFILE, tasks="a = 1\ndef\n")


def test_a_tasks_file_keeps_its_encoding(tmp_path: Path) -> None:
    """One with a coding line is read and written as Python reads it."""
    path = tmp_path / "tasks.py"
    path.write_bytes("# coding: latin-1\nfrom envtasks import task\n# geprüft\n".encode("latin-1"))
    makefile = tmp_path / "Makefile"
    makefile.write_text("build:\n\techo built\n")

    write(migrate(makefile, Project.load(tmp_path), {}, with_make=False), keep_makefile=False)

    text = path.read_bytes().decode("latin-1")
    assert text.startswith("# coding: latin-1\n")
    assert "# geprüft\n" in text
    assert "def build(" in text
