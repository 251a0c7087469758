"""settings_class.py: what the settings class says, read with and without importing it."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from envtasks.config import Project
from envtasks.errors import ConfigInvalid
from envtasks.settings_class import Field, check_in_child, missing_names, secret_names

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


def test_no_settings_class_no_secret_names(tmp_path: Path) -> None:
    """Without a settings class no plain variable is secret."""
    assert secret_names(_project(tmp_path, None, name="shop_static")) == frozenset()


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ("nowhere.settings:Settings", r"there is no nowhere/settings\.py in src/"),
        ("shop_static.settings:Other", r"settings\.py of shop_static.settings has no class 'Other'"),
        ("nonsense", "there is no nonsense"),
    ],
)
def test_a_settings_class_that_is_not_there_is_named(tmp_path: Path, settings: str, message: str) -> None:
    """A wrong `settings` is ConfigInvalid: else nothing would be hidden, without a word."""
    with pytest.raises(ConfigInvalid, match=message):
        secret_names(_project(tmp_path, settings, name="shop_static"))


def test_a_class_that_a_package_imports_is_followed(tmp_path: Path) -> None:
    """A settings package that imports the class from a module of its own has that class's secrets."""
    project = _project(tmp_path, "shop_package:Config", name="shop_package")
    (tmp_path / "src/shop_package/__init__.py").write_text(
        "from .settings import Settings as Config\n", encoding="utf-8"
    )

    assert secret_names(project) == {"SHOP_PASSWORD", "SHOP_PEPPER", "API_TOKEN"}


def test_secret_names_follow_bases_aliases_and_other_spellings(tmp_path: Path) -> None:
    """Base classes of the module, renamed imports, alias choices and annotations are seen."""
    project = _project(tmp_path, "shop_more.settings:Settings", name="shop_more")
    (tmp_path / "src/shop_more/settings.py").write_text(
        """
from typing import Annotated
from pydantic import AliasChoices, Field, SecretStr as Hidden
from pydantic_settings import BaseSettings

class Base(BaseSettings):
    inherited: Hidden

class Settings(Base):
    plain: str = Field(alias="SecretStr")
    choice: Hidden = Field(validation_alias=AliasChoices("TOKEN_A", "TOKEN_B"))
    noted: Annotated[Hidden, Field(alias="NOTED")]
""",
        encoding="utf-8",
    )

    assert secret_names(project) == {"INHERITED", "TOKEN_A", "TOKEN_B", "NOTED"}


def _child_env(**env: str) -> dict[str, str]:
    return {**os.environ, **env}


def test_check_in_child_gives_fields_and_errors(tmp_path: Path) -> None:
    """Each variable with whether it is required and secret; each error with its variable and kind, no value."""
    project = _project(tmp_path, "shop_child.settings:Settings", name="shop_child")

    found = check_in_child(project, _child_env(SHOP_PASSWORD="p"))

    assert found.fields == (
        Field("SHOP_HOST", required=False, secret=False),
        Field("SHOP_PASSWORD", required=True, secret=True),
        Field("SHOP_PEPPER", required=False, secret=True),
        Field("API_TOKEN", required=True, secret=True),
    )
    assert found.errors == (("API_TOKEN", "missing"),)
    assert "shop_child" not in sys.modules


def test_check_in_child_names_the_variable_of_every_kind_of_error(tmp_path: Path) -> None:
    """Alias choices and paths are variables of their own; a list that is no JSON is told by its variable."""
    project = _project(tmp_path, "shop_kinds.settings:Settings", name="shop_kinds")
    (tmp_path / "src/shop_kinds/settings.py").write_text(
        """
from pydantic import AliasChoices, AliasPath, Field
from pydantic_settings import BaseSettings

print("loaded", end="")

class Settings(BaseSettings):
    port: int = 1
    first: str = Field(validation_alias=AliasChoices("ONE", AliasPath("TWO", 0)))
    hosts: list[str] = []
""",
        encoding="utf-8",
    )

    assert [field.name for field in check_in_child(project, _child_env()).fields] == [
        "PORT",
        "ONE",
        "TWO",
        "HOSTS",
    ]
    assert check_in_child(project, _child_env(PORT="five")).errors == (
        ("PORT", "int_parsing"),
        ("ONE", "missing"),
    )
    assert check_in_child(project, _child_env(ONE="1", HOSTS="a,b")).errors == (("HOSTS", "SettingsError"),)


