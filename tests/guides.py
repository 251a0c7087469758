"""The pages of the manual: their fenced blocks, the commands of their console blocks, and who types them."""

from __future__ import annotations

import re
import shutil
import subprocess
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from tests.ptys import Typist

REPOSITORY = Path(__file__).parents[1]
_PATH = re.compile(r"# (at the end of )?(\.?[\w/-]+(?:\.[\w-]+)*)\n")


@dataclass(frozen=True, slots=True)
class Block:
    """A fenced block of a page, with its line and the comment above it, which says how or why not it is tested."""

    language: str
    text: str
    comment: str
    line: int

    @property
    def path(self) -> str | None:
        """The file that it is, where it begins with a comment of the path."""
        found = _PATH.match(self.text)
        return found[2] if found else None


@dataclass(slots=True)
class Command:
    """One `$ …` line: the command, what is shown below it, its exit code (a last line `[exit code N]`), and what is
    typed on a terminal, if the page shows one."""

    line: str
    exit_code: int = 0
    output: str = ""
    typed: list[str] = field(default_factory=list)
    on_terminal: bool = False

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


@dataclass(slots=True)
class Shell:
    """The one shell in which a reader types the lines of a page: `cd` holds for the lines after it."""

    folder: Path
    env: Mapping[str, str]

    def follow(self, command: Command) -> None:
        """Run a command and compare its exit code and output with what the page shows."""
        with tempfile.TemporaryDirectory() as folder:
            told = Path(folder) / "folder"
            line = f"{command.line}\ncode=$?; pwd > '{told}'; exit $code"
            answered = _typed if command.on_terminal else _piped
            code, printed = answered(replace(command, line=line), self)
            self.folder = Path(told.read_text(encoding="utf-8").strip())
        assert (command.line, code) == (command.line, command.exit_code), printed
        assert shows(command.output, printed), f"{command.line}\n{printed}"


def _piped(command: Command, shell: Shell) -> tuple[int, str]:
    done = command.run(shell.folder, shell.env, together=True)
    return done.returncode, done.stdout


def _typed(command: Command, shell: Shell) -> tuple[int, str]:
    """Run it on a terminal, and type an answer at each prompt: each line of the page that ends with a colon."""
    prompts = re.findall(r"^\S.*:$", command.output, re.MULTILINE)
    assert len(prompts) == len(command.typed), f"{command.line}: {prompts}"
    seen = ""
    words = ["bash", "-o", "pipefail", "-c", command.line]
    with Typist(words, env={**shell.env, "COLUMNS": "100"}, cwd=str(shell.folder)) as terminal:
        for prompt, answer in zip(prompts, command.typed, strict=True):
            seen += terminal.expect(prompt)
            terminal.type(f"{answer}\n")
        code, rest = terminal.finish()
    return code, re.sub(r"\x1b\[[0-9;?]*[a-zA-Z]", "", seen + rest)


def blocks(page: str, language: str) -> list[str]:
    """The fenced blocks of one language (or of none, "") in a page of this repository, in order."""
    return [block.text for block in fenced(page) if block.language == language]


def fenced(page: str) -> list[Block]:
    """Every fenced block of a page, in order."""
    text = (REPOSITORY / page).read_text(encoding="utf-8")
    pattern = r"(?:^<!-- ([^\n]*) -->\n\n?)?^```(\S*)\n(.*?)^```$"
    return [
        Block(found[2], found[3], found[1] or "", text.count("\n", 0, found.start(3)))
        for found in re.finditer(pattern, text, re.DOTALL | re.MULTILINE)
    ]


def commands(page: str) -> list[Command]:
    """The commands of a page's console blocks, in order; a YAML block that begins with its path is written there."""
    found: list[Command] = []
    for block in fenced(page):
        if block.language == "yaml" and block.path:
            found.append(Command(f"cat > {block.path} << 'END'\n{block.text}END"))
        found += _commands(block)
    return found


def _commands(block: Block) -> Iterator[Command]:
    """The commands of a console block. The comment above it may say that it is on a terminal, and what is typed there,
    or what has happened before, which no reader types.
    """
    if block.language != "console":
        return
    if before := re.fullmatch(r"after: (.*)", block.comment):
        yield Command(before[1], output="…")
    stated = re.fullmatch(r"on a terminal(?:; typed: (.*))?", block.comment)
    typed = stated[1].split(" | ") if stated and stated[1] else []
    for part in re.split(r"^(?=\$ )", block.text, flags=re.MULTILINE)[1:]:
        line, _, output = part.partition("\n")
        code = re.search(r"^\[exit code (\d+)\]\n", output, re.MULTILINE)
        output = output.replace(code[0], "") if code else output
        prompts = len(re.findall(r"^\S.*:$", output, re.MULTILINE)) if stated else 0
        answers, typed = typed[:prompts], typed[prompts:]
        answers = ["" if answer == "Enter" else answer for answer in answers]
        yield Command(line[2:].strip(), int(code[1]) if code else 0, output, answers, bool(stated))


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
    for block in fenced(page):
        path = _PATH.match(block.text)
        if block.language == "console":
            found += _commands(block)
        elif path is not None:
            text = block.text.partition("\n")[2] if block.language in ("dotenv", "text") else block.text
            found.append(File(path[2], text, append=bool(path[1])))
    return found


def shows(shown: str, printed: str) -> bool:
    """Whether the output is the one of a page, in which `…` stands for anything; blanks of tables aside."""
    expected = re.escape(" ".join(shown.split())).replace("…", ".*")
    return re.fullmatch(expected, " ".join(printed.split()), re.DOTALL) is not None
