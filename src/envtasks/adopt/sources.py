"""Env-like files: which are there, to which environment each belongs, and which of their values are harmless."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Final

from .. import git
from ..check import example_path, is_secret_name, looks_like_credential
from ..config import ENVIRONMENT_NAME, NOT_ENVIRONMENTS, OVERRIDES
from ..envfiles import PRIVATE_KEY, PUBLIC_KEY, Entry, EnvFile, read_env_file
from ..errors import EnvFileInvalid, EnvtasksError
from .survey import Survey

LOCAL: Final = "local"
_ENV_LIKE: Final = re.compile(r"(?:.*/)?(?:\.env(?:\.[^/]+)?|[^/]+\.env|\.flaskenv|\.envs/.*)")
_NO_ENV_FILE: Final = re.compile(r"(?:.*/)?(?:.*\.keys|\.env\.vault|.*\.envtasks-tmp|.*\.(?:py|md|sh|ya?ml))")
_OF_TESTS: Final = re.compile(r"(?:.*/)?(?:tests?|fixtures|testdata|examples?|docs|templates)/.*")
_EXAMPLE: Final = re.compile(r"(?:.*/)?[^/]*(?:example|sample|template|dist|default)s?[^/]*", re.IGNORECASE)
_USUAL: Final = (
    *(
        "local",
        "dev",
        "development",
        "test",
        "testing",
        "ci",
        "staging",
        "stage",
        "qa",
        "uat",
        "preview",
        "sandbox",
    ),
    *("prod", "production", "live"),
)
_HARMLESS_VALUE: Final = re.compile(
    r"|true|false|yes|no|on|off|none|null|[+-]?\d{1,9}(?:\.\d+)?|debug|info|warning|warn|error|critical"
    r"|localhost|0\.0\.0\.0|127\.0\.0\.1|::1|\*|[\w.-]+\.example\.(?:com|org)"
    r"|(?:/[\w.-]+){2,}/?"  # an absolute path
    r"|local|dev|development|test|testing|staging|production|prod|utf-?8|json|text",
    re.IGNORECASE,
)
_HARMLESS_NAME: Final = re.compile(
    r".*(?:_|^)(?:HOSTS?|PORT|DB|DATABASE|NAME|USER|USERNAME|ENGINE|DRIVER|BACKEND|REGION|TIMEOUT|LEVEL|DEBUG|ENV|MODE|APP"
    r"|ENVIRONMENT|MODULE|ORIGINS?|ZONE|TZ|LANG|LOCALE|VERSION|ALGORITHM|DOMAIN|BUCKET|TITLE|WORKERS|THREADS|EMAIL|PREFIX)",
    re.IGNORECASE,
)  # fmt: skip
_LOCAL_URL: Final = re.compile(
    r"[a-z][\w+.-]*://(?:localhost|127\.0\.0\.1|[a-z][a-z0-9_-]*)(?::\d+)?(?:/[\w./-]*)?"
)


@dataclass(frozen=True, slots=True)
class Source:
    """An env-like file of the project: the environment it belongs to, and whether git has it.

    `kind`: `plain`, `baseline` (in use already), `example`, or `other`, which nobody can map.
    """

    file: str
    kind: str
    environment: str | None
    tracked: bool
    env_file: EnvFile

    @property
    def entries(self) -> tuple[Entry, ...]:
        """Its assignments, those of keys left out."""
        return tuple(
            entry for entry in self.env_file.entries if not entry.name.startswith((PUBLIC_KEY, PRIVATE_KEY))
        )

    @property
    def is_baseline(self) -> bool:
        """Whether it has the name of its environment's baseline already."""
        return self.environment is not None and self.file == baseline_name(self.environment)


def baseline_name(environment: str) -> str:
    """The name of an environment's baseline."""
    return f".env.{environment}"


def find_sources(survey: Survey) -> tuple[Source, ...]:
    """The env-like files of the project; those that cannot be read are left out."""
    return tuple(_sources(survey))