@pytest.mark.parametrize(
    ("settings", "source", "message"),
    [
        (None, "", "settings is not set"),
        ("no.such:Settings", "", r"cannot be imported: ModuleNotFoundError \(no\)\."),
        ("shop_wrong.settings:Other", "", r"cannot be imported: AttributeError\."),
        (
            "shop_wrong.settings:Settings",
            "raise RuntimeError('value')",
            r"cannot be imported: RuntimeError\.",
        ),
        ("shop_wrong.settings:Settings", "raise SystemExit(3)", r"cannot be imported: Python ended with 3\."),
        ("shop_wrong.settings:Settings", "Settings = 0", r"cannot be imported: AttributeError\."),
    ],
)
def test_check_in_child_says_what_is_wrong(
    tmp_path: Path, settings: str | None, source: str, message: str
) -> None:
    """A settings class that is not declared or not importable is ConfigInvalid; no exception's text is shown."""
    project = _project(tmp_path, settings, name="shop_wrong")
    if source:
        (tmp_path / "src/shop_wrong/settings.py").write_text(source, encoding="utf-8")

    with pytest.raises(ConfigInvalid, match=message) as caught:
        check_in_child(project, _child_env())
    assert "value" not in caught.value.message


REQUIRED = """
from typing import Annotated, ClassVar
from pydantic import AliasChoices, BaseModel, Field, SecretStr
from pydantic_settings import BaseSettings, SettingsConfigDict

class Database(BaseModel):
    host: str

class Base(BaseSettings):
    token: SecretStr
    region: str = "eu"

class Settings(Base):
    model_config = SettingsConfigDict(env_prefix="SHOP_", env_nested_delimiter="__")
    kinds: ClassVar[list[str]] = []
    _hidden: str
    host: str
    port: int = 5432
    name: str = Field("shop")
    user: str = Field(default="app")
    zone: Annotated[str, Field(min_length=2)]
    tags: list[str] = Field(default_factory=list)
    key: str = Field(..., min_length=1)
    url: str = Field(validation_alias=AliasChoices("URL", "SHOP_ADDRESS"))
    database: Database
"""


def _with_source(tmp_path: Path, source: str) -> Project:
    (tmp_path / "shop_settings.py").write_text(source, encoding="utf-8")
    return Project(tmp_path, "shop", {}, settings="shop_settings:Settings")


def test_required_fields_that_are_not_set_are_named(tmp_path: Path) -> None:
    """Fields without a default, of base classes too, by the names that the class reads; one of several is enough."""
    project = _with_source(tmp_path, REQUIRED)

    assert missing_names(project, []) == (
        "SHOP_TOKEN", "SHOP_HOST", "SHOP_ZONE", "SHOP_KEY", "URL", "SHOP_DATABASE"
    )  # fmt: skip
    given = ["SHOP_TOKEN", "shop_host", "SHOP_ZONE", "SHOP_KEY", "SHOP_ADDRESS", "SHOP_DATABASE__HOST"]
    assert missing_names(project, given) == ()


def test_source_and_pydantic_name_the_same_required_fields(tmp_path: Path) -> None:
    """What is read from source is what pydantic-settings itself says of the imported class."""
    project = _with_source(tmp_path, REQUIRED)

    there = {field.name for field in check_in_child(project, os.environ).fields if field.required}

    assert there == {*missing_names(project, []), "SHOP_ADDRESS"}


@pytest.mark.parametrize(
    "option",
    [
        'model_config = {"secrets_dir": "/run/secrets"}',
        "class Config:\n        secrets_dir = '/run/secrets'",
        "@classmethod\n    def settings_customise_sources(cls, *a, **k): return ()",
    ],
)
def test_a_class_with_other_sources_requires_no_variable(tmp_path: Path, option: str) -> None:
    """Where a field may come from a file or another source, its variable may be missing."""
    source = "from pydantic_settings import BaseSettings\nclass Settings(BaseSettings):\n"

    assert missing_names(_with_source(tmp_path, f"{source}    {option}\n    host: str\n"), []) == ()


def test_the_options_of_an_inner_class_count(tmp_path: Path) -> None:
    """`class Config` of pydantic 1, which many projects still have, gives the prefix."""
    source = "class Settings(BaseSettings):\n    host: str\n    class Config:\n        env_prefix = 'SHOP_'\n"

    assert missing_names(_with_source(tmp_path, source), []) == ("SHOP_HOST",)
