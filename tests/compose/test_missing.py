"""One message with every missing name, and the refusal of env files that nobody asked for."""

from __future__ import annotations

from pathlib import Path

import pytest

from envtasks.compose import files as compose_files
from envtasks.compose import missing
from envtasks.errors import ConfigInvalid, VariableMissing


def check(root: Path, text: str, **values: str) -> None:
    file = root / "compose.yaml"
    file.write_text(text, encoding="utf-8")
    sources = compose_files.read([file], values)
    services = list(sources.tree["services"])
    missing.check(sources.tree, sources, services, values, environment="local", root=root, base=root)


def test_every_missing_name_is_told_at_once(tmp_path: Path) -> None:
    """Each with all its places in order, an empty one marked, an env file's by its own line; exit code 5."""
    (tmp_path / "app.env").write_text("A=1\nB=${IN_ENV_FILE}\n", encoding="utf-8")
    with pytest.raises(VariableMissing) as caught:
        check(
            tmp_path,
            "services:\n"
            "  app:\n"
            '    image: "${IMAGE}:${TAG}"\n'
            "    env_file: app.env\n"
            '    environment: {A: "${EMPTY:?}", B: "${THERE}"}\n'
            "  job:\n"
            '    image: "${IMAGE}"\n'
            "    secrets: [token]\n"
            "secrets:\n"
            "  token:\n"
            "    environment: TOKEN\n",
            EMPTY="",
            THERE="1",
        )
    assert str(caught.value) == (
        "Environment local lacks 5 variables that the stack needs:\n"
        "    IN_ENV_FILE  app.env:2\n"
        "    IMAGE  compose.yaml:3, compose.yaml:7\n"
        "    TAG  compose.yaml:3\n"
        "    EMPTY (empty)  compose.yaml:5\n"
        "    TOKEN  compose.yaml:11\n"
        "  hint: add it to an env file of local, or say that unset is meant: ${IN_ENV_FILE:-}"
    )
    assert caught.value.code == 5


def test_nothing_is_missing(tmp_path: Path) -> None:
    """Values, defaults and escaped dollars satisfy a stack."""
    check(tmp_path, 'services: {app: {image: "${A}${B:-}${C-x} $$D"}}', A="")


def test_an_env_file_beside_an_included_file_is_refused(tmp_path: Path) -> None:
    """The message says which include, which `.env`, and what mends it."""
    for name, text in {
        "sub/c.yaml": "services: {}",
        "sub/.env": "A=1",
        "compose.yaml": "include:\n  - sub/c.yaml\n",
    }.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text, encoding="utf-8")
    with pytest.raises(ConfigInvalid) as caught:
        missing.refuse_unasked(compose_files.read([tmp_path / "compose.yaml"], {}), tmp_path)
    assert str(caught.value) == (
        "compose.yaml:2 includes sub/c.yaml, and compose would read sub/.env for it: values that no environment "
        "declares.\n  hint: move them into the .env.<name> files, or add `env_file: /dev/null` to this include"
    )


def test_a_path_outside_of_the_project_is_shown_whole(tmp_path: Path) -> None:
    """A label is relative to the project where it can be."""
    assert missing.label(tmp_path / "a/b", tmp_path) == "a/b"
    assert missing.label(Path("/x/y"), tmp_path) == "/x/y"
