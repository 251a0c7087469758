"""`envtasks completion` and the names that completion collects from tasks.py and the project."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from envtasks.completion import SHELLS, installed_in, script, setup_command
from envtasks.tasks import built_in
from envtasks.tasks.names import VALUES
from tests.commands import with_sources
from tests.projects import Sandbox

TASKS = """
import sys
from pathlib import Path
from invoke import task as plain
from envtasks import namespace, task
from helper import NAME

Path("ran").open("a").write("x")
print("noise")
print("noise", file=sys.stderr)
sys.stdin.read()

@task(env="local", only=["local"], aliases=["go"], help={"colour": "which colour"})
def run(c, colour="red", fast=True):
    "Run the \\x1b[31mservice.\\n\\nMore."

@plain
def plain_one(c):
    pass

ns = namespace(__name__)
"""


@pytest.fixture
def project(sandbox: Sandbox) -> Sandbox:
    """A project with tasks, a module that they import, an environment and services."""
    sandbox.write("tasks.py", TASKS)
    sandbox.write("helper.py", "NAME = 1\n")
    sandbox.write(".env.local", "A=1\nSECRET=value-of-it\n")
    sandbox.write("compose.yaml", "services:\n  web: {image: x}\n")
    return sandbox


def ask(sandbox: Sandbox, shell: str, partial: str, *words: str) -> list[str]:
    """The lines that a shell's script gets."""
    env = {
        **with_sources(),
        "XDG_CACHE_HOME": str(sandbox.root / "cache"),
        "LOCALAPPDATA": str(sandbox.root / "cache"),
    }
    done = subprocess.run(
        [sys.executable, "-m", "envtasks", "complete-words", shell, f"={partial}", *words],
        cwd=sandbox.root,
        env=env,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        encoding="utf-8",
        check=False,
        timeout=60,
    )
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout.splitlines()


def runs(sandbox: Sandbox) -> int:
    """How often tasks.py was run."""
    path = sandbox.root / "ran"
    return len(path.read_text(encoding="utf-8")) if path.exists() else 0


def test_a_fresh_cache_runs_no_tasks_py(project: Sandbox) -> None:
    """tasks.py runs once for many questions, and again when it, a module of it or an env file changes."""
    assert ask(project, "bash", "r", "inv", "r") == ["run"]
    assert ask(project, "bash", "SE", "inv", "env.get", "SE") == ["SECRET"]
    assert ask(project, "bash", "w", "inv", "compose.up", "w") == ["web"]
    assert runs(project) == 1

    project.write("helper.py", "NAME = 'another'\n")
    assert ask(project, "bash", "r", "inv", "r") == ["run"]
    assert runs(project) == 2

    project.write(".env.staging", "B=1\n")
    assert ask(project, "bash", "", "inv", "env.show", "--env", "") == ["local", "staging"]
    assert runs(project) == 3

    project.write("compose.yaml", "services:\n  web: {image: x}\n  worker: {image: x}\n")
    assert ask(project, "bash", "w", "inv", "compose.up", "w") == ["web", "worker"]
    assert runs(project) == 4


def test_a_fresh_answer_imports_neither_invoke_nor_what_reads_env_files(project: Sandbox) -> None:
    """On every TAB, only the cache is read: what is imported decides how long a TAB takes."""
    lines = "import sys; from envtasks.__main__ import main; main(); print(*sorted(sys.modules))"
    env = {"XDG_CACHE_HOME": str(project.root / "cache"), "LOCALAPPDATA": str(project.root / "cache")}
    for _ in range(2):
        done = project.python("-c", lines, "complete-words", "bash", "=ser", "inv", "ser", **env)
    modules = done.stdout.splitlines()[-1].split()

    assert "envtasks.completion.cache" in modules
    assert not {"invoke", "yaml", "cryptography", "subprocess", "envtasks.config", "envtasks.tasks"} & {
        *modules
    }


def test_the_cache_holds_no_value(project: Sandbox) -> None:
    """Names only: no value of an env file."""
    ask(project, "bash", "", "inv", "")

    files = list((project.root / "cache").rglob("*.json"))
    assert len(files) == 1
    assert "SECRET" in files[0].read_text(encoding="utf-8")
    assert "value-of-it" not in files[0].read_text(encoding="utf-8")


def test_each_shell_gets_its_form(project: Sandbox) -> None:
    """bash words alone, fish and PowerShell with a tab and the help, zsh with a colon."""
    assert ask(project, "bash", "", "inv", "run", "--env", "=") == ["local"]
    assert ask(project, "fish", "ru", "inv") == ["run\tRun the  [31mservice."]
    assert ask(project, "powershell", "--c", "inv", "run") == ["--colour\twhich colour"]
    assert ask(project, "zsh", "ru", "inv") == ["run:Run the  [31mservice."]
    assert ask(project, "zsh", "--env=", "inv", "run") == ["--env=local"]


