"""settings_class: what the settings class says, read with and without importing it."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from envtasks.config import Project
from envtasks.errors import ConfigInvalid
from envtasks.settings_class import check_values, missing_names, secret_names, variables_read

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


def test_check_values_gives_fields_and_errors(tmp_path: Path) -> None:
    """Each variable with whether it is required and secret; each error with its variable and kind, no value."""
    project = _project(tmp_path, "shop_child.settings:Settings", name="shop_child")

    found = check_values(project, _child_env(SHOP_PASSWORD="p"))

    assert [(each.variables, each.required, each.secret) for each in found.fields] == [
        (("SHOP_HOST",), False, False),
        (("SHOP_PASSWORD",), True, True),
        (("SHOP_PEPPER",), False, True),
        (("API_TOKEN",), True, True),
    ]
    assert found.errors == (("API_TOKEN", "missing"),)
    assert "shop_child" not in sys.modules


def test_modules_of_the_project_take_no_place_of_the_standard_library(tmp_path: Path) -> None:
    """A json.py in the project's folder is not what the child process itself imports."""
    project = _project(tmp_path, "shop_names.settings:Settings", name="shop_names")
    (tmp_path / "json.py").write_text("raise RuntimeError", encoding="utf-8")

    assert len(check_values(project, _child_env()).fields) == 4


def test_check_values_names_the_variable_of_every_kind_of_error(tmp_path: Path) -> None:
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

    assert [*variables_read(check_values(project, _child_env()).fields, ())] == [
        "PORT",
        "ONE",
        "TWO",
        "HOSTS",
    ]
    assert check_values(project, _child_env(PORT="five")).errors == (
        ("PORT", "int_parsing"),
        ("ONE", "missing"),
    )
    assert check_values(project, _child_env(ONE="1", HOSTS="a,b")).errors == (("HOSTS", "SettingsError"),)
    # pydantic-settings itself stops at the first value that is no JSON
    assert check_values(project, _child_env(PORT="five", HOSTS="a,b")).errors == (
        ("HOSTS", "SettingsError"),
        ("PORT", "int_parsing"),
        ("ONE", "missing"),
    )


@pytest.mark.parametrize(
    ("settings", "source", "message"),
    [
        (None, "", "settings is not set"),
        ("no.such:Settings", "", r"cannot be imported: there is no module no\."),
        ("shop_wrong.settings:Other", "", r"cannot be imported: AttributeError\."),
        (
            "shop_wrong.settings:Settings",
            "raise RuntimeError('value')",
            r"cannot be imported: RuntimeError\.",
        ),
        ("shop_wrong.settings:Settings", "raise SystemExit(3)", r"cannot be imported: SystemExit\."),
        ("shop_wrong.settings:Settings", "Settings = 0", r"cannot be imported: AttributeError\."),
    ],
)
def test_check_values_says_what_is_wrong(
    tmp_path: Path, settings: str | None, source: str, message: str
) -> None:
    """A settings class that is not declared or not importable is ConfigInvalid; no exception's text is shown."""
    project = _project(tmp_path, settings, name="shop_wrong")
    if source:
        (tmp_path / "src/shop_wrong/settings.py").write_text(source, encoding="utf-8")

    with pytest.raises(ConfigInvalid, match=message) as caught:
        check_values(project, _child_env())
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
        "SHOP_TOKEN", "SHOP_HOST", "SHOP_ZONE", "SHOP_KEY", "URL", "SHOP_DATABASE__HOST"
    )  # fmt: skip
    given = ["SHOP_TOKEN", "shop_host", "SHOP_ZONE", "SHOP_KEY", "SHOP_ADDRESS", "SHOP_DATABASE__HOST"]
    assert missing_names(project, given) == ()


def test_source_and_pydantic_name_the_same_required_fields(tmp_path: Path) -> None:
    """What is read from source is what pydantic-settings itself says of the imported class."""
    project = _with_source(tmp_path, REQUIRED)

    fields = check_values(project, os.environ).fields
    there = {variable for field in fields for variable in field.variables if field.required}

    missing = {name.partition("__")[0] for name in missing_names(project, [])}
    assert there == {*missing, "SHOP_ADDRESS"}


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


