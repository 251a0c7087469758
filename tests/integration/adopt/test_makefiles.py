"""Makefiles as projects have them: what `make -n` prints beside what `inv --dry` prints of the tasks made from them."""

from __future__ import annotations

import json
import re
import shlex
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.projects import Sandbox

MAKEFILES = Path(__file__).parents[2] / "adopt" / "makefiles"
ENV_FILES = {
    "flask-include-env": "DATABASE_URL=postgresql://app@localhost/app\nPORT=5000\nLOG_LEVEL=info\n",
    "eval-include": "APP_HOST=127.0.0.1\nAPP_PORT=8000\nAPI_TOKEN=fake\n",
}
# what cannot be compared: make fails on it or would run commands, or it only lists the targets
NOT_COMPARED = {
    "fastapi-uv": {"help"},
    "monorepo": {"all", "test"},
    "pypackage": {"help", "docs", "servedocs"},
}
OPTIONS = re.compile(r"set -eu -o pipefail(?:; |$)")  # of .SHELLFLAGS, which make does not print
# stock inv's own program, once for each task
DRY = """
import contextlib, io, json, sys
from invoke import Program
answer = {}
for name in json.loads(sys.argv[1]):
    sys.modules.pop("tasks", None)
    sys.argv = ["inv", "--dry", name, "--yes"]
    with contextlib.redirect_stdout(io.StringIO()) as output:
        Program(name="Invoke", binary="inv", version="3").run(sys.argv, exit=False)
    answer[name] = output.getvalue()
print(json.dumps(answer))
"""
DOTENVX = re.compile(r"(?:npx )?dotenvx run(?P<files>(?: -f \S+)+) -- (?P<rest>.*)")

pytestmark = [
    pytest.mark.integration,
    pytest.mark.skipif(shutil.which("make") is None, reason="make is not installed"),
    pytest.mark.skipif(shutil.which("ruff") is None, reason="ruff is not installed"),
]


@pytest.mark.parametrize("name", sorted(path.name for path in MAKEFILES.iterdir()))
def test_tasks_run_what_make_runs(name: str, sandbox: Sandbox) -> None:
    """Every target that can be compared prints the same under `make -n` and, as a task, under `inv --dry`."""
    _prepare(name, sandbox)
    targets = _targets(sandbox)

    done = sandbox.python("-m", "envtasks", "migrate", "--defaults", "--json")
    assert done.returncode == 0, done.stdout + done.stderr
    report = json.loads(done.stdout)
    tasks = {row["target"]: row["task"] for row in report["targets"] if row["task"]}

    dry = sandbox.python("-c", DRY, json.dumps(list(tasks.values())))
    assert dry.returncode == 0, dry.stderr
    printed = json.loads(dry.stdout)
    compared = {target for target in targets if target not in NOT_COMPARED.get(name, set())}
    different = {
        target: (wanted, got)
        for target in sorted(compared)
        if (wanted := _of_make(sandbox, target, targets)) != (got := _of_inv(printed[tasks[target]], name))
    }

    assert different == {}
    assert _style_errors(sandbox) == ""
    assert {row["target"] for row in report["targets"] if row["verdict"] == "same"} == compared


def test_enough_is_compared() -> None:
    """There are 25 Makefiles and more, with 200 targets and more."""
    texts = [path.read_text(encoding="utf-8") for path in MAKEFILES.glob("*/Makefile")]
    targets = [
        found for text in texts for found in re.findall(r"^[^\s#.$%][^=%\n]*:(?!=)", text, re.MULTILINE)
    ]

    assert len(texts) >= 25
    assert len(targets) >= 200


def _style_errors(sandbox: Sandbox) -> str:
    """What ruff says of the tasks.py that was written: its format, names that hide built-ins, unused imports."""
    options = ("--isolated", "--target-version", "py311", "--line-length", "88")
    rules = ("--select", "A,B,E,F,I,N,SIM,UP,W", "--ignore", "E501")
    found = ""
    for words in (("check", *rules), ("format", "--check")):
        done = subprocess.run(
            [shutil.which("ruff") or "", words[0], *options, *words[1:], "--no-cache", "-q", "tasks.py"],
            cwd=sandbox.root,
            env=dict(sandbox.env),
            capture_output=True,
            text=True,
            check=False,
        )
        found += done.stdout if done.returncode else ""
    return found


