"""An environment is made: key pair, env file, .gitignore and pyproject.toml."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from envtasks.authoring import Creation, find_target, new_environment
from envtasks.config import Project
from envtasks.errors import ConfigInvalid, EnvFileInvalid, Refused
from envtasks.hydration import hydrate
from tests.authoring.files import HEADER
from tests.dotenv_files import PRIVATE, encrypted

EXAMPLE = (
    '# the service\nAPP_ENV=local  # name\nDB_HOST=localhost\nDB_PASSWORD=change-me\nURL="db://${DB_HOST}"\n'
)


@pytest.fixture
def shop(tmp_path: Path) -> Path:
    """A project with a .env.example, and staging, whose file dotenvx wrote."""
    (tmp_path / "pyproject.toml").write_text('[project]\nname = "shop"\n', encoding="utf-8")
    (tmp_path / ".env.example").write_text(EXAMPLE, encoding="utf-8")
    dotenvx = f"#/--[DOTENV_PUBLIC_KEY]--/\n{HEADER}\n# .env.staging\nAPP_ENV=staging\nDB_HOST=db.staging\n"
    text = f'{dotenvx}DB_PASSWORD="{encrypted("s3cr3t")}"  # secret\nOTHER=1\nOTHER=2\n'
    (tmp_path / ".env.staging").write_text(text, encoding="utf-8")
    (tmp_path / ".env.keys").write_text(f"DOTENV_PRIVATE_KEY_STAGING={PRIVATE}\n", encoding="utf-8")
    (tmp_path / ".env.keys").chmod(0o600)
    return tmp_path


def made(
    folder: Path,
    name: str,
    source: str = "",
    *,
    answer: Callable[[str, bool, str], str] | None = None,
    dry: bool = False,
) -> Creation:
    project = Project.load(folder)
    return new_environment(
        project,
        find_target(project.future_environment(name), {"PATH": os.environ["PATH"]}, dry=dry),
        source=project.environment(source) if source else None,
        answer=answer,
        secret_names=("DB_PASSWORD",),
    )


def text_of(folder: Path, name: str) -> str:
    return (folder / name).read_text(encoding="utf-8")


@pytest.mark.parametrize("name", ["QA", "qa"])
def test_a_key_that_is_there_already_is_said(shop: Path, name: str) -> None:
    """Names that differ in case share a key, as in dotenvx, and so do files made anew: whoever has it reads both."""
    first = made(shop, "qa")
    assert "made a key pair: DOTENV_PRIVATE_KEY_QA is in .env.keys" in first.notes[0]
    (shop / ".env.qa").rename(shop / ".env.gone")
    notes = made(shop, name).notes
    assert notes[0] == (
        f"no key was made for .env.{name}: DOTENV_PRIVATE_KEY_QA in .env.keys is there already, "
        "and who has it for other files reads this one too"
    )
    assert not any(each.startswith("made a key pair") for each in notes)


@pytest.mark.parametrize("name", [".env.example", ".env.sample"])
def test_it_has_the_variables_of_the_example_with_its_placeholders(shop: Path, name: str) -> None:
    """Comments stay, the variable for the environment's name has it, and all others are still to be set."""
    (shop / ".env.example").rename(shop / name)
    made_now = made(shop, "qa")

    comment, header, rest = text_of(shop, ".env.qa").split("\n", 2)
    assert comment.startswith("# encrypted values open with")
    assert re.fullmatch(r'DOTENV_PUBLIC_KEY_QA="0[23][0-9a-f]{64}"', header)
    assert rest == "\n" + EXAMPLE.replace("APP_ENV=local", "APP_ENV=qa")
    assert (made_now.variables, made_now.open) == (
        ("APP_ENV", "DB_HOST", "DB_PASSWORD", "URL"),
        ("DB_HOST", "DB_PASSWORD", "URL"),
    )
    assert Project.load(shop).environments["qa"].name == "qa"