NESTED = """
from pydantic import BaseModel, Field, SecretStr
from pydantic_settings import BaseSettings, SettingsConfigDict
from . import models
from .models import Base, Database
import shop_nested.models as other

class Node(BaseModel):
    name: str
    token: SecretStr
    children: list["Node"] = []
    parent: "Node | None" = None

class Mail(BaseSettings):
    model_config = SettingsConfigDict(env_prefix="MAIL_")
    password: SecretStr
    host: str = "localhost"

class Settings(Base):
    model_config = SettingsConfigDict(env_prefix="SHOP_", env_nested_delimiter="__")
    database: Database
    replica: "Database | None" = None
    nodes: list[Node] = []
    root: Node | None = None
    attribute: "models.Login | None" = None
    installed: other.Login | None = None
    mail: Mail = Field(default_factory=Mail)
    plain: dict[str, int] = {}
"""
MODELS = """
from pydantic import BaseModel, SecretStr as Hidden
from pydantic_settings import BaseSettings

class Login(BaseModel):
    user: str
    password: Hidden

class Database(BaseModel):
    host: str
    port: int = 5432
    login: Login

class Base(BaseSettings):
    inherited: Hidden
"""


def _nested(tmp_path: Path, settings: str = NESTED) -> Project:
    package = tmp_path / "src" / "shop_nested"
    package.mkdir(parents=True)
    (package / "__init__.py").touch()
    (package / "settings.py").write_text(settings, encoding="utf-8")
    (package / "models.py").write_text(MODELS, encoding="utf-8")
    return Project(tmp_path, "shop", {}, settings="shop_nested.settings:Settings")


def test_secrets_of_nested_models_are_secret(tmp_path: Path) -> None:
    """By the variable of the part, and by that of the whole model, whose JSON has it; of other modules as well."""
    assert secret_names(_nested(tmp_path)) == {
        "SHOP_INHERITED",
        "SHOP_DATABASE", "SHOP_DATABASE__LOGIN", "SHOP_DATABASE__LOGIN__PASSWORD",
        "SHOP_REPLICA", "SHOP_REPLICA__LOGIN", "SHOP_REPLICA__LOGIN__PASSWORD",
        "SHOP_NODES",
        "SHOP_ROOT", "SHOP_ROOT__TOKEN", "SHOP_ROOT__CHILDREN",
        "SHOP_ROOT__PARENT", "SHOP_ROOT__PARENT__TOKEN",
        "SHOP_ATTRIBUTE", "SHOP_ATTRIBUTE__PASSWORD",
        "SHOP_INSTALLED", "SHOP_INSTALLED__PASSWORD",
        "SHOP_MAIL", "SHOP_MAIL__PASSWORD", "MAIL_PASSWORD",
    }  # fmt: skip
    assert "shop_nested" not in sys.modules


def test_required_parts_of_nested_models_are_named(tmp_path: Path) -> None:
    """One by one, unless the model as a whole, or the part around it, is given as JSON; of an optional one none."""
    project = _nested(tmp_path)
    parts = ("SHOP_DATABASE__HOST", "SHOP_DATABASE__LOGIN__USER", "SHOP_DATABASE__LOGIN__PASSWORD")

    assert missing_names(project, []) == ("SHOP_INHERITED", *parts)
    assert missing_names(project, ["SHOP_INHERITED", "SHOP_DATABASE__HOST"]) == parts[1:]
    assert missing_names(project, ["SHOP_INHERITED", "SHOP_DATABASE__LOGIN", parts[0]]) == ()
    assert missing_names(project, ["SHOP_INHERITED", "SHOP_DATABASE"]) == ()


