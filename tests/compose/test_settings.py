"""`[tool.envtasks.compose]`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from envtasks.compose.settings import ComposeSettings, existing_files, read_settings, stack_names
from envtasks.config import Project
from envtasks.errors import ConfigInvalid
from envtasks.hydration import hydrate


def project(root: Path, **table: Any) -> Project:
    return Project(root=root, name="My Shop", environments={}, tables={"compose": table})


def test_the_defaults(tmp_path: Path) -> None:
    """Without a table: no profiles, a timeout of five minutes, the project's name, and no file if there is none."""
    found = read_settings(project(tmp_path))
    assert found == ComposeSettings(files=(), project="My Shop", profiles=(), timeout=300)


@pytest.mark.parametrize(
    ("present", "expected"),
    [
        (["compose.yaml", "docker/compose.yaml"], ["docker/compose.yaml"]),
        (["docker-compose.yaml", "docker-compose.yml"], ["docker-compose.yml"]),
        (["docker-compose.yml", "compose.yml"], ["compose.yml"]),
        (["compose.yml", "compose.yaml"], ["compose.yaml"]),
        (["docker/docker-compose.yml"], ["docker/docker-compose.yml"]),
        (["docker/compose.yaml", "compose.override.yaml"], ["docker/compose.yaml"]),
        (
            ["docker/compose.yaml", "docker/compose.override.yaml"],
            ["docker/compose.yaml", "docker/compose.override.yaml"],
        ),
        (["compose.yaml", "docker-compose.override.yml"], ["compose.yaml", "docker-compose.override.yml"]),
        (
            ["docker-compose.yml", "docker-compose.override.yaml", "compose.override.yml"],
            ["docker-compose.yml", "compose.override.yml"],
        ),
        (
            ["compose.yaml", "compose.override.yaml", "compose.override.yml"],
            ["compose.yaml", "compose.override.yml"],
        ),
    ],
)
def test_the_usual_files_are_found(tmp_path: Path, present: list[str], expected: list[str]) -> None:
    """docker/ comes before the root; in each compose's own names in its order, with the first override beside them."""
    for name in present:
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    assert read_settings(project(tmp_path)).files == tuple(tmp_path / name for name in expected)


def test_declared_files_are_taken_as_they_are(tmp_path: Path) -> None:
    """One name or a list of names; the override file is then the user's own business."""
    (tmp_path / "a.override.yaml").touch()
    assert read_settings(project(tmp_path, files="a.yaml")).files == (tmp_path / "a.yaml",)
    both = read_settings(project(tmp_path, files=["a.yaml", "b.yaml"])).files
    assert both == (tmp_path / "a.yaml", tmp_path / "b.yaml")


@pytest.mark.parametrize(
    ("table", "message"),
    [
        ({"file": "a"}, "pyproject.toml: [tool.envtasks.compose] has no key 'file': did you mean files?"),
        (
            {"files": [1]},
            "pyproject.toml: [tool.envtasks.compose] files must be a file name or a list of file names.",
        ),
        (
            {"profiles": {}},
            "pyproject.toml: [tool.envtasks.compose] profiles must be a list of profile names.",
        ),
        ({"project": 1}, "pyproject.toml: [tool.envtasks.compose] project must be a name such as 'my-shop'."),
        (
            {"timeout": True},
            "pyproject.toml: [tool.envtasks.compose] timeout must be a number of seconds, for example 300.",
        ),
        (
            {"timeout": 0},
            "pyproject.toml: [tool.envtasks.compose] timeout must be a number of seconds, for example 300.",
        ),
    ],
)
def test_a_wrong_table(tmp_path: Path, table: dict[str, Any], message: str) -> None:
    """The message names the table, the key and what was expected."""
    with pytest.raises(ConfigInvalid) as caught:
        read_settings(project(tmp_path, **table))
    assert caught.value.message == message


def test_files_that_do_not_exist_are_an_error_when_they_are_needed(tmp_path: Path) -> None:
    """Reading the table needs no file, so that `down` works without; what needs one names the absent one."""
    settings = read_settings(project(tmp_path, files="docker/gone.yaml"))
    with pytest.raises(ConfigInvalid, match=r"files names 'gone\.yaml', which does not exist\."):
        existing_files(settings, tmp_path)
    with pytest.raises(ConfigInvalid, match="There is no compose file in"):
        existing_files(read_settings(project(tmp_path)), tmp_path)


@pytest.mark.parametrize(
    ("name", "environment", "expected"),
    [
        ("shop", "local", "shop-local"),
        ("My Shop.io", "EU_1", "my-shop-io-eu_1"),
        ("-ä-", "x", "x"),
        ("ä", "ö", "project"),
    ],
)
def test_every_environment_has_a_project_of_its_own(name: str, environment: str, expected: str) -> None:
    """`<project>-<environment>`, in the letters that compose takes."""
    settings = ComposeSettings(files=(), project=name)
    assert settings.project_for(environment) == expected


def names(root: Path, *, secret: str = "", **files: str) -> dict[str, str]:
    """The compose project of each environment, `local` being hydrated; the files' names without `.env.`."""
    for name, text in files.items():
        (root / (".env" if name == "overrides" else f".env.{name}")).write_text(text, encoding="utf-8")
    found = Project.load(root)
    local = hydrate(found.environment("local"), {}, secret_names=[secret])
    return stack_names(found, local, ComposeSettings(files=(), project="shop"))


NAME = "COMPOSE_PROJECT_NAME"


@pytest.mark.parametrize(
    ("files", "expected"),
    [
        ({"local": "A=1", "dev": "A=1"}, {"local": "shop-local", "dev": "shop-dev"}),
        ({"local": f"{NAME}=Mine", "dev": "A=1"}, {"local": "mine", "dev": "shop-dev"}),
        ({"local": f"{NAME}=a", "dev": f"{NAME}=b"}, {"local": "a", "dev": "b"}),
        ({"local": f"{NAME}=a", "dev": f"{NAME}=a"}, {"local": "a-local", "dev": "a-dev"}),
        ({"overrides": f"{NAME}=a", "local": "A=1"}, {"local": "a"}),
        (
            {"overrides": f"{NAME}=a", "local": "A=1", "dev": "A=1", "staging": "A=1"},
            {"local": "a-local", "dev": "a-dev", "staging": "shop-staging"},
        ),
        ({"local": f"{NAME}=shop-dev", "dev": "A=1"}, {"local": "shop-dev-local", "dev": "shop-dev"}),
        ({"local": f"{NAME}=a", "dev": f"{NAME}=encrypted:BA"}, {"local": "a-local", "dev": "shop-dev"}),
        ({"local": f"{NAME}=", "dev": "A=1"}, {"local": "shop-local", "dev": "shop-dev"}),
    ],
)
def test_the_name_of_an_env_file_is_used_where_it_is_its_own(
    tmp_path: Path, files: dict[str, str], expected: dict[str, str]
) -> None:
    """COMPOSE_PROJECT_NAME is the stack's name; two environments never share one, and so never share data."""
    assert names(tmp_path, **files) == expected


def test_a_secret_name_stays_off_command_lines(tmp_path: Path) -> None:
    """The stack has its usual name then."""
    assert names(tmp_path, secret=NAME, local=f"{NAME}=a") == {"local": "shop-local"}
