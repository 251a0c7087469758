"""Write docs/reference.md from the code: every task and flag, setting, exit code and finding of env.check.

`python scripts/reference.py` writes the page; a test compares it.
"""

from __future__ import annotations

import inspect
import re
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Final

from envtasks import check, ci, compose, docker, errors, kubernetes
from envtasks.ci.plan import read_settings as read_ci
from envtasks.ci.services import read_services
from envtasks.config import Project
from envtasks.errors import ConfigInvalid
from envtasks.tasks import built_in

if TYPE_CHECKING:
    from invoke.parser.argument import Argument

PAGE: Final = Path(__file__).parents[1] / "docs" / "reference.md"
EVERYWHERE: Final = ("env", "yes", "no-mask", "no-check")  # the flags of every task in an environment
Reader = Callable[[Project], object]


def _read_ci(project: Project) -> None:
    table = project.table("ci")
    read_ci(project)
    read_services(project, table, [])
    ci.read_installation(project, table)


# each table, the page that explains it, and what reads it
TABLES: Final[tuple[tuple[str, str, Reader], ...]] = (
    ("tool.envtasks", "configuration.md", str),
    ("tool.envtasks.environments.staging", "configuration.md", str),
    ("tool.envtasks.docker", "guide-containers.md", docker.image_settings),
    ("tool.envtasks.compose", "guide-containers.md", compose.declared_files),
    ("tool.envtasks.deploy", "guide-deploy.md", kubernetes.declared_environments),
    ("tool.envtasks.deploy.environments.staging", "guide-deploy.md", kubernetes.declared_environments),
    ("tool.envtasks.ci", "guide-ci.md", _read_ci),
    ("tool.envtasks.check", "checks.md", lambda project: check.check(project, {})),
)
INTRODUCTION: Final = """\
# Reference

Every task with its flags, every setting, exit code and finding. Made from the code by `python scripts/reference.py`.

## Tasks

`inv TASK --help` prints the same. A task that runs in an environment has these flags too:

| flag | what it does |
| --- | --- |
| `-e`, `--env NAME` | the environment to run in |
| `-y`, `--yes` | run in a protected environment without asking |
| `--no-mask` | do not hide secrets in output |
| `--no-check` | do not check that what the settings class requires is set |

Of Invoke's own flags `--dry` prints commands and runs none, `--echo` prints them too. The tasks marked * are those of
the `envtasks` command alone.
"""


def reference() -> str:
    """The page."""
    return "\n".join([INTRODUCTION, *_tasks(), *_settings(), *_exit_codes(), *_findings()])


def _tasks() -> Iterator[str]:
    root = built_in()
    contexts = {str(context.name): context for context in root.to_contexts()}
    for name in sorted(contexts, key=lambda name: (name.count("."), name)):
        body, context = root[name].body, contexts[name]
        in_environment = "no-mask" in context.args
        only = "" if "." in name or name in ("exec", "doctor") else " *"
        yield f"### {name}{only}\n"
        yield _text(inspect.getdoc(body) or "") + "\n"
        positional = " ".join(
            each.names[0].upper() for each in context.positional_args if each.kind is not list
        )
        env = " --env NAME" if in_environment else ""
        program = "envtasks" if only else "inv"
        yield f"`{program} {name}{' ' if positional else ''}{positional}{env}`\n"
        rows = [
            f"| `{_spelled(argument)}` | {_text(argument.help or '')} |"
            for argument in context.args.values()
            if not (in_environment and argument.names[0] in EVERYWHERE)
        ]
        if rows:
            yield "\n".join(["| flag | what it does |", "| --- | --- |", *rows]) + "\n"


def _spelled(argument: Argument) -> str:
    """A flag with its short form and what follows it: `-l, --lines N`."""
    main, *short = argument.names
    long = f"--[no-]{main}" if argument.kind is bool and argument.default is True else f"--{main}"
    value = {bool: "", int: " N", list: " VALUE …"}.get(argument.kind, " VALUE")
    value = f" [{value.strip()}]" if argument.optional else value
    return ", ".join([*(f"-{name}" for name in short), long]) + value


def _settings() -> Iterator[str]:
    yield "## Settings\n\nIn pyproject.toml; each table is explained on the page that it links to.\n"
    for table, page, read in TABLES:
        name = table.replace("staging", "NAME")
        yield f"### {name}\n\n[What they mean]({page})\n"
        keys = re.split(r", ", _error(table, "no-such-key", read).hint.removeprefix("expected: "))
        rows = []
        for key in keys:
            said = re.search(r" must be (.+)\.$", _error(table, key, read).message)
            assert said, f"{table} {key}: {_error(table, key, read).message}"
            rows.append(f"| `{key}` | {_text(said[1])} |")
        yield "\n".join(["| key | what it has to be |", "| --- | --- |", *rows]) + "\n"


def _error(table: str, key: str, read: Reader) -> ConfigInvalid:
    """The error for a key of a table with a value that no key can have."""
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        (root / ".env.staging").write_text("A=1\n", encoding="utf-8")
        text = f'[project]\nname = "shop"\n\n[{table}]\n{key} = 0\n'
        (root / "pyproject.toml").write_text(text, encoding="utf-8")
        try:
            read(Project.load(root))
        except ConfigInvalid as error:
            return error
    raise AssertionError(f"[{table}] {key} = 0 is accepted")


def _exit_codes() -> Iterator[str]:
    yield "## Exit codes\n\nA command's own code passes through; a signal N gives 128+N, a `timeout` 124. Our own:\n"
    classes = [
        each
        for each in vars(errors).values()
        if isinstance(each, type) and issubclass(each, errors.EnvtasksError) and each.code != 1
    ]
    rows = [
        f"| {each.code} | `{each.__name__}` | {_text((inspect.getdoc(each) or '').splitlines()[0])} |"
        for each in sorted(classes, key=lambda each: each.code)
    ]
    yield "\n".join(["| code | error | when |", "| --- | --- | --- |", *rows]) + "\n"


def _findings() -> Iterator[str]:
    yield "## Findings of env.check\n\n[How they are found, and accepted](checks.md)\n"
    rows = [f"| {kind.id} | {kind.code} | {_text(kind.part)} | {_text(kind.title)} |" for kind in check.KINDS]
    yield "\n".join(["| id | code | part | what it means |", "| --- | --- | --- | --- |", *rows]) + "\n"


def _text(text: str) -> str:
    """A text of the code as Markdown, on one line of a table."""
    words = " ".join(text.split())
    parts = re.split(r"(`[^`]*`)", words)
    return "".join(part if part.startswith("`") else re.sub(r"([<>*|])", r"\\\1", part) for part in parts)


if __name__ == "__main__":
    PAGE.write_text(reference(), encoding="utf-8", newline="\n")
