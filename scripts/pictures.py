"""Draw docs/images/*.svg: what commands print on a terminal, in sample projects that are made for it.

`python -m scripts.pictures` writes the pictures; a test compares their text with what the commands print today.
"""

from __future__ import annotations

import html
import os
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Final

from rich.style import Style
from rich.text import Text

from envtasks.envfiles import encrypt, public_key
from tests.ptys import Typist

IMAGES: Final = Path(__file__).parents[1] / "docs" / "images"
COLUMNS: Final = 100
CHARACTER, LINE, MARGIN = 8.4, 19, 16  # width, height and border in pixels
COLOURS: Final = {
    1: "#f38ba8",
    2: "#a6e3a1",
    3: "#f9e2af",
    5: "#cba6f7",
    6: "#89dceb",
}  # as a terminal numbers them

SETTINGS: Final = """\
from pydantic import SecretStr
from pydantic_settings import BaseSettings


class Settings(BaseSettings):
    db_host: str
    db_password: SecretStr
    log_level: str = "INFO"
"""
TASKS: Final = """\
from envtasks import namespace, task


@task(env="local", needs=["DB_*"])
def run(c):
    c.exec("python", "app.py")


@task(env="staging", needs=["DB_*"], only=["staging", "production"])
def migrate(c):
    c.exec("python", "migrate.py")


ns = namespace(__name__)
"""
COMPOSE: Final = """\
services:
  web:
    image: shop
    environment:
      DB_HOST: "${DB_HOST}"
      DB_PASSWORD: "${DB_PASSWORD}"
"""
PROGRAMS: Final = {  # what doctor finds on the machine that is drawn
    "apt-cache": "case $3 in docker.io|docker-buildx|docker-compose) echo Version: 99;; esac",
    "git": 'case $1 in --version) echo git version 2.47.3;; *) exec /usr/bin/git "$@";; esac',
    "kubectl": "echo Client Version: v1.37.1",
    "nox": "echo 2026.10.20",
    "uv": "echo uv 0.13.9",
}


@dataclass(frozen=True, slots=True)
class Picture:
    """The commands of one picture, the project in which they run, and its only programs (None: this machine's)."""

    name: str
    commands: Sequence[str]
    files: Mapping[str, str]
    programs: Mapping[str, str] | None = None


def environment(name: str, number: int, plain: str, **secrets: str) -> dict[str, str]:
    """An env file, and the key file of its environment: the key is a number, as nothing real depends on it."""
    public = public_key(f"{number:064x}")
    lines = [f'DOTENV_PUBLIC_KEY_{name.upper()}="{public}"', *plain.splitlines()]
    lines += [f"{variable}='{encrypt(value, public)}'" for variable, value in secrets.items()]
    key = f"DOTENV_PRIVATE_KEY_{name.upper()}={number:064x}\n"
    return {f".env.{name}": "\n".join(lines) + "\n", f".env.{name}.keys": key}


def shop(*, production: bool = True) -> dict[str, str]:
    """A project with three environments, or with two; the key of production is not here."""
    files = {
        "pyproject.toml": '[project]\nname = "shop"\nversion = "1"\nrequires-python = ">=3.11"\n\n'
        '[tool.envtasks]\nsettings = "settings:Settings"\n',
        "settings.py": SETTINGS,
        "tasks.py": TASKS,
        "docker/compose.yaml": COMPOSE,
        ".gitignore": ".env\n.env.keys\n.env.*.keys\n*.envtasks-tmp\nbin/\n__pycache__/\n",
        **environment("local", 1, "DB_HOST=localhost\nLOG_LEVEL=DEBUG", DB_PASSWORD="correct-horse"),
        **environment("staging", 2, "DB_HOST=db.staging.example.com", DB_PASSWORD="battery-staple"),
        **environment("production", 3, "DB_HOST=db.example.com", DB_PASSWORD="Tr0ub4dor-and-3"),
    }
    del files[".env.production.keys"]
    if not production:
        del files[".env.production"]
    return files


def faulty() -> dict[str, str]:
    """The shop after some mistakes: a plain secret, a variable that staging lacks, code that reads an env file."""
    files = shop()
    files[".env.staging"] = files[".env.staging"].replace("DB_HOST=db.staging.example.com\n", "")
    files[".env.local"] += "API_TOKEN=c2VjcmV0-Tr0ub4dor-and-3\n"
    files["app.py"] = (
        'import os\n\nfrom dotenv import load_dotenv\n\nload_dotenv(".env.local")\nprint(os.environ["API_TOKEN"])\n'
    )
    files[".env.example"] = "DB_HOST=localhost\nDB_PASSWORD=changeme\nLOG_LEVEL=INFO\n"
    return files


def before() -> dict[str, str]:
    """A project that has not met envtasks yet."""
    return {
        "shop.py": "import os\n\nfrom dotenv import load_dotenv\n\nload_dotenv()\nprint(os.environ['DB_HOST'])\n",
        ".env": "DB_HOST=localhost\nDB_PASSWORD=s3cr3t-of-the-shop\n",
        "requirements.txt": "python-dotenv\n",
        ".gitignore": "__pycache__/\n",
    }


def pictures() -> list[Picture]:
    """Every picture of the manual."""
    docker = {
        **shop(production=False),
        "docker/Dockerfile": "FROM python:3.13-slim\n",
        "noxfile.py": "",
        "uv.lock": "",
    }
    values = ["inv env.list", "inv env.show --env staging", "inv migrate --env production --yes"]
    return [
        Picture("inv", values, shop()),
        Picture("explain", ["inv env.explain DB_PASSWORD --env staging"], shop()),
        Picture("check", ["inv env.check"], faulty()),
        Picture("init", ["envtasks init --dry"], before()),
        Picture("doctor", ["inv doctor"], docker, PROGRAMS),
    ]