def test_the_key_file_is_private_and_opens_what_is_encrypted_later(shop: Path) -> None:
    """The key is in the project's key file, beside the others."""
    made(shop, "qa")

    keys = text_of(shop, ".env.keys")
    assert keys.startswith(f"DOTENV_PRIVATE_KEY_STAGING={PRIVATE}\n# .env.qa\nDOTENV_PRIVATE_KEY_QA=")
    assert (shop / ".env.keys").stat().st_mode & 0o777 == 0o600 or os.name == "nt"


def test_it_has_the_variables_of_another_environment_and_none_of_its_values(shop: Path) -> None:
    """The key in the other file's header is replaced in its place; placeholders are those of the example."""
    made_now = made(shop, "production", "staging")

    text = re.sub('"[0-9a-f]{66}"', '"…"', text_of(shop, ".env.production"))
    assert text == (
        '#/--[DOTENV_PUBLIC_KEY]--/\nDOTENV_PUBLIC_KEY_PRODUCTION="…"\n\n# .env.production\nAPP_ENV=production\n'
        "DB_HOST=localhost\nDB_PASSWORD=change-me  # secret\nOTHER=changeme\nOTHER=changeme\n"
    )
    assert made_now.open == ("DB_HOST", "DB_PASSWORD", "OTHER")


def test_line_ends_of_the_other_file_stay(shop: Path) -> None:
    """A file with CRLF has them in its new lines too, and its name in the comment of dotenvx is replaced."""
    path = shop / ".env.staging"
    path.write_bytes(path.read_bytes().replace(b"\r\n", b"\n").replace(b"\n", b"\r\n"))

    made(shop, "qa", "staging")

    data = (shop / ".env.qa").read_bytes()
    assert (b"\r\n# .env.qa\r\n" in data, data.count(b"\n"), data.count(b"\r\n")) == (True, 9, 9)


def test_a_person_gives_the_values(shop: Path) -> None:
    """Secrets are asked for hidden and stored encrypted; Enter keeps a plain value, or leaves it open."""
    asked: list[tuple[str, bool, str]] = []
    answers = {"DB_HOST": "db.qa", "DB_PASSWORD": "pa$$ w", "OTHER": ""}

    def answer(name: str, hidden: bool, default: str) -> str:
        asked.append((name, hidden, default))
        return answers[name]

    made_now = made(shop, "qa", "staging", answer=answer)

    assert asked == [("DB_HOST", False, "db.staging"), ("DB_PASSWORD", True, ""), ("OTHER", False, "2")]
    values = hydrate(Project.load(shop).environment("qa"), {})
    assert (values["DB_HOST"], values["DB_PASSWORD"], values["OTHER"]) == ("db.qa", "pa$$ w", "changeme")
    assert (values.origin("DB_PASSWORD").encrypted, made_now.open) == (True, ("OTHER",))


def test_a_plain_value_that_is_kept_is_taken_over_as_it_is_written(shop: Path) -> None:
    """Its references stay references."""
    made(shop, "qa", answer=lambda name, hidden, default: default or "x")

    assert 'URL="db://${DB_HOST}"\n' in text_of(shop, ".env.qa")


def test_without_a_source_and_an_example_it_is_empty(shop: Path) -> None:
    """Only the header is there."""
    (shop / ".env.example").unlink()

    assert made(shop, "qa").variables == ()
    assert len(text_of(shop, ".env.qa").splitlines()) == 2


def test_what_is_there_already_is_not_touched(shop: Path) -> None:
    """An env file is never overwritten."""
    before = text_of(shop, ".env.staging")

    with pytest.raises(Refused, match=r"\.env\.staging is there already"):
        made(shop, "staging")

    assert text_of(shop, ".env.staging") == before


def test_a_name_that_differs_in_its_case_only_is_refused(shop: Path) -> None:
    """The variable of its key would be that of the other one, and so would the key."""
    with pytest.raises(Refused, match="STAGING differs from staging in its case only"):
        made(shop, "STAGING")


@pytest.mark.parametrize("name", ["example", "a b", "", "keys", "../x", "a.b"])
def test_names_that_no_environment_can_have(shop: Path, name: str) -> None:
    """A file of that name would not be found as an environment, or belongs to something else."""
    with pytest.raises(ConfigInvalid):
        made(shop, name)