def test_what_only_looks_like_a_required_part_is_not_required(tmp_path: Path) -> None:
    """One of several models, what a description happens to name, and what models call otherwise or leave open."""
    source = """
from typing import Annotated, Literal
from typing_extensions import NotRequired, TypedDict
from pydantic import BaseModel, Field
from pydantic_settings import BaseSettings

class File(BaseModel):
    path: str

class Database(BaseModel):
    host: str
    kind: Literal["File"] = "File"

class Named(BaseModel):
    model_config = {"populate_by_name": True}
    name: str = Field(alias="n")

class Generated(BaseModel):
    model_config = {"alias_generator": lambda name: f"my_{name}"}
    name: str

class Extra(TypedDict):
    name: str
    note: NotRequired[str]

class Settings(BaseSettings):
    model_config = {"env_nested_delimiter": "__"}
    store: File | Database
    database: Annotated[Database, Field(description="Settings of the File")]
    named: Named
    generated: Generated
    extra: Extra
"""
    project = _with_source(tmp_path, source)
    given = {"STORE__PATH": "p", "DATABASE__HOST": "h", "NAMED__NAME": "n", "GENERATED__MY_NAME": "n"}
    given["EXTRA__NAME"] = "n"

    assert missing_names(project, given) == ()
    assert check_values(project, _child_env(**given)).errors == ()
    required = ("STORE", "DATABASE__HOST", "NAMED__N", "GENERATED", "EXTRA__NAME")
    assert missing_names(project, []) == required


def test_pydantic_agrees_about_nested_parts(tmp_path: Path) -> None:
    """What is named as missing is what the class itself misses, and what is set in parts is known by its parts."""
    project = _nested(tmp_path)
    given = {"SHOP_INHERITED": "i", "SHOP_DATABASE__HOST": "h", "MAIL_PASSWORD": "m"}
    parts = {"SHOP_DATABASE__LOGIN__USER": "u", "SHOP_DATABASE__LOGIN__PASSWORD": "p"}

    incomplete = check_values(project, _child_env(**given))
    complete = check_values(project, _child_env(**given, **parts))

    assert incomplete.errors == (("SHOP_DATABASE", "missing"),)
    assert complete.errors == ()
    assert "SHOP_DATABASE__LOGIN__PASSWORD" in variables_read(complete.fields, parts)


def test_an_entry_of_a_dictionary_is_a_variable_of_its_own(tmp_path: Path) -> None:
    """As a part of a nested model is; one of a list is none."""
    option = "    model_config = {'env_nested_delimiter': '__'}\n"
    fields = "    labels: dict[str, str] = {}\n    bare: dict = {}\n    tags: list[str] = []\n"
    source = f"from pydantic_settings import BaseSettings\nclass Settings(BaseSettings):\n{option}{fields}"
    given = {"LABELS__TEAM": "a", "BARE__X": "1", "TAGS__0": "x"}

    found = check_values(_with_source(tmp_path, source), _child_env(**given)).fields

    assert [*variables_read(found, given)] == ["LABELS", "LABELS__TEAM", "BARE", "BARE__X", "TAGS"]


def test_names_of_an_alias_generator_are_not_required(tmp_path: Path) -> None:
    """They are not in the source; the usual spelling of a secret is taken for one all the same."""
    option = "    model_config = {'alias_generator': to_camel}\n"
    source = f"class Settings(BaseSettings):\n{option}    my_token: SecretStr\n"
    project = _with_source(tmp_path, source)

    assert missing_names(project, []) == ()
    assert secret_names(project) == {"MY_TOKEN", "MYTOKEN"}


def test_a_field_with_an_alias_is_read_by_its_name_too_where_the_class_says_so(tmp_path: Path) -> None:
    """`populate_by_name`, and `validate_by_name` of newer versions."""
    option = "    model_config = {'populate_by_name': True}\n"
    source = f"class Settings(BaseSettings):\n{option}    token: str = Field(alias='API_TOKEN')\n"

    assert missing_names(_with_source(tmp_path, source), ["TOKEN"]) == ()