def printed(picture: Picture, folder: Path) -> list[str]:
    """The lines of a terminal on which the commands of a picture are typed, with their colours."""
    project = folder / "shop"
    for name, text in picture.files.items():
        path = project / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
        path.chmod(0o600)
    for name, script in (picture.programs or {}).items():
        path = folder / "bin" / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(f"#!/bin/sh\n{script}\n", encoding="utf-8")
        path.chmod(0o755)
    installed = folder / "packages" / "envtasks.dist-info"  # as from a package index, not from this folder
    installed.mkdir(parents=True)
    (installed / "METADATA").write_text(f"Name: envtasks\nVersion: {version('envtasks')}\n", encoding="utf-8")
    git = ["git", "-c", "user.name=me", "-c", "user.email=me@example.com"]
    for words in (["init", "-q"], ["add", "-A"], ["commit", "-qm", "Begin"]):
        subprocess.run([*git, *words], cwd=project, check=True, stdout=subprocess.DEVNULL)
    lines: list[str] = []
    for command in picture.commands:
        lines += [f"\x1b[1m$ {command}\x1b[0m", *_on_terminal(command, project, picture.programs is not None)]
    return lines


def _on_terminal(command: str, project: Path, own_programs: bool) -> list[str]:
    program, _, rest = command.partition(" ")
    path = (
        [str(project.parent / "bin")]
        if own_programs
        else [str(Path(sys.executable).parent), "/usr/bin", "/bin"]
    )
    env = {
        "PATH": os.pathsep.join(path),
        "HOME": str(project.parent),
        "PYTHONPATH": os.pathsep.join([str(project.parent / "packages"), os.environ.get("PYTHONPATH", "")]),
        "PYTHONDONTWRITEBYTECODE": "1",
        "COLUMNS": str(COLUMNS),
        "TERM": "xterm-256color",
        "LANG": "C.UTF-8",
        "SHELL": "/bin/bash",
        "PWD": str(project),
    }
    script = f"import sys; sys.argv[0] = {program!r}; "
    script += (
        "from invoke.main import program; program.run()"
        if program == "inv"
        else "from envtasks.__main__ import main; main()"
    )
    with Typist([sys.executable, "-c", script, *rest.split()], env=env, cwd=str(project)) as terminal:
        _, seen = terminal.finish()
    seen = seen.replace(str(Path(sys.executable)), "/home/me/shop/.venv/bin/python")
    return [line.rstrip() for line in seen.rstrip().split("\n")]


def svg(lines: Sequence[str], title: str) -> str:
    """A picture of a terminal: a line of text for each line, on a dark ground that suits light and dark pages."""
    texts = [part for line in lines for part in _wrapped(Text.from_ansi(line))]
    width, height = COLUMNS * CHARACTER + 2 * MARGIN, len(texts) * LINE + 2 * MARGIN
    drawn = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width:.0f} {height}" role="img">',
        f"<title>{html.escape(title)}</title>",
        f'<rect width="{width:.0f}" height="{height}" rx="8" fill="#1e1e2e"/>',
        '<g font-family="ui-monospace, SFMono-Regular, Menlo, Consolas, monospace" font-size="14" fill="#cdd6f4">',
    ]
    for number, text in enumerate(texts, 1):
        if text.plain:
            place = f'x="{MARGIN}" y="{MARGIN + number * LINE - 5}" textLength="{len(text.plain) * CHARACTER:.1f}"'
            drawn.append(f'<text {place} xml:space="preserve">{_spans(text)}</text>')
    return "\n".join([*drawn, "</g>", "</svg>"]) + "\n"


def _wrapped(text: Text) -> list[Text]:
    """The lines of a terminal that one line takes."""
    text.rstrip()
    return list(text.divide(range(COLUMNS, len(text.plain), COLUMNS)))


def _spans(text: Text) -> str:
    """The parts of a line, each with its colour and weight."""
    styles = [Style()] * len(text.plain)
    for span in text.spans:
        style = span.style if isinstance(span.style, Style) else Style.parse(span.style)
        styles[span.start : span.end] = [each + style for each in styles[span.start : span.end]]
    parts: list[str] = []
    begin = 0
    for end in range(1, len(styles) + 1):
        if end == len(styles) or styles[end] != styles[begin]:
            parts.append(_span(text.plain[begin:end], styles[begin]))
            begin = end
    return "".join(parts)


def _span(text: str, style: Style) -> str:
    number = (style.color.number or 0) % 8 if style.color else 0
    marks = [f'fill="{COLOURS[number]}"'] if number in COLOURS else []
    marks += ['font-weight="bold"'] if style.bold else []
    marks += ['opacity="0.7"'] if style.dim else []
    return f"<tspan {' '.join(marks)}>{html.escape(text)}</tspan>" if marks else html.escape(text)


def draw(picture: Picture) -> str:
    """The picture, from what its commands print now."""
    with tempfile.TemporaryDirectory() as folder:
        return svg(printed(picture, Path(folder)), ", ".join(picture.commands))


if __name__ == "__main__":
    for each in pictures():
        (IMAGES / f"{each.name}.svg").write_text(draw(each), encoding="utf-8", newline="\n")