def test_a_project_that_declares_its_environments_declares_the_new_one(shop: Path) -> None:
    """With its files, and protected if it is called production."""
    declared = '[project]\nname = "shop"\n[tool.envtasks.environments]\nstaging = {}\n'
    (shop / "pyproject.toml").write_text(declared, encoding="utf-8")

    notes = made(shop, "production").notes

    assert "pyproject.toml declares production from now on" in notes
    assert text_of(shop, "pyproject.toml") == (
        declared + 'production = { files = [".env.production"], protected = true }\n'
    )
    assert Project.load(shop).environment("production").protected


@pytest.mark.skipif(shutil.which("git") is None, reason="git is not installed")
def test_git_ignores_what_it_has_to_and_nothing_more(shop: Path) -> None:
    """Key file, overrides and temporary files are kept out; the env file is not, whatever .gitignore says."""
    subprocess.run(["git", "init", "-q"], cwd=shop, check=True)
    (shop / ".gitignore").write_text("*.pyc\n.env.*", encoding="utf-8")

    made(shop, "qa")

    assert text_of(shop, ".gitignore") == "*.pyc\n.env.*\n.env\n!/.env.qa\n"
    listed = subprocess.run(
        ["git", "ls-files", "--others", "--exclude-standard"],
        cwd=shop,
        capture_output=True,
        text=True,
        check=True,
    )
    assert listed.stdout.split() == [".env.qa", ".gitignore", "pyproject.toml"]
    assert made(shop, "test").notes[1:] == (".gitignore has !/.env.test from now on",)


def test_without_git_the_lines_are_written_once(shop: Path) -> None:
    """A repository may be made later; a .dockerignore is completed where there is one."""
    (shop / ".dockerignore").write_text("*.pyc\n", encoding="utf-8")

    made(shop, "qa")
    made(shop, "test")

    assert text_of(shop, ".gitignore") == ".env\n*.envtasks-tmp\n.env.keys\n"
    assert text_of(shop, ".dockerignore") == "*.pyc\n**/*.envtasks-tmp\n"


def test_a_dry_run_makes_nothing(shop: Path) -> None:
    """It says which variables the environment would have."""
    before = {path: path.read_bytes() for path in shop.iterdir()}

    made_now = made(shop, "qa", dry=True)

    assert (made_now.dry, len(made_now.variables)) == (True, 4)
    assert any(note.startswith(".gitignore would get ") for note in made_now.notes)
    assert {path: path.read_bytes() for path in shop.iterdir()} == before


def test_an_interrupted_creation_goes_on_with_its_key(shop: Path) -> None:
    """The key is stored first; where it is there without its file, it is used."""
    made(shop, "qa")
    keys = text_of(shop, ".env.keys")
    header = text_of(shop, ".env.qa").splitlines()[1]
    (shop / ".env.qa").unlink()

    made(shop, "qa")

    assert (text_of(shop, ".env.keys"), text_of(shop, ".env.qa").splitlines()[1]) == (keys, header)


def test_a_value_that_cannot_be_written_leaves_nothing_behind(shop: Path) -> None:
    """The error comes before any file is made."""
    before = sorted(path.name for path in shop.iterdir())

    with pytest.raises(EnvFileInvalid, match="DB_PASSWORD"):
        made(shop, "qa", answer=lambda name, hidden, default: default or "encrypted:x")

    assert sorted(path.name for path in shop.iterdir()) == before


def test_a_pyproject_that_cannot_be_read_any_more_is_one_sentence(shop: Path) -> None:
    """It may be changed after the project was loaded; no name of an exception is shown."""
    project = Project.load(shop)
    target = find_target(project.future_environment("qa"), {})
    (shop / "pyproject.toml").write_bytes(b'name = "caf\xe9"\n')

    with pytest.raises(ConfigInvalid, match=r"^pyproject\.toml: byte 11 is not UTF-8\."):
        new_environment(project, target, source=None, answer=None)
    assert not (shop / ".env.qa").exists()
