"""The compose files: the services that a call starts, and file and line of every reference."""

from __future__ import annotations

import textwrap
from pathlib import Path
from typing import Any

import pytest

from envtasks.compose.model import Model, Sources, active_services, read_sources
from envtasks.errors import ConfigInvalid


def write(root: Path, name: str, text: str) -> Path:
    path = root / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(textwrap.dedent(text).lstrip("\n"), encoding="utf-8")
    return path


def places(sources: Sources, root: Path, name: str, text: str, service: str | None = None) -> list[str]:
    found = sources.places(name, text, ("services", service or ""))
    return [f"{file.relative_to(root).as_posix()}:{line}" for file, line in found]


def test_a_reference_is_found_at_its_own_line(tmp_path: Path) -> None:
    """In mappings, lists, anchors, folded and literal texts alike, the line is the one that has the name."""
    file = write(
        tmp_path,
        "compose.yaml",
        """
        x-shared: &shared
          A: "${A}"
        services:
          app:
            image: "app:${TAG:-1}"
            environment:
              <<: *shared
              B: '$B'
            command: >
              run
              --with ${C}
              --and ${D:-${E}}
            labels: ["one=${F}",
                     "two=${G}"]
        """,
    )
    sources = read_sources([file], {})
    command = "run --with ${C} --and ${D:-${E}}\n"
    assert places(sources, tmp_path, "A", "A=${A}", "app") == ["compose.yaml:2"]
    assert places(sources, tmp_path, "B", "B=$B", "app") == ["compose.yaml:8"]
    assert places(sources, tmp_path, "C", command, "app") == ["compose.yaml:11"]
    assert places(sources, tmp_path, "E", command, "app") == ["compose.yaml:12"]
    assert places(sources, tmp_path, "G", "two=${G}", "app") == ["compose.yaml:14"]


def test_the_same_text_in_two_services_is_located_by_service(tmp_path: Path) -> None:
    """The same `${NAME}` in two services is located in the one that is asked for."""
    file = write(
        tmp_path,
        "compose.yaml",
        """
        services:
          one:
            environment: {A: "${A}"}
          two:
            environment: {A: "${A}"}
        """,
    )
    assert places(read_sources([file], {}), tmp_path, "A", "A=${A}", "two") == ["compose.yaml:5"]


def test_includes_and_extends_are_followed(tmp_path: Path) -> None:
    """What comes from an included file, a base in another file or a base of a base is located there."""
    write(tmp_path, "sub/included.yaml", 'services:\n  db:\n    image: "db:${IN_INCLUDED}"\n')
    write(tmp_path, "sub/listed.yaml", 'services:\n  mail:\n    image: "${IN_LISTED}"\n')
    write(
        tmp_path,
        "base/base.yaml",
        """
        services:
          base:
            extends: deeper
            image: "${IN_BASE}"
          deeper:
            hostname: "${IN_DEEPER}"
        """,
    )
    file = write(
        tmp_path,
        "compose.yaml",
        """
        include:
          - sub/included.yaml
          - path: [sub/listed.yaml]
        services:
          app:
            extends: {file: base/base.yaml, service: base}
        """,
    )
    sources = read_sources([file], {})
    found = {
        name: places(
            sources, tmp_path, name, f"${{{name}}}" if name != "IN_INCLUDED" else "db:${IN_INCLUDED}", service
        )
        for name, service in [
            ("IN_INCLUDED", "db"),
            ("IN_LISTED", "mail"),
            ("IN_BASE", "app"),
            ("IN_DEEPER", "app"),
        ]
    }
    assert found == {
        "IN_INCLUDED": ["sub/included.yaml:3"],
        "IN_LISTED": ["sub/listed.yaml:3"],
        "IN_BASE": ["base/base.yaml:4"],
        "IN_DEEPER": ["base/base.yaml:6"],
    }
    assert sources.computed is False


def test_a_path_with_a_variable_is_followed_by_its_value(tmp_path: Path) -> None:
    """Such a path counts as computed, and the merged files stand in for compose's own model."""
    write(tmp_path, "eu/included.yaml", 'services:\n  db:\n    image: "${IN_INCLUDED}"\n')
    write(tmp_path, "base.yaml", 'services:\n  base:\n    image: "${IMAGE}"\n    user: base\n')
    file = write(
        tmp_path,
        "compose.yaml",
        """
        include: ["${REGION}/included.yaml"]
        services:
          app:
            extends: {file: "${BASE:-base.yaml}", service: base}
            user: own
            environment: {A: "1"}
        """,
    )
    override = write(tmp_path, "override.yaml", 'services:\n  app:\n    environment: {B: "${B}"}\n')
    sources = read_sources([file, override], {"REGION": "eu"})
    assert sources.computed is True
    assert sources.tree["services"] == {
        "db": {"image": "${IN_INCLUDED}"},
        "app": {
            "extends": {"file": "${BASE:-base.yaml}", "service": "base"},
            "user": "own",
            "environment": {"A": "1", "B": "${B}"},
            "image": "${IMAGE}",
        },
    }


