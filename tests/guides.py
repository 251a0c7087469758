"""The guides in docs: their fenced blocks, the commands of their console blocks, and a copy to run them in."""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

REPOSITORY = Path(__file__).parents[1]


@dataclass(slots=True)
class Command:
    """One `$ …` line: the command, the output shown below it, and the exit code: a last line `[exit code N]`."""

    line: str
    exit_code: int = 0
    output: str = ""

    @property
    def task(self) -> str:
        """Its second word: the task of `inv TASK`."""
        return self.line.split()[1]

    def run(
        self, folder: Path, env: Mapping[str, str], *, together: bool = False
    ) -> subprocess.CompletedProcess[str]:
        """Run the line in bash; with `together` all output is stdout, in its order."""
        return subprocess.run(
            ["bash", "-o", "pipefail", "-c", self.line],
            cwd=folder,
            env=env,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT if together else subprocess.PIPE,
            text=True,
            encoding="utf-8",
            check=False,
        )


def blocks(page: str, language: str) -> list[str]:
    """The fenced blocks of one language (or of none, "") in a page of this repository, in order."""
    return [block for name, block in _fenced(page) if name == language]


def _fenced(page: str) -> list[tuple[str, str]]:
    """Every fenced block of a page, with its language."""
    text = (REPOSITORY / page).read_text(encoding="utf-8")
    return re.findall(r"^```(\S*)\n(.*?)^```$", text, re.DOTALL | re.MULTILINE)


def commands(page: str) -> list[Command]:
    """The commands of a page's console blocks, in order; a YAML block that begins with its path is written there."""
    found: list[Command] = []
    for language, block in _fenced(page):
        if language == "yaml" and (path := re.match(r"# (\S+\.ya?ml)\n", block)):
            found.append(Command(f"cat > {path[1]} << 'END'\n{block}END"))
        for line in block.splitlines(keepends=True) if language == "console" else ():
            if line.startswith("$ "):
                found.append(Command(line.removeprefix("$ ").strip()))
            elif stated := re.fullmatch(r"\[exit code (\d+)\]\n", line):
                found[-1].exit_code = int(stated[1])
            else:
                found[-1].output += line
    return found


def agree(printed: list[str], shown: list[str]) -> bool:
    """Whether these lines were printed; `…` in the first line stands for those before."""
    return printed[1 - len(shown) :] == shown[1:] if shown[:1] == ["…"] else printed == shown


def copy_repository(folder: Path) -> None:
    """Write what a fresh clone of this repository holds into a folder, as a git repository without commits."""
    listed = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    names = subprocess.run(listed, cwd=REPOSITORY, capture_output=True, text=True, check=True).stdout
    for name in filter(None, names.split("\0")):
        if (REPOSITORY / name).is_file():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(REPOSITORY / name, folder / name)
    subprocess.run(["git", "init", "-q"], cwd=folder, check=True)


@dataclass(frozen=True, slots=True)
class File:
    """A block of a page that begins with a comment of its path: what the reader writes into that file, or appends."""

    path: str
    text: str
    append: bool = False

    def write(self, folder: Path) -> None:
        """Do it in a folder. The comment stays out of files in which it would be data."""
        path = folder / self.path
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("a" if self.append else "w", encoding="utf-8") as file:
            file.write(self.text)


def steps(page: str) -> list[Command | File]:
    """What a page tells its reader to do, in order: the files to write and the commands of console blocks."""
    found: list[Command | File] = []
    for language, block in _fenced(page):
        path = re.match(r"# (at the end of )?(\.?[\w/-]+(?:\.\w+)*)\n", block)
        if language == "console":
            for part in re.split(r"^(?=\$ )", block, flags=re.MULTILINE)[1:]:
                line, _, output = part.partition("\n")
                stated = re.search(r"^\[exit code (\d+)\]\n", output, re.MULTILINE)
                shown = output.replace(stated[0], "") if stated else output
                found.append(Command(line[2:], int(stated[1]) if stated else 0, shown))
        elif path is not None:
            text = block.partition("\n")[2] if language in ("dotenv", "text") else block
            found.append(File(path[2], text, append=bool(path[1])))
    return found


def shows(shown: str, printed: str) -> bool:
    """Whether the output is the one of a page, in which `…` stands for anything; blanks of tables aside."""
    expected = re.escape(" ".join(shown.split())).replace("…", ".*")
    return re.fullmatch(expected, " ".join(printed.split()), re.DOTALL) is not None
