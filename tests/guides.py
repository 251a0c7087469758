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
    """One `$ …` line: the command, the exit code that a comment `# exit N` gives it, and the output shown below it."""

    line: str
    exit_code: int
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
    text = (REPOSITORY / page).read_text(encoding="utf-8")
    found = re.findall(r"^```(\S*)\n(.*?)^```$", text, re.DOTALL | re.MULTILINE)
    return [block for name, block in found if name == language]


def commands(page: str) -> list[Command]:
    """The commands of a page's console blocks, in order."""
    found: list[Command] = []
    for line in "".join(blocks(page, "console")).splitlines(keepends=True):
        if line.startswith("$ "):
            text = line.removeprefix("$ ").strip()
            stated = re.search(r"# exit (\d+)$", text)
            found.append(Command(text, int(stated[1]) if stated else 0))
        else:
            found[-1].output += line
    return found


def copy_repository(folder: Path) -> None:
    """Write what a fresh clone of this repository holds into a folder, as a git repository without commits."""
    listed = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    names = subprocess.run(listed, cwd=REPOSITORY, capture_output=True, text=True, check=True).stdout
    for name in filter(None, names.split("\0")):
        if (REPOSITORY / name).is_file():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(REPOSITORY / name, folder / name)
    subprocess.run(["git", "init", "-q"], cwd=folder, check=True)
