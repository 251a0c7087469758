"""The plan: every file that is created or changed, with its new content, and what is left for a person."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from .. import git
from ..authoring import private_folder
from ..config import OVERRIDES, Project
from ..envfiles import KEY_FILE
from ..errors import EnvFileInvalid
from .insertion import encoded, encoding_of
from .questions import Answers
from .sources import Source, baseline_name, environments_of, find_sources
from .survey import Survey

CREATE: Final = "create"
CHANGE: Final = "change"


@dataclass(frozen=True, slots=True)
class FileChange:
    """One file that is written: what is there before (None: nothing), and after."""

    file: str
    before: bytes | None = field(repr=False)
    after: bytes = field(repr=False)
    what: str
    why: str
    mode: int | None = None

    @property
    def kind(self) -> str:
        """`create` or `change`."""
        return CREATE if self.before is None else CHANGE


@dataclass(frozen=True, slots=True)
class Kept:
    """One file that stays as it is, and why."""

    file: str
    why: str


@dataclass(frozen=True, slots=True)
class Left:
    """What is left for a person: the place, a sentence, and the exact replacement, empty where there is none.

    `blocks`: whether `env.check` may find it.
    """

    file: str
    line: int
    sentence: str
    replacement: str = ""
    blocks: bool = False


@dataclass(frozen=True, slots=True)
class Plan:
    """All that `init` would do. `untrack`: files that leave git's index and stay on disk."""

    survey: Survey
    changes: tuple[FileChange, ...]
    kept: tuple[Kept, ...]
    left: tuple[Left, ...]
    untrack: tuple[str, ...]
    packages: tuple[str, ...]
    next: tuple[str, ...]
    notes: tuple[str, ...] = ()

    @property
    def empty(self) -> bool:
        """Whether there is nothing to do."""
        return not (self.changes or self.untrack or self.packages)


class Draft:
    """The project while it is planned: a private copy of the files that may change, in which they are changed.

    The functions that make env files, ignore files and examples work on files: in a copy they do so before anything of
    the project is touched. It is a repository of its own, in which git ignores what it ignores in the project.
    """

    def __init__(self, survey: Survey, answers: Answers, root: Path) -> None:
        self.survey, self.answers, self.root = survey, answers, root
        self.sources: tuple[Source, ...] = find_sources(survey)
        self.local: dict[str, str] = {}  # the values of the baseline of local, before they are encrypted
        self.reasons: dict[str, tuple[str, str]] = {}
        self.kept: list[Kept] = []
        self.left: list[Left] = []
        self.untrack: list[str] = []
        self.packages: list[str] = []
        self.notes: list[str] = []

    @property
    def project(self) -> Project:
        """The project as it will be, without its settings class, whose import would run code of the project."""
        return Project.load(self.root)._replace(settings=None)

    def taken(self, names: Collection[str]) -> frozenset[str]:
        """The files whose values these environments have, or will have."""
        return frozenset(
            {
                OVERRIDES,
                *map(baseline_name, names),
                *(each.file for each in self.sources if each.environment in names or each.kind == "example"),
            }
        )

    @property
    def known_environments(self) -> tuple[str, ...]:
        """The environments that the project has by now."""
        return environments_of(self.survey, self.sources)

    def path(self, name: str) -> Path:
        """The copy of a file, which is made where the project has it; its folder is there. Raises EnvFileInvalid."""
        path = self.root / name
        original = self.survey.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        if not path.exists() and original.is_file():
            try:
                data = original.read_bytes()
            except OSError as error:
                raise EnvFileInvalid(f"{name} cannot be read: {error.strerror}.") from None
            path.write_bytes(data)
            path.chmod(original.stat().st_mode & 0o777)
            if name in self.survey.tracked:
                self.track(name)
        return path

    def track(self, name: str, *, force: bool = True) -> None:
        """Let git know of a file of the copy, as it will of the project's; without `force` unless it is ignored."""
        if self.survey.top is not None:
            words = ("add", *(["--force"] if force else []), "--intent-to-add", "--", name)
            git.output(self.root, self.survey.process_env, *words)

    def text(self, name: str) -> str:
        """The text of a file as it is by now; empty where it is not there."""
        path = self.path(name)
        data = path.read_bytes() if path.exists() else b""
        return data.decode(encoding_of(name, data), "surrogateescape")

    def write(self, name: str, text: str, *, what: str, why: str) -> None:
        """Give a file a new text, in the encoding that it has. Raises ConfigInvalid."""
        path = self.path(name)
        encoding = encoding_of(name, path.read_bytes() if path.exists() else b"")
        path.write_bytes(encoded(text, encoding, name))
        self.because(name, what, why)

    def because(self, name: str, what: str, why: str) -> None:
        """Say what is done with a file and why; several reasons are listed."""
        if name in self.reasons and what not in self.reasons[name][0]:
            known = self.reasons[name]
            self.reasons[name] = (f"{known[0]}; {what}", known[1])
        else:
            self.reasons.setdefault(name, (what, why))

    def keep(self, name: str, why: str) -> None:
        """Say that a file stays as it is."""
        self.kept.append(Kept(name, why))

    def leave(
        self, file: str, line: int, sentence: str, replacement: str = "", *, blocks: bool = False
    ) -> None:
        """Leave something for a person; `blocks` if `env.check` may find it."""
        self.left.append(Left(file, line, sentence, replacement, blocks))

    def changes(self) -> Iterator[FileChange]:
        """The files of the copy that differ from the project's."""
        for path in sorted(self.root.rglob("*")):
            name = path.relative_to(self.root).as_posix()
            if not path.is_file() or name.split("/")[0] == ".git":
                continue
            original = self.survey.root / name
            before = original.read_bytes() if original.is_file() else None
            after = path.read_bytes()
            if before != after:
                secret = name.rpartition("/")[2] == KEY_FILE or name.endswith(".keys")
                usual = (
                    ("private keys", "they open the env files")
                    if secret
                    else ("patterns", "secrets stay out of git")
                )
                what, why = self.reasons.get(name, usual)
                yield FileChange(name, before, after, what, why, 0o600 if secret else None)


