"""Env-like files: which are there, to which environment each belongs, and which of their values are harmless."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from typing import Final

from .. import git
from ..check import example_path, is_secret_name, looks_like_credential
from ..config import ENVIRONMENT_NAME, NOT_ENVIRONMENTS, OVERRIDES
from ..envfiles import PRIVATE_KEY, PUBLIC_KEY, Entry, EnvFile, read_env_file
from ..errors import EnvFileInvalid, EnvtasksError
from .compose_readers import files_of_services
from .file_names import is_env_file, is_example
from .survey import Survey

LOCAL: Final = "local"
_OF_TESTS: Final = re.compile(r"(?:.*/)?(?:tests?|fixtures|testdata|examples?|docs|templates)/.*")
_USUAL: Final = re.compile(
    r"local|dev|development|test|testing|ci|staging|stage|qa|uat|preview|sandbox|prod|production|live",
    re.IGNORECASE,
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
    r"|sqlite:///[\w./-]*"
)


@dataclass(frozen=True, slots=True)
class Source:
    """An env-like file of the project: the environment it belongs to, and whether git has it.

    `kind`: `plain`, `baseline` (in use already), `example`, `service`, whose values compose gives single services and
    which belongs to no environment, or `other`, which nobody can map.
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
    no_environments = {each.file for each in sources if each.kind == "service"}
    declared = [each for each in survey.project.environments if baseline_name(each) not in no_environments]
    return tuple(dict.fromkeys([*declared, *filter(None, (each.environment for each in sources))]))


def is_harmless(entry: Entry) -> bool:
    """Whether a value may stay plain in git: not called a secret, no credential, and of a kind that is none."""
    value = entry.value
    if is_secret_name(entry.name) or looks_like_credential(entry.name, value):
        return False
    if _HARMLESS_VALUE.fullmatch(value.strip()) or _LOCAL_URL.fullmatch(value):
        return True
    return _HARMLESS_NAME.fullmatch(entry.name) is not None and len(value) <= 64


def _sources(survey: Survey) -> Iterator[Source]:
    declared = {
        path.relative_to(survey.root).as_posix(): each.name
        for each in survey.project.environments.values()
        for path in each.baselines
        if path.is_relative_to(survey.root)
    }
    example, services = example_path(survey.root).name, files_of_services(survey)
    for name in (*survey.files, *_above(survey)):
        known = name == example or is_env_file(name)
        if not known or (_OF_TESTS.fullmatch(name) and name not in declared):
            continue
        try:
            file = read_env_file(survey.root / name, label=name)
        except EnvtasksError:
            continue
        except OSError as error:  # to go on would take the project for one without these values
            raise EnvFileInvalid(f"{name} cannot be read: {error.strerror}.") from None
        environment = declared.get(name) or _environment(name)
        if name == example:
            kind = "example"
        elif is_example(name):
            kind = "other"
        else:
            kind = _kind(survey, file, environment, services.get(name, frozenset()))
        if kind not in ("plain", "baseline"):
            environment = None
        yield Source(name, kind, environment, _is_tracked(survey, name), file)


def _kind(survey: Survey, file: EnvFile, environment: str | None, services: Collection[str]) -> str:
    """The kind of a file that is no example; `services`: those that compose gives it to."""
    if environment and survey.uses(environment):
        return "baseline"
    if any(entry.encrypted or entry.name.startswith(PUBLIC_KEY) for entry in file.entries):
        return "baseline" if environment else "other"
    own = environment in services or not _USUAL.fullmatch(environment or "")
    if services and own and environment != LOCAL:
        return "service"
    return "plain" if environment else "other"


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
        known = file.startswith(".env.") or _USUAL.fullmatch(name)
        return name if known and ENVIRONMENT_NAME.fullmatch(name) and name not in NOT_ENVIRONMENTS else None
    if parts[0] == ".envs" and len(parts) == 3:
        name = parts[1].lstrip(".")
        return name if ENVIRONMENT_NAME.fullmatch(name) else None
    if len(parts) == 2 and parts[0] in (".envs", "env", "envs", "config", "conf", "deploy", "environments"):
        name = re.sub(r"^\.env\.|^\.|\.env$", "", parts[1])
        return name if _USUAL.fullmatch(name) else None
    return None
