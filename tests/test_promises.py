"""What the specification and CONTRIBUTING promise about this repository itself."""

from __future__ import annotations

import ast
import re
import tomllib
from pathlib import Path

import pytest
import yaml
from packaging.requirements import Requirement

from envtasks import hydrate
from envtasks.config import Project
from envtasks.envfiles import public_key, read_env_file

ROOT = Path(__file__).parents[1]
SOURCES = sorted((ROOT / "src" / "envtasks").rglob("*.py"))
TEXTS = {".py", ".md", ".toml", ".yaml", ".yml", ".html", ".css", ".sh", ".allowlist", ".cjs", ".json", ""}
READ_ENVIRON = {  # besides tasks/: entry points, NO_COLOR, a command outside an environment, and docker's client
    "__main__",
    "console",
    "docker/client",
    "invocation",
    "process/command",
    "process/runner",
    "sessions",
    "settings_class/child",  # a process of its own
}
ORDER = 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEBAAEDCE6AF48A03BBFD25E8CD0364141  # of secp256k1: keys are below it


def _tracked() -> list[Path]:
    skipped = {".git", ".venv", ".nox", "dist", "build", "__pycache__", ".hypothesis"}
    return [
        path
        for path in ROOT.rglob("*")
        if path.is_file()
        and not skipped & set(path.relative_to(ROOT).parts)
        and not path.name.startswith(".env")
    ]


def _names(name: str) -> list[str]:
    return [
        entry.name
        for entry in read_env_file(ROOT / name).entries
        if not entry.name.startswith(("DOTENV_PUBLIC_KEY", "DOTENV_PRIVATE_KEY"))
    ]


def test_example_covers_every_environment_and_the_allowlist() -> None:
    """.env.example names every variable of every env file and of the allowlist."""
    example = set(_names(".env.example"))
    allowed = {
        line.split("#")[0].split()[0]
        for line in (ROOT / "deploy/env.allowlist").read_text(encoding="utf-8").splitlines()
        if line.split("#")[0].strip()
    }

    missing = {name: set(_names(f".env.{name}")) - example for name in ("local", "staging", "production")}

    assert missing == {"local": set(), "staging": set(), "production": set()}
    assert {name for name in allowed if "*" not in name} - example == set()


def test_compose_holds_names_only() -> None:
    """Every environment value of docker/compose.yaml is a reference, none a literal of an env file."""
    stack = yaml.safe_load((ROOT / "docker/compose.yaml").read_text(encoding="utf-8"))
    secrets = {"PASSWORD", "SECRET", "TOKEN", "URL", "USER"}

    literal = [
        f"{service}.{name}"
        for service, table in stack["services"].items()
        for name, value in dict(table.get("environment") or {}).items()
        if value is not None and "$" not in str(value) and any(word in name for word in secrets)
    ]

    assert literal == []


@pytest.mark.parametrize("name", ["local", "staging"])
def test_no_file_repeats_a_secret(name: str) -> None:
    """A secret of an environment stands in its env file alone: no other file of the repository has it."""
    hydrated = hydrate(Project.load(ROOT).environment(name), {})
    values = [value.encode() for value in hydrated.secrets.values()]
    assert len(values) >= 5

    found = [path.name for path in _tracked() for value in values if value in path.read_bytes()]

    assert found == []


@pytest.mark.parametrize("name", ["local", "staging"])
def test_tracked_keys_are_marked_and_open_only_public_environments(name: str) -> None:
    """A key file in git says that it is a throwaway, and its environment is public."""
    text = (ROOT / f".env.{name}.keys").read_text(encoding="utf-8")

    assert "throwaway" in text
    assert Project.load(ROOT).environment(name).public


def test_no_key_of_production() -> None:
    """No file of the repository holds the private key of production."""
    public = next(
        entry.raw for entry in read_env_file(ROOT / ".env.production").entries if "PUBLIC" in entry.name
    )
    files = [*_tracked(), *ROOT.glob(".env*")]
    candidates = {word for path in files for word in re.findall(rb"\b[0-9a-f]{64}\b", path.read_bytes())}
    assert candidates  # those of local and staging are found

    opening = [
        word for word in candidates if 0 < int(word, 16) < ORDER and public_key(word.decode()) == public
    ]

    assert opening == []


def test_no_package_registry_is_named() -> None:
    """No file names the host of a package or image registry."""
    hosts = [
        f"{name}.{end}" for name, end in (("pypi", "org"), ("pythonhosted", "org"), ("registry.npmjs", "org"))
    ]

    found = [
        f"{path.relative_to(ROOT)}: {host}"
        for path in _tracked()
        if path.suffix in TEXTS and path.name != "uv.lock"
        for host in hosts
        if host.encode() in path.read_bytes()
    ]

    assert found == []


def test_modules_and_functions_stay_small() -> None:
    """No module over 400 lines, no function over 40 without its docstring."""
    large = []
    for path in SOURCES:
        text = path.read_text(encoding="utf-8")
        if text.count("\n") > 400:
            large.append(f"{path.name}: {text.count(chr(10))} lines")
        for node in ast.walk(ast.parse(text)):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                doc = ast.get_docstring(node, clean=False)
                size = (node.end_lineno or 0) - node.lineno + 1 - (doc.count("\n") + 1 if doc else 0)
                large += [f"{path.name}: {node.name} has {size} lines"] if size > 40 else []

    assert large == []


def test_few_modules_are_not_in_a_package() -> None:
    """At most 15, so that a reader sees at once what there is."""
    assert len([path for path in SOURCES if path.parent.name == "envtasks"]) <= 15


def test_only_entry_points_read_the_process_environment() -> None:
    """os.environ is read by entry points alone, and changed in one place, docker's client."""
    readers = {
        path.relative_to(ROOT / "src/envtasks").with_suffix("").as_posix()
        for path in SOURCES
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Attribute) and ast.unparse(node) in ("os.environ", "os.getenv")
    }

    assert {name for name in readers if not name.startswith("tasks/")} == READ_ENVIRON


def test_versions_that_projects_pin_are_allowed() -> None:
    """A project that pins pydantic-settings, cryptography or PyYAML at an older release can add envtasks."""
    table = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    listed = {each.name: each.specifier for each in map(Requirement, table["project"]["dependencies"])}

    pinned = {"pydantic-settings": "2.6.0", "cryptography": "42.0.0", "PyYAML": "6.0.1"}
    assert [name for name, version in pinned.items() if version not in listed[name]] == []