def _prepare(name: str, sandbox: Sandbox) -> None:
    (sandbox.root / "tasks.py").unlink()
    shutil.copytree(MAKEFILES / name, sandbox.root, dirs_exist_ok=True)
    if name in ENV_FILES:
        sandbox.write(".env", ENV_FILES[name])
        table = '[tool.envtasks.environments]\nlocal = { files = [".env"] }\n'
        sandbox.write("pyproject.toml", f'[project]\nname = "shop"\nversion = "1"\n{table}')
        return
    for environment in ("local", "dev", "staging", "production"):
        sandbox.write(f".env.{environment}", "SHOP=1\n")


def _targets(sandbox: Sandbox) -> list[str]:
    """The targets with a recipe or a prerequisite, as make lists them."""
    done = subprocess.run(
        ["make", "-pRrq", ":"], cwd=sandbox.root, env=_make_env(sandbox), capture_output=True, check=False
    )
    files = done.stdout.decode().partition("\n# Files\n")[2]
    blocks = [block for block in re.split(r"\n\n+", files) if not block.startswith("# Not a target")]
    found = [
        (line[0], block)
        for block in blocks
        if (line := re.findall(r"^([^#\s:%][^:=%]*):(?: |$)", block, re.MULTILINE))
    ]
    return [
        target
        for target, block in found
        if target != ":"
        and not re.fullmatch(r"\.[A-Z_]+", target)
        and ("recipe to execute" in block or re.search(rf"^{re.escape(target)}: \S+", block, re.MULTILINE))
    ]


def _make_env(sandbox: Sandbox) -> dict[str, str]:
    return {"PATH": sandbox.env["PATH"], "HOME": str(Path.home()), "PWD": str(sandbox.root)}


def _of_make(sandbox: Sandbox, target: str, targets: list[str]) -> list[str]:
    done = subprocess.run(
        ["make", "-n", "--no-print-directory", target],
        cwd=sandbox.root,
        env=_make_env(sandbox),
        capture_output=True,
        check=True,
    )
    lines: list[str] = []
    for line in re.sub(r"\s*\\\n\s*", " ", done.stdout.decode()).splitlines():
        words = line.split()
        calls = words[:1] == ["make"] and all(
            word in targets for word in words[1:] if not word.startswith("-")
        )
        if not calls and not line.startswith(("make: ", "#")):
            lines += _commands(line)
    return [line for line in lines if line]


def _commands(line: str) -> list[str]:
    """The commands of a line, each with its folder and environment, without variables, which inv does not print."""
    parts = [line] if re.search(r"\|\||;|^\(|[<>`]", line) else re.split(r" && ", line.strip())
    folder = f"{parts.pop(0)} && " if len(parts) > 1 and parts[0].startswith("cd ") else ""
    if re.search(r"\$|\bsource\b|^\w+ .*\| ", " ".join(parts)):
        parts = [" && ".join(parts)]
    found = []
    for part in parts:
        text = _without_variables(part.strip())
        dotenvx = DOTENVX.fullmatch(text)
        environment = ""
        if dotenvx:
            environment = f"[{dotenvx['files'].split()[-1].removeprefix('.env.')}] "
            text = dotenvx["rest"]
        found.append(_canonical(f"{environment}{folder}{text}"))
    return found


def _of_inv(output: str, name: str) -> list[str]:
    """The lines of a dry run: the environment of a command stands in the line before it."""
    shown = name not in ENV_FILES  # make does not print which variables an include sets
    lines, environment = [], ""
    for line in output.splitlines():
        if found := re.match(r"(?:env \w+=(\S+) )?dotenvx run --strict .*?-f \.env(?:\.(\S+))? ", line):
            environment = f"[{found[1]}] " if shown else ""
            continue
        lines.append(_canonical(environment + _without_variables(OPTIONS.sub("", line))))
        environment = ""
    return [line for line in lines if line]


def _without_variables(line: str) -> str:
    """The line without the variables before its command, which make prints and inv does not."""
    return re.sub(r"^(?:[A-Za-z_]\w*=\S+ )+", "", line)


def _canonical(line: str) -> str:
    """A line with its words as a shell splits them; the text where it only prints one."""
    try:
        tokens = shlex.shlex(line, posix=True, punctuation_chars=True)
        tokens.whitespace_split, tokens.commenters = True, ""
        words = list(tokens)
        if words[:1] == ["echo"] and "$" not in line and not {"|", ">", ";", "&&", "||"} & set(words):
            line = shlex.join(words[1:]) if len(words) > 2 else "".join(words[1:])
        return " ".join(shlex.split(line))
    except ValueError:
        return " ".join(line.split())
