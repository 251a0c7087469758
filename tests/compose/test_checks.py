"""Files that no container may get: env files and key files of the project, and ciphertext."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from envtasks.compose.checks import refuse_env_files
from envtasks.compose.model import Model, read_sources
from envtasks.errors import ConfigInvalid

CIPHERTEXT = "encrypted:" + "BHG3348JisYS" * 12
WHY = "the project's env files are for envtasks, which gives each environment its own values."
INJECT = 'give it the variables by name: [tool.envtasks.compose] inject = ["app"], or NAME: ${NAME} under environment'


def check(root: Path, text: str) -> None:
    """Check a compose file of a project with the env files `.env`, `.env.production` and a key file."""
    project = [root / name for name in (".env", ".env.production", ".env.production.keys")]
    for path in project:
        path.write_text("A=1\n", encoding="utf-8")
    file = root / "compose.yaml"
    file.write_text(text, encoding="utf-8")
    sources = read_sources([file], {})
    model = Model(sources.tree, tuple(sources.tree["services"]), sources, root, root)
    refuse_env_files(model, project, {})


def refusal(root: Path, text: str) -> str:
    with pytest.raises(ConfigInvalid) as caught:
        check(root, text)
    assert caught.value.code == 2
    return str(caught.value)


def test_an_env_file_beside_an_included_file_is_refused(tmp_path: Path) -> None:
    """The message names the include and the `.env`; the hint is what mends it."""
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub/c.yaml").write_text("services: {}", encoding="utf-8")
    (tmp_path / "sub/.env").write_text("A=1", encoding="utf-8")
    assert refusal(tmp_path, "include:\n  - sub/c.yaml\n") == (
        "compose.yaml:2 includes sub/c.yaml, and compose would read sub/.env for it: values that no environment "
        "declares.\n  hint: move them into the .env.<name> files, or add `env_file: /dev/null` to this include"
    )


@pytest.mark.parametrize("name", [".env", ".env.production", ".env.production.keys", "sub/../.env", "link"])
def test_an_include_may_not_name_an_env_file_of_the_project(tmp_path: Path, name: str) -> None:
    """Neither one environment's file nor a key file reaches the stack of another, by whatever path."""
    (tmp_path / "sub").mkdir()
    (tmp_path / "c.yaml").write_text("services: {}", encoding="utf-8")
    if name == "link":
        if sys.platform == "win32":
            pytest.skip("links need a privilege on Windows")
        (tmp_path / name).symlink_to(tmp_path / ".env.production")
    message = refusal(tmp_path, f"include:\n  - {{path: c.yaml, env_file: {name}}}\n")
    assert message == (
        f"compose.yaml:2 includes c.yaml with env_file {name}: {WHY}\n"
        "  hint: take env_file out: the environment's values are there by name"
    )


def test_an_include_from_elsewhere_gets_none_either(tmp_path: Path) -> None:
    """Its env file is one of this folder, although what is included cannot be read here."""
    include = "{path: https://git.example.com/x.git, env_file: .env.production}"
    assert "with env_file .env.production: the project's env files" in refusal(
        tmp_path, f"include:\n  - {include}\n"
    )


def test_an_includes_own_env_file_may_not_be_encrypted(tmp_path: Path) -> None:
    """What compose would put into the containers as ciphertext is refused, with the line."""
    (tmp_path / "c.yaml").write_text("services: {}", encoding="utf-8")
    (tmp_path / "c.env").write_text(f"# A={CIPHERTEXT}\nB=1\nC=https://u:{CIPHERTEXT}@h\n", encoding="utf-8")
    assert refusal(tmp_path, "include: [{path: c.yaml, env_file: [c.env]}]\n").startswith(
        "compose.yaml:1 includes c.yaml with env_file c.env, and c.env:3 is encrypted: "
        "the container would get the ciphertext.\n"
    )


def test_a_service_may_not_name_an_env_file_of_the_project(tmp_path: Path) -> None:
    """The message has the line, the hint the setting that gives the service every variable by name."""
    assert refusal(tmp_path, "services:\n  app:\n    env_file: [{path: .env.production}]\n") == (
        f"compose.yaml:3: service app has env_file .env.production: {WHY}\n  hint: {INJECT}"
    )


@pytest.mark.parametrize(
    ("line", "wrong"),
    [
        ("B='encrypted:BabC'", "is encrypted: the container would get the ciphertext"),
        (f"B: {CIPHERTEXT}", "is encrypted: the container would get the ciphertext"),
        ("export DOTENV_PRIVATE_KEY_LOCAL=0123", "is a private key, which no container may have"),
        ("DOTENV_PRIVATE_KEY_MY-ENV=0123", "is a private key, which no container may have"),
    ],
)
@pytest.mark.parametrize("entry", ["app.env", "{path: app.env, format: raw}"])
def test_a_services_env_file_holds_no_ciphertext_and_no_key(
    tmp_path: Path, line: str, wrong: str, entry: str
) -> None:
    """Another env file than the project's is fine as long as it is plain."""
    (tmp_path / "app.env").write_text("A=1\n", encoding="utf-8")
    text = f"services:\n  app:\n    env_file: [{entry}]\n"
    check(tmp_path, text)
    (tmp_path / "app.env").write_text(f"A=1\n{line}\n", encoding="utf-8")
    expected = f"compose.yaml:3: service app has env_file app.env, and app.env:2 {wrong}.\n  hint: {INJECT}"
    assert refusal(tmp_path, text.replace("{path: app.env", "{path: app.env")).startswith(expected)


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("services: {app: {volumes: [{type: bind, source: FILE, target: /x}]}}", "service app"),
        ("services: {app: {secrets: [s]}}\nsecrets: {s: {file: FILE}}", "secret s"),
        ("services: {app: {configs: [c]}}\nconfigs: {c: {file: FILE}}", "config c"),
    ],
)
def test_an_env_file_of_the_project_is_not_mounted(tmp_path: Path, text: str, what: str) -> None:
    """Neither as a volume nor as a secret or config."""
    path = (tmp_path / ".env.production.keys").as_posix()
    assert f": {what} has the file .env.production.keys: {WHY}" in refusal(
        tmp_path, text.replace("FILE", path)
    )


@pytest.mark.parametrize(
    "entry", ['environment: {A: "TEXT"}', 'environment: ["A=x TEXT"]', "labels: {a: TEXT}"]
)
def test_a_ciphertext_in_the_compose_file_is_refused(tmp_path: Path, entry: str) -> None:
    """The container would get it as it is."""
    text = f"services:\n  app:\n    {entry.replace('TEXT', CIPHERTEXT)}\n"
    assert refusal(tmp_path, text).startswith(
        "compose.yaml:3: service app has a ciphertext, which the container"
    )
