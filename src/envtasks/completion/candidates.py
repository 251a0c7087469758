"""Which words can come next on a command line of `inv` or `envtasks`."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Final, NamedTuple

if TYPE_CHECKING:
    from .cache import Flag, Names, TaskNames

# flags of Invoke that are as useful after a task as before it
CORE_AFTER_TASK: Final = ("--help", "--dry", "--echo")
# those of Invoke that say which tasks there are, with their values
_CHOOSING: Final = ("-c", "--collection", "-r", "--search-root")
_WITH_VALUE: Final = (
    *_CHOOSING, "-f", "--config", "-T", "--command-timeout", "-F", "--list-format", "-D", "--list-depth",
)  # fmt: skip


class Candidate(NamedTuple):
    """A word, and what it means in a few words."""

    value: str
    text: str = ""


def split_bash_words(words: Sequence[str]) -> tuple[list[str], str]:
    """The words before the current one, and that: bash splits `--env=local` into `--env`, `=` and `local`."""
    merged: list[str] = []
    for word in words:
        in_flag = bool(merged) and merged[-1].startswith("--")
        if in_flag and (word == "=" or merged[-1].endswith("=")):
            merged[-1] += word
        else:
            merged.append(word)
    return merged[:-1], merged[-1]


def core_words(words: Sequence[str]) -> list[str]:
    """The flags before the first task that say which tasks there are: another collection or folder, with its value."""
    found: list[str] = []
    at = 0
    while at < len(words) and words[at].startswith("-"):
        flag, equals, _ = words[at].partition("=")
        chosen = words[at : at + 2] if flag in _WITH_VALUE and not equals else words[at : at + 1]
        found += chosen if flag in _CHOOSING and (equals or len(chosen) == 2) else []
        at += len(chosen)
    return found


def candidates(names: Names, words: Sequence[str], current: str) -> list[Candidate]:
    """The words that can stand in place of `current`, after the words of the command line before it."""
    line = _Line(names)
    for word in words:
        line.read(word)
    return list(_matching(line.next(current), current))


def _matching(found: Iterable[Candidate], current: str) -> Iterator[Candidate]:
    seen = set()
    for each in found:
        if each.value.startswith(current) and each.value not in seen:
            seen.add(each.value)
            yield each


class _Line:
    """A command line that is read word by word, by Invoke's rules."""

    def __init__(self, names: Names) -> None:
        self.names = names
        self.task: TaskNames | None = None
        self.waiting: Flag | None = None  # the flag whose value comes next
        self.left: list[str] = []  # the kinds of positional arguments still to come
        self.given: set[str] = set()
        self.environment = ""
        self.command = False  # a command of its own has begun

    def read(self, word: str) -> None:
        """Go on by one word."""
        flags = self._flags()
        if self.command or word == "--":
            self.command = True
        elif self.waiting is not None:
            self._value(self.waiting, word)
            self.waiting = None
        elif word.startswith("-"):
            name, equals, value = word.partition("=")
            flag = flags.get(name)
            self.given |= {name} if flag is None else set(flag["names"])
            if flag and flag["value"]:
                self.waiting = None if equals else flag
                self._value(flag, value)
        elif self.left:
            if self.left[0] != "services" or word not in self.names["services"]:
                kind = self.left.pop(0)
                if kind == "services":
                    self._task(word)
                self.command = kind == "command"
        else:
            self._task(word)

    def _task(self, word: str) -> None:
        task = self.names["tasks"].get(word)
        if task is not None:
            self.task, self.left, self.given = task, list(task["positionals"]), set()
            self.environment = task["environment"]

    def _value(self, flag: Flag, value: str) -> None:
        if flag["kind"] == "environment" and value:
            self.environment = value

    def _flags(self) -> Mapping[str, Flag]:
        core = {name: flag for flag in self.names["core"] for name in flag["names"]}
        own = {name: flag for flag in self.task["flags"] for name in flag["names"]} if self.task else {}
        return core | own

    def next(self, current: str) -> Iterator[Candidate]:
        """What can come next."""
        if self.command:
            return
        if self.waiting is not None:
            yield from self._values(self.waiting["kind"])
        elif current.startswith("-"):
            name, equals, _ = current.partition("=")
            flag = self._flags().get(name)
            if equals and flag:
                for each in self._values(flag["kind"]):
                    yield Candidate(f"{name}={each.value}", each.text)
            elif not equals:
                yield from self._flag_names(current)
        elif self.left and self.left[0] != "services":
            yield from self._values(self.left[0])
        else:
            yield from self._values(self.left[0]) if self.left else ()
            yield from self._values("task")

    def _flag_names(self, current: str) -> Iterator[Candidate]:
        own = self.task["flags"] if self.task else self.names["core"]
        more = [flag for flag in self.names["core"] if self.task and {*flag["names"]} & {*CORE_AFTER_TASK}]
        for flag in (*own, *more):
            if not flag["many"] and self.given & {*flag["names"]}:
                continue
            for name in flag["names"]:
                if name.startswith("--") or not current.startswith("--"):
                    yield Candidate(name, flag["help"])

    def _values(self, kind: str) -> Iterator[Candidate]:
        """The values of an argument of a kind; none where the shell has to offer files."""
        names = self.names
        if kind == "task":
            yield from (Candidate(name, task["help"]) for name, task in names["tasks"].items())
        elif kind == "environment":
            allowed = self.task["only"] if self.task else None
            yield from (
                Candidate(name) for name in names["environments"] if allowed is None or name in allowed
            )
        elif kind == "variable":
            known = names["environments"]
            chosen = [self.environment] if self.environment in known else known
            yield from (Candidate(name) for environment in chosen for name in known[environment])
        elif kind in ("services", "service"):
            yield from map(Candidate, names["services"])
        elif kind == "collection":
            yield from map(Candidate, (name.rpartition(".")[0] for name in names["tasks"] if "." in name))
        elif kind.startswith("one of "):
            yield from map(Candidate, kind.removeprefix("one of ").split(" "))
