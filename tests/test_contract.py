"""contract.py: what the settings class says, read with and without importing it."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from envtasks.contract import Field, load, secret_names
from envtasks.errors import ConfigInvalid
from envtasks.project import Project

SETTINGS = """
from pydantic import Field, SecretBytes, SecretStr
from pydantic_settings import BaseSettings, SettingsConfigDict

class Settings(BaseSettings):
    model_config = SettingsConfigDict(env_prefix="SHOP_")
    host: str = "localhost"
    password: SecretStr
    pepper: SecretBytes | None = None
    token: SecretStr = Field(validation_alias="API_TOKEN")
"""


def _project(tmp_path: Path, settings: str | None, *, name: str) -> Project:
    (tmp_path / "src" / name).mkdir(parents=True)
    (tmp_path / "src" / name / "settings.py").write_text(SETTINGS, encoding="utf-8")
    return Project(tmp_path, "shop", {}, settings=settings)


def test_secret_names_without_an_import(tmp_path: Path) -> None:
    """The secret fields are found in the source alone: prefix, alias and optional types included."""
    project = _project(tmp_path, "shop_static.settings:Settings", name="shop_static")

    assert secret_names(project) == {"SHOP_PASSWORD", "SHOP_PEPPER", "API_TOKEN"}
    assert "shop_static" not in sys.modules


@pytest.mark.parametrize("settings", [None, "nowhere.settings:Settings", "shop_static.settings:Other"])
def test_no_contract_no_secret_names(tmp_path: Path, settings: str | None) -> None:
    """Without a contract, or with one that is not there, no plain variable is secret."""
    assert secret_names(_project(tmp_path, settings, name="shop_static")) == frozenset()


def test_load_gives_every_field(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The imported class gives each variable's name, whether it is required and whether it is secret."""
    monkeypatch.setattr(sys, "path", [*sys.path])
    project = _project(tmp_path, "shop_loaded.settings:Settings", name="shop_loaded")

    assert load(project) == {
        "SHOP_HOST": Field("SHOP_HOST", required=False, secret=False),
        "SHOP_PASSWORD": Field("SHOP_PASSWORD", required=True, secret=True),
        "SHOP_PEPPER": Field("SHOP_PEPPER", required=False, secret=True),
        "API_TOKEN": Field("API_TOKEN", required=True, secret=True),
    }


@pytest.mark.parametrize(
    ("settings", "message"),
    [(None, "settings is not set"), ("no.such:Settings", "cannot be imported: No module named 'no'")],
)
def test_load_says_what_is_wrong(tmp_path: Path, settings: str | None, message: str) -> None:
    """A contract that is not declared or not importable is ConfigInvalid."""
    with pytest.raises(ConfigInvalid, match=message):
        load(_project(tmp_path, settings, name="shop_wrong"))