def environments_of(survey: Survey, sources: Iterable[Source]) -> tuple[str, ...]:
    """The environments that the project has already, declared or by its files."""
    names = [each.environment for each in sources if each.environment and each.kind != "other"]
    return tuple(dict.fromkeys([*survey.project.environments, *names]))


def is_example(file: str) -> bool:
    """Whether a file is an example by its name."""
    return _EXAMPLE.fullmatch(file.rpartition("/")[2]) is not None


def is_harmless(entry: Entry) -> bool:
    """Whether a value may stay plain in git: not called a secret, no credential, and of a kind that is none."""
    value = entry.value
    if is_secret_name(entry.name) or looks_like_credential(entry.name, value):
        return False
    if _HARMLESS_VALUE.fullmatch(value.strip()) or _LOCAL_URL.fullmatch(value):
        return True
    return _HARMLESS_NAME.fullmatch(entry.name) is not None and len(value) <= 64


def _sources(survey: Survey) -> Iterator[Source]:
    example = example_path(survey.root).name
    declared = {
        path.relative_to(survey.root).as_posix(): each.name
        for each in survey.project.environments.values()
        for path in each.baselines
        if path.is_relative_to(survey.root)
    }
    for name in (*survey.files, *_above(survey)):
        if not _ENV_LIKE.fullmatch(name) or _NO_ENV_FILE.fullmatch(name):
            continue
        if _OF_TESTS.fullmatch(name) and name not in declared:
            continue
        try:
            file = read_env_file(survey.root / name, label=name)
        except EnvtasksError:
            continue
        except OSError as error:  # to go on would take the project for one without these values
            raise EnvFileInvalid(f"{name} cannot be read: {error.strerror}.") from None
        encrypted = any(entry.encrypted or entry.name.startswith(PUBLIC_KEY) for entry in file.entries)
        environment = declared.get(name) or _environment(name)
        if name == example or is_example(name):
            kind, environment = "example" if name == example else "other", None
        elif environment is None:
            kind = "other"
        else:
            kind = "baseline" if encrypted or survey.uses(declared.get(name, "")) else "plain"
        yield Source(name, kind, environment, _is_tracked(survey, name), file)


def _is_tracked(survey: Survey, name: str) -> bool:
    """Whether git has a file, which may be above the project's folder."""
    if not name.startswith("../"):
        return name in survey.tracked
    return bool(git.output(survey.root, survey.process_env, "ls-files", "--", name))


def _above(survey: Survey) -> tuple[str, ...]:
    """The env files above the project's folder, in its repository, that its code names: `../.env`."""
    if survey.top is None:
        return ()
    depth = len(survey.root.relative_to(survey.top.resolve()).parts)
    names = ["../" * level + OVERRIDES for level in range(1, depth + 1)]
    texts = [survey.text(file) for file in survey.modules]
    return tuple(
        name
        for name in names
        if (survey.root / name).is_file()
        and any(re.search(rf"[\"']{re.escape(name)}[\"']", text) for text in texts)
    )


def _environment(file: str) -> str | None:
    """The environment that an env-like file belongs to, by its name or that of its folder."""
    parts = [part for part in file.split("/") if part != ".."]
    if len(parts) == 1:
        if parts[0] in (OVERRIDES, ".flaskenv"):
            return LOCAL
        name = file.removeprefix(".env.") if file.startswith(".env.") else file.removesuffix(".env")
        known = file.startswith(".env.") or name.lower() in _USUAL
        return name if known and ENVIRONMENT_NAME.fullmatch(name) and name not in NOT_ENVIRONMENTS else None
    if parts[0] == ".envs" and len(parts) == 3:
        name = parts[1].lstrip(".")
        return name if ENVIRONMENT_NAME.fullmatch(name) else None
    if len(parts) == 2 and parts[0] in (".envs", "env", "envs", "config", "conf", "deploy", "environments"):
        name = re.sub(r"^\.env\.|^\.|\.env$", "", parts[1])
        return name if name.lower() in _USUAL else None
    return None
