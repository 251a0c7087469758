"""`[tool.envtasks.ci.services]`: what runs beside the job of a session, a database for example."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import TYPE_CHECKING, Final

from ..config import Table
from ..errors import ConfigInvalid, did_you_mean

if TYPE_CHECKING:
    from ..config import Project

_KEYS: Final = ("image", "ports", "health", "host", "variables", "secrets")
_NAME: Final = re.compile(r"[a-z][a-z0-9-]{0,62}")  # of a host
_VARIABLE: Final = r"[A-Za-z_][A-Za-z0-9_]*"
_SECRET: Final = re.compile(r"PASS(WORD|WD|PHRASE)?$|PWD?$|SECRET|TOKEN|KEY$|CREDENTIAL", re.IGNORECASE)
_USER_INFO: Final = re.compile(r"://[^/\s:@]*:[^/\s@]+@")
_SWITCHES: Final = ("yes", "no", "true", "false", "1", "0")  # MYSQL_ALLOW_EMPTY_PASSWORD is a switch
_POSTGRES_ACCESS: Final = {"POSTGRES_PASSWORD", "POSTGRES_HOST_AUTH_METHOD"}
# by the last part of the image's name. `-h` and `--connect`: while these images set up their data, the server
# listens on a socket alone, and a check of that would pass too early
_KNOWN: Final[Mapping[str, tuple[int, str]]] = {
    "postgres": (5432, "pg_isready -h localhost"),
    "postgis": (5432, "pg_isready -h localhost"),
    "mysql": (3306, "mysqladmin ping -h 127.0.0.1"),
    "mariadb": (3306, "healthcheck.sh --connect --innodb_initialized"),
    "redis": (6379, "redis-cli ping"),
    "valkey": (6379, "valkey-cli ping"),
    "rabbitmq": (5672, "rabbitmq-diagnostics -q ping"),
}


@dataclass(frozen=True, slots=True)
class Service:
    """One container beside a job.

    `secrets` are names whose values the platform's settings hold, `host` is the variable that tells the job where
    the service is: on GitHub that is localhost, on GitLab the service's name.
    """

    name: str
    image: str
    ports: tuple[int, ...]
    health: str = ""
    host: str = ""
    variables: Mapping[str, str] = field(default_factory=dict)
    secrets: tuple[str, ...] = ()


def read_services(project: Project, ci: Table, sessions: Collection[str]) -> dict[str, tuple[Service, ...]]:
    """The services of each session. Raises ConfigInvalid, also for a session that is not among these."""
    table = ci.table("services")
    found = {}
    for session in table.values:
        if session not in sessions:
            raise ConfigInvalid(
                f"pyproject.toml: [{table.name}] the pipeline has no session {session!r}"
                f"{did_you_mean(session, sessions)}",
                hint=f"sessions: {', '.join(sessions) or 'none'}",
            )
        own = table.table(session)
        found[session] = tuple(_service(project, own, name) for name in own.values)
        _refuse_equal_ports(own, found[session])
    return found


def _service(project: Project, services: Table, name: str) -> Service:
    if not _NAME.fullmatch(name):
        raise ConfigInvalid(
            f"pyproject.toml: [{services.name}] {name!r} cannot be a host's name: lower-case letters, digits and '-'."
        )
    short = isinstance(services.values[name], str)
    values = {"image": services.values[name]} if short else services.table(name).values
    table = Table(project.root, values, f"{services.name}.{name}")
    table.allow_only(*_KEYS)
    image = table.string("image", 'an image such as "postgres:17"', pattern=r"[\w.:/@-]+")
    if image is None:
        raise table.invalid("image", 'an image such as "postgres:17"')
    known = image.partition("@")[0].rpartition("/")[2].partition(":")[0]
    port, health = _KNOWN.get(known, (None, ""))
    secrets = table.strings("secrets", 'a list of variable names, such as ["POSTGRES_PASSWORD"]')
    return Service(
        name,
        image,
        ports=_ports(table, port),
        health=table.string("health", "a command that ends with 0 when the service is ready") or health,
        host=table.string("host", 'the name of a variable, such as "DB_HOST"', pattern=_VARIABLE) or "",
        variables=_variables(table, secrets, known),
        secrets=secrets,
    )


def _refuse_equal_ports(table: Table, services: Collection[Service]) -> None:
    owners: dict[int, str] = {}
    for port, name in [(port, each.name) for each in services for port in each.ports]:
        if owners.setdefault(port, name) != name:
            raise ConfigInvalid(
                f"pyproject.toml: [{table.name}] {owners[port]} and {name} both have port {port}: "
                f"on GitHub both would be localhost:{port}."
            )


def _ports(table: Table, known: int | None) -> tuple[int, ...]:
    expected = f"a list of port numbers of {table.values['image']}, such as [8080]"
    ports = table.values.get("ports", [known] if known else None)
    if not isinstance(ports, list) or not ports or not all(type(p) is int and 0 < p < 65536 for p in ports):
        raise table.invalid("ports", expected)
    return tuple(ports)


def _variables(table: Table, secrets: Collection[str], image: str) -> Mapping[str, str]:
    """The variables with their values; one that looks like a secret is refused."""
    values = dict(table.string_map("variables", "a table of strings, none empty"))
    for key, names in (("variables", values), ("secrets", secrets)):
        if not all(re.fullmatch(_VARIABLE, name) for name in names):
            raise table.invalid(key, "names of variables: letters, digits and '_'")
    for name, value in values.items():
        if (_SECRET.search(name) and value.lower() not in _SWITCHES) or _USER_INFO.search(value):
            raise ConfigInvalid(
                f"pyproject.toml: [{table.name}] variables has the value of {name}, which looks like a secret.",
                hint=f'in its place: secrets = ["{name}"], and the value in the settings of the CI platform',
            )
        if "$" in value:  # GitLab expands `$NAME`, GitHub `${{ … }}`
            raise table.invalid("variables", f"texts without '$', unlike that of {name}")
    if image in ("postgres", "postgis") and not _POSTGRES_ACCESS & {*values, *secrets}:
        # without it the image does not start; this one accepts whatever password the environment has
        values["POSTGRES_HOST_AUTH_METHOD"] = "trust"
    return MappingProxyType(values)