@pytest.mark.parametrize(
    ("include", "expected"),
    [
        ("sub/c.yaml", "sub/.env"),
        ("{path: sub/c.yaml, env_file: []}", "sub/.env"),
        ("{path: sub/c.yaml, project_directory: .}", ".env"),
        ("{path: sub/c.yaml, project_directory: other}", None),
        ("{path: sub/c.yaml, env_file: /dev/null}", None),
        ("{path: sub/c.yaml, env_file: [own.env]}", None),
    ],
)
def test_the_env_file_that_compose_reads_implicitly(
    tmp_path: Path, include: str, expected: str | None
) -> None:
    """It is the `.env` of the include's project directory, unless the include names an env file itself."""
    write(tmp_path, "sub/c.yaml", "services: {}\n")
    for folder in ("", "sub/"):
        write(tmp_path, f"{folder}.env", "A=1\n")
    file = write(tmp_path, "compose.yaml", f"include:\n  - {include}\n")
    (found,) = read_sources([file], {}).includes
    assert found.implicit_env_file == (tmp_path / expected if expected else None)
    assert found.line == 2


def test_two_files_that_include_each_other_end(tmp_path: Path) -> None:
    """A cycle, which compose itself will refuse, does not hang the search for lines."""
    write(tmp_path, "b.yaml", "include: [a.yaml]\nservices: {b: {extends: {file: a.yaml, service: a}}}\n")
    file = write(
        tmp_path,
        "a.yaml",
        'include: [b.yaml]\nservices: {a: {image: "${A}", extends: {file: b.yaml, service: b}}}\n',
    )
    assert places(read_sources([file], {}), tmp_path, "A", "${A}", "a") == ["a.yaml:2"]


@pytest.mark.parametrize("text", ["", "services: [", "- a\n", "services:\n  app:\n", "\udcff"])
def test_a_file_that_is_no_stack_has_no_texts(tmp_path: Path, text: str) -> None:
    """Compose itself reports broken or odd files; here they have no texts."""
    file = tmp_path / "compose.yaml"
    file.write_bytes(text.encode("utf-8", "surrogateescape"))
    assert read_sources([file], {}).occurrences == ()


def test_a_file_that_grows_beyond_reason_is_refused(tmp_path: Path) -> None:
    """Compose itself would take minutes over such aliases, so it is not asked."""
    levels = "".join(f"x{n}: &x{n} [{', '.join([f'*x{n - 1}'] * 9)}]\n" for n in range(1, 9))
    file = tmp_path / "compose.yaml"
    file.write_text(f"x0: &x0 [x]\n{levels}services: {{}}\n", encoding="utf-8")
    with pytest.raises(ConfigInvalid, match=r"^compose\.yaml:\d+: this YAML is too large"):
        read_sources([file], {})


TREE: dict[str, Any] = {
    "services": {
        "app": {"depends_on": {"db": {"condition": "service_healthy"}}},
        "db": {},
        "tools": {"profiles": ["tools"], "network_mode": "service:proxy"},
        "proxy": {"profiles": ["edge", "tools"]},
        "mail": {"links": ["app:web"], "volumes_from": ["db:ro", "container:other"]},
    }
}


@pytest.mark.parametrize(
    ("services", "profiles", "expected"),
    [
        ([], [], ["app", "db", "mail"]),
        ([], ["edge"], ["app", "db", "proxy", "mail"]),
        ([], ["*"], ["app", "db", "tools", "proxy", "mail"]),
        (["db"], [], ["db"]),
        (["app"], [], ["app", "db"]),
        (["tools"], [], ["tools", "proxy"]),
        (["mail"], [], ["app", "db", "mail"]),
    ],
)
def test_active_services(services: list[str], profiles: list[str], expected: list[str]) -> None:
    """Named services come with what they depend on, in whatever way; without names, all that profiles enable."""
    assert list(active_services(TREE, services, profiles)) == expected


def test_a_service_that_the_stack_does_not_have() -> None:
    """The message names it and the nearest one; the hint lists all."""
    with pytest.raises(ConfigInvalid) as caught:
        active_services(TREE, ["db", "apps"], [])
    assert str(caught.value) == (
        "The stack has no service 'apps': did you mean app?\n  hint: services: app, db, tools, proxy, mail"
    )


def model(service: dict[str, Any], root: Path = Path("/project")) -> Model:
    return Model({"services": {"app": service}}, ("app",), read_sources([], {}), root, root)


@pytest.mark.parametrize(
    ("service", "expected"),
    [
        ({}, False),
        ({"restart": "no"}, False),
        ({"restart": "on-failure"}, False),
        ({"restart": "always"}, True),
        ({"ports": ["80:80"]}, True),
        ({"healthcheck": {"test": "true"}}, True),
        ({"healthcheck": {"disable": True}}, False),
    ],
)
def test_a_service_that_must_stay_up(service: dict[str, Any], expected: bool) -> None:
    """A service with a port, a health check or a restart policy may not simply finish."""
    assert model(service).must_stay_up("app") is expected


def test_a_path_outside_of_the_project_is_shown_whole(tmp_path: Path) -> None:
    """A label is relative to the project where it can be."""
    found = model({}, tmp_path)
    assert found.label(tmp_path / "a/b") == "a/b"
    assert found.label(tmp_path.parent / "y") == (tmp_path.parent / "y").as_posix()