@contextmanager
def drafting(survey: Survey, answers: Answers) -> Iterator[Draft]:
    """A draft in a private folder, in memory where there is such a place, which is gone afterwards."""
    with private_folder(survey.process_env) as (folder, _):
        top = folder.resolve() / (survey.top or survey.root).name  # messages and files may have this name
        inside = survey.root.relative_to(survey.top.resolve()) if survey.top else Path()
        root = top / inside
        root.mkdir(parents=True, exist_ok=True)
        if survey.top:
            _make_repository(survey, top, inside)
        draft = Draft(survey, answers, root)
        for each in ("pyproject.toml", ".gitignore", ".dockerignore", ".env", KEY_FILE):
            draft.path(each)
        for environment in survey.project.environments.values():
            for path in environment.files:
                if path.is_relative_to(survey.root):
                    draft.path(path.relative_to(survey.root).as_posix())
        yield draft


def _make_repository(survey: Survey, top: Path, inside: Path) -> None:
    """Make a repository of the copy's top folder that ignores what the project's ignores."""
    env = survey.process_env
    git.output(top, env, "init", "--quiet", "--template=")
    exclude = git.output(
        survey.root, env, "rev-parse", "--path-format=absolute", "--git-path", "info/exclude"
    )
    if exclude and Path(exclude).is_file():
        (top / ".git" / "info").mkdir(exist_ok=True)
        (top / ".git" / "info" / "exclude").write_bytes(Path(exclude).read_bytes())
    for parent in inside.parents:
        ignored = (survey.top or top) / parent / ".gitignore"
        if ignored.is_file():
            (top / parent).mkdir(parents=True, exist_ok=True)
            (top / parent / ".gitignore").write_bytes(ignored.read_bytes())


def summary(plan: Plan) -> Mapping[str, object]:
    """The plan as a JSON document; no value of an env file is in it."""
    return {
        "files": [
            *(
                {"do": each.kind, "file": each.file, "what": each.what, "why": each.why}
                for each in plan.changes
            ),
            *({"do": "leave", "file": each.file, "what": "", "why": each.why} for each in plan.kept),
        ],
        "left": [
            {"file": each.file, "line": each.line, "sentence": each.sentence, "replacement": each.replacement}
            for each in plan.left
        ],
        "untrack": list(plan.untrack),
        "packages": list(plan.packages),
        "next": list(plan.next),
    }