def test_flags_are_those_of_invoke(project: Sandbox) -> None:
    """Short and long ones, the negative of one that is on, aliases; nothing of ours for a plain task."""
    assert ask(project, "bash", "--", "inv", "run", "--") == [
        "--colour", "--fast", "--env", "--yes", "--no-mask", "--no-check", "--no-fast", "--dry", "--echo", "--help",
    ]  # fmt: skip
    assert ask(project, "bash", "--f", "inv", "go", "--f") == ["--fast"]
    assert ask(project, "bash", "--", "inv", "plain-one", "--") == ["--dry", "--echo", "--help"]


def test_a_tasks_py_that_fails_is_completed_as_it_was(project: Sandbox) -> None:
    """While it is being edited the words are those of before."""
    assert ask(project, "bash", "ru", "inv", "ru") == ["run"]
    project.write("tasks.py", "def (\n")

    assert ask(project, "bash", "ru", "inv", "ru") == ["run"]


def test_no_tasks_py(sandbox: Sandbox) -> None:
    """`envtasks` has its tasks, `inv` has flags alone; one that is written later is seen."""
    (sandbox.root / "tasks.py").unlink()
    assert ask(sandbox, "bash", "env.l", "envtasks", "env.l") == ["env.list"]
    assert ask(sandbox, "bash", "", "inv", "") == []
    assert ask(sandbox, "bash", "--li", "inv", "--li") == ["--list", "--list-depth", "--list-format"]

    sandbox.write("tasks.py", TASKS.replace("from helper import NAME", ""))
    assert ask(sandbox, "bash", "ru", "inv", "ru") == ["run"]


def test_another_collection(project: Sandbox) -> None:
    """`-c` names another module of tasks."""
    project.write("other.py", "from invoke import task\n\n@task\ndef only_here(c):\n    pass\n")

    assert ask(project, "bash", "o", "inv", "-c", "other", "o") == ["only-here"]
    assert ask(project, "bash", "o", "inv", "o") == []


def test_questions_that_make_no_sense(project: Sandbox) -> None:
    """No words, no answer, no error."""
    assert ask(project, "bash", "") == []


def test_every_argument_with_values_is_one_of_a_task() -> None:
    """What is completed for an argument of a built-in task names an argument that this task has."""
    root = built_in()

    for task, argument in VALUES:
        assert argument in {each.names[0] for each in root[task].get_arguments()}, (task, argument)


@pytest.mark.parametrize("shell", SHELLS)
def test_the_command_prints_the_script(project: Sandbox, shell: str) -> None:
    """What a shell loads, on stdout alone."""
    done = project.python("-m", "envtasks", "completion", shell)

    assert (done.returncode, done.stdout, done.stderr) == (0, script(shell), "")


def test_an_unknown_shell(project: Sandbox) -> None:
    """Code 2, and which there are."""
    done = project.python("-m", "envtasks", "completion", "bahs")

    assert done.returncode == 2
    assert done.stderr == (
        "error: There is no completion for bahs: did you mean bash?\n  hint: shells: bash, zsh, fish, powershell\n"
    )


def test_no_shell_named(project: Sandbox) -> None:
    """What is missing is named, and the hint is a command of `envtasks`, which alone has this task."""
    done = project.python("-m", "envtasks", "completion")

    assert (done.returncode, done.stderr.splitlines()[-1]) == (1, "  hint: envtasks completion --help")


@pytest.mark.parametrize(
    ("shell", "name"),
    [
        ("bash", ".bashrc"),
        ("zsh", ".zshrc"),
        ("fish", ".config/fish/conf.d/envtasks.fish"),
        ("powershell", "Documents/PowerShell/Microsoft.PowerShell_profile.ps1"),
    ],
)
def test_whether_it_is_set_up(tmp_path: Path, shell: str, name: str) -> None:
    """The script in a usual start-up file, or a line that loads it, is found; another script is not."""
    path = tmp_path / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("alias inv=x\n", encoding="utf-8")
    assert installed_in(shell, tmp_path, {}) is None

    path.write_text(script(shell), encoding="utf-8")
    assert installed_in(shell, tmp_path, {}) == path

    path.write_text(f'eval "$(envtasks completion {shell})"\n', encoding="utf-8")
    assert installed_in(shell, tmp_path, {}) == path
    assert f"envtasks completion {shell}" in setup_command(shell)


def test_zsh_may_have_another_folder(tmp_path: Path) -> None:
    """ZDOTDIR is where zsh looks."""
    (tmp_path / "z").mkdir()
    (tmp_path / "z/.zshrc").write_text(script("zsh"), encoding="utf-8")

    assert installed_in("zsh", tmp_path, {"ZDOTDIR": str(tmp_path / "z")}) == tmp_path / "z/.zshrc"
