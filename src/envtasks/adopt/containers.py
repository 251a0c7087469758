"""Plan the image, the stack and the manifests, where the answer is yes and none is there: docker/ and deploy/."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Final

from .. import inventory
from ..docker import is_credential_name
from . import file_names
from .entry import Entry, find_entry
from .plan import Draft
from .render import render
from .sources import LOCAL
from .survey import Survey

DOCKERFILE: Final = "docker/Dockerfile"
COMPOSE: Final = "docker/compose.yaml"
MANIFEST: Final = "deploy/app.yaml"
_DATABASE: Final = ("psycopg", "psycopg[binary]", "psycopg2", "psycopg2-binary", "asyncpg", "pg8000")
_PREFIXES: Final = ("DB", "POSTGRES", "DATABASE", "PG")
_PORTS: Final = {"FastAPI": 8000, "ASGI": 8000, "Django": 8000, "Flask": 5000}


@dataclass(frozen=True, slots=True)
class Image:
    """What a Dockerfile says of a project: the values of its template."""

    title: str
    variable: str
    dependencies: tuple[str, ...]
    install: str
    settings: Mapping[str, str]  # variables of the image itself
    sources: Mapping[str, str]  # what is copied, to where
    command: str  # as JSON
    python: str = "3.12"
    credentials: tuple[str, ...] = ()
    reload_group: str = ""
    port: int | None = None
    port_variable: str = ""
    health: str = ""


@dataclass(frozen=True, slots=True)
class Database:
    """The variables of a PostgreSQL server."""

    name: str
    user: str
    password: str
    host: str = ""


@dataclass(frozen=True, slots=True)
class StackFile:
    """What a compose file says of a project: the values of its template."""

    name: str
    parts: str
    variable: str
    environment: tuple[tuple[str, Mapping[str, str]], ...]
    credentials: tuple[str, ...] = ()
    reload: Mapping[str, str] = field(default_factory=dict)
    port: int | None = None
    published: str = ""
    database: Database | None = None
    cache: Mapping[str, str] = field(default_factory=dict)


def dockerfile(image: Image) -> str:
    """The text of docker/Dockerfile."""
    return render("Dockerfile.j2", **asdict(image))


def compose_file(stack: StackFile) -> str:
    """The text of docker/compose.yaml."""
    return render("compose.yaml.j2", **asdict(stack))


def manifest(**values: Any) -> str:
    """The text of deploy/app.yaml: `name`, `title`, `environment`, `port`, `health`, `required`."""
    return render("app.yaml.j2", **values)


def plan_containers(draft: Draft) -> None:
    """Write Dockerfile, compose file and manifests where the project has none and the answers are yes."""
    entry = find_entry(draft.survey)
    own = draft.survey.named(rf"(?:[^/]+/)?(?:Dockerfile|Containerfile)|{file_names.COMPOSE}")
    if own:
        draft.keep(own[0], "the project's own")
    taken = draft.survey.discovers_packages  # which a folder docker would break
    if entry is None or own or taken or not draft.answers.yes("docker", default=False):
        return
    image = _image(draft, entry)
    draft.write(DOCKERFILE, dockerfile(image), what="an image", why="as the answer says")
    draft.write(
        COMPOSE, compose_file(_stack(draft, image)), what="a stack for local", why="as the answer says"
    )
    if not draft.text(".dockerignore"):
        draft.write(
            ".dockerignore", render("dockerignore.j2"), what="env files and keys", why="they stay outside"
        )


def plan_manifests(draft: Draft) -> None:
    """Write the manifests of a service for Kubernetes where the answer is yes."""
    entry = find_entry(draft.survey)
    port = _PORTS.get(entry.framework) if entry else None
    if port is None or draft.survey.discovers_packages or draft.text(MANIFEST):
        return
    if not draft.answers.yes("deploy", default=False):
        return
    name = _name(draft)
    environments = [each for each in draft.project.environments if each != LOCAL]
    text = manifest(
        name=name,
        title=f"service {name}",
        environment=(environments or [LOCAL])[0],
        port=port,
        health="",
        required="",
    )
    draft.write(MANIFEST, text, what="a Deployment and a Service", why="as the answer says")


def _name(draft: Draft) -> str:
    return re.sub(r"[^a-z0-9]+", "-", draft.project.name.lower()).strip("-") or "app"


def _variables(draft: Draft) -> dict[str, inventory.Declaration]:
    project = draft.project
    return inventory.read(project.environments[LOCAL]).variables if LOCAL in project.environments else {}


def _image(draft: Draft, entry: Entry) -> Image:
    survey = draft.survey
    files, install = _installation(survey)
    port = _PORTS.get(entry.framework)
    return Image(
        title=f"service {draft.project.name}",
        variable=draft.project.environment_variable,
        dependencies=files,
        install=install,
        settings={draft.project.environment_variable: f"${{{draft.project.environment_variable}}}"},
        sources=_sources(survey),
        command=json.dumps(_command(survey, entry, port)),
        credentials=tuple(name for name in _variables(draft) if is_credential_name(name)),
        port=port,
    )


def _installation(survey: Survey) -> tuple[tuple[str, ...], str]:
    """The files that the dependencies are in, and the command that installs them into /opt/venv."""
    if survey.manager == "uv":
        return ("pyproject.toml", "uv.loc[k]"), "uv sync --no-install-project --no-dev"
    file = "pyproject.toml" if "project" in survey.pyproject else "requirements.txt"
    base = survey.named(r"requirements/(?:production|prod|base)\.txt")
    if file not in survey.files and base:
        return tuple(
            survey.named(r"requirements/.*\.txt")
        ), f"uv venv /opt/venv && uv pip install -p /opt/venv -r {base[0]}"
    return (file,), f"uv venv /opt/venv && uv pip install -p /opt/venv -r {file}"


def _sources(survey: Survey) -> dict[str, str]:
    """What the image has of the project: its packages and modules, without tests and tools."""
    found = {}
    for name in survey.named(r".*\.py"):
        parts = name.split("/")
        if parts[0] in ("tests", "test", "docs") or name in (
            "tasks.py",
            "noxfile.py",
            "setup.py",
            "conftest.py",
        ):
            continue
        if parts[0] == "src" and len(parts) > 2:
            found[f"src/{parts[1]}"] = f"./{parts[1]}"
        elif len(parts) > 1:
            found[parts[0]] = f"./{parts[0]}"
        elif not re.fullmatch(r"test_.*|.*_test\.py", name):
            found[name] = "./"
    return found


def _command(survey: Survey, entry: Entry, port: int | None) -> list[str]:
    """The entry point as the image runs it: on all addresses, without what helps while developing."""
    words = [word for word in entry.argv if word != "--reload"]
    scripts = survey.pyproject.get("project", {}).get("scripts", {})
    if len(words) == 1 and words[0] in scripts:  # the project itself is not installed in the image
        module, _, function = str(scripts[words[0]]).partition(":")
        return ["python", "-c", f"import sys; from {module} import {function} as main; sys.exit(main())"]
    if entry.framework == "Django":
        return [*words, f"0.0.0.0:{port}"]
    if entry.framework in _PORTS:
        return [*words, "--host", "0.0.0.0"]  # noqa: S104 - inside a container
    return words


def _stack(draft: Draft, image: Image) -> StackFile:
    variables = _variables(draft)
    database = _database(draft.survey, variables)
    given = {
        name: f'"${{{name}}}"'
        for name in variables
        if name != image.variable
        and not is_credential_name(name)
        and (database is None or name != database.host)
    }
    groups = [("", {image.variable: f'"${{{image.variable}}}"', **given})]
    if database and database.host:
        groups.append(
            (
                "the server of this stack, whatever the environment has outside of containers",
                {database.host: "db"},
            )
        )
    return StackFile(
        name=_name(draft),
        parts="the service" + (" and PostgreSQL" if database else ""),
        variable=image.variable,
        environment=tuple(groups),
        credentials=image.credentials,
        port=image.port,
        published=str(image.port),
        database=database,
    )


def _database(survey: Survey, variables: Mapping[str, inventory.Declaration]) -> Database | None:
    if not survey.depends_on(*_DATABASE):
        return None
    for prefix in _PREFIXES:
        name = next((each for each in (f"{prefix}_DB", f"{prefix}_NAME") if each in variables), None)
        user, password, host = (f"{prefix}_{each}" for each in ("USER", "PASSWORD", "HOST"))
        if name and user in variables and password in variables:
            return Database(name, user, password, host if host in variables else "")
    return None
