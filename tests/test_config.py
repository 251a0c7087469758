"""config: what `[tool.envtasks]` says, its defaults, and every way in which it can be wrong."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from envtasks import hydrate, inventory
from envtasks.config import Environment, Project
from envtasks.errors import ConfigInvalid, UnknownEnvironment


def _pyproject(folder: Path, text: str = "") -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "pyproject.toml").write_text('[project]\nname = "shop"\n' + text, encoding="utf-8")
    return folder


def test_without_a_table_the_env_files_are_the_environments(tmp_path: Path) -> None:
    """Without [tool.envtasks] the files beside pyproject.toml are the environments, in the usual order."""
    _pyproject(tmp_path)
    for name in (
        "production",
        "local",
        "staging",
        "dev",
        "preview-1",
        "example",
        "keys",
        "vault",
        "local.keys",
    ):
        (tmp_path / f".env.{name}").touch()

    project = Project.load(tmp_path)

    assert project.environments == {
        "local": Environment("local", tmp_path, (tmp_path / ".env", tmp_path / ".env.local")),
        "dev": Environment("dev", tmp_path, (tmp_path / ".env", tmp_path / ".env.dev")),
        "staging": Environment("staging", tmp_path, (tmp_path / ".env.staging",)),
        "production": Environment("production", tmp_path, (tmp_path / ".env.production",), protected=True),
        "preview-1": Environment("preview-1", tmp_path, (tmp_path / ".env.preview-1",)),
    }
    assert list(project.environments) == ["local", "dev", "staging", "production", "preview-1"]


def test_a_folder_that_cannot_be_listed_has_no_environments(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A folder whose files this user may not list is a project without environments, and no error."""

    def listdir(path: Path) -> list[str]:
        raise PermissionError(13, "Permission denied", str(path))

    with monkeypatch.context() as patched:
        patched.setattr("envtasks.config.os.listdir", listdir)
        assert Project.load(_pyproject(tmp_path)).environments == {}


def test_not_secret_lists_names_and_patterns(tmp_path: Path) -> None:
    """A variable is not secret if a name or a pattern of `not-secret` matches it, case included."""
    project = Project.load(_pyproject(tmp_path, '[tool.envtasks]\nnot-secret = ["APP_*", "DB_USER"]\n'))

    assert [project.is_not_secret(name) for name in ("APP_PORT", "DB_USER", "DB_USERS", "app_port")] == [
        True,
        True,
        False,
        False,
    ]


def test_spec_staging_and_production_never_read_overrides(tmp_path: Path) -> None:
    """`.env` is layered into local and dev only."""
    _pyproject(tmp_path)
    for name in ("local", "dev", "staging", "production"):
        (tmp_path / f".env.{name}").touch()

    layered = {
        name: tmp_path / ".env" in env.files for name, env in Project.load(tmp_path).environments.items()
    }

    assert layered == {"local": True, "dev": True, "staging": False, "production": False}


def test_declared_environments_are_read(tmp_path: Path) -> None:
    """Every key of an environment's table arrives, paths made absolute."""
    _pyproject(
        tmp_path,
        """
        [tool.envtasks]
        engine = "dotenvx"
        mask = "always"
        commands = true
        settings = "app.settings:Settings"
        [tool.envtasks.environments]
        live = { files = ["conf/.env.live"], protected = true, keys = "conf/live.keys", allow-overrides = ["PORT"] }
        demo = { public = true }
        [tool.envtasks.docker]
        image = "shop"
        """,
    )

    project = Project.load(tmp_path)

    assert project.environments == {
        "live": Environment(
            "live",
            tmp_path,
            (tmp_path / "conf/.env.live",),
            protected=True,
            keys=(tmp_path / "conf/live.keys",),
            allow_overrides=("PORT",),
            named=True,
        ),
        "demo": Environment("demo", tmp_path, (tmp_path / ".env.demo",), public=True),
    }
    assert (project.engine, project.mask, project.commands) == ("dotenvx", "always", True)
    assert (project.settings, project.name) == ("app.settings:Settings", "shop")
    assert project.tables["docker"] == {"image": "shop"}


@pytest.mark.parametrize(
    ("table", "message"),
    [
        ("[tool.envtasks]\nengin = 'native'", "[tool.envtasks] has no key 'engin': did you mean engine?"),
        ("[tool.envtasks]\nengine = 'ruby'", "[tool.envtasks] engine must be one of native, dotenvx."),
        ("[tool.envtasks]\nmask = true", "[tool.envtasks] mask must be one of auto, always, never."),
        ("[tool.envtasks]\ncommands = 1", "[tool.envtasks] commands must be true or false."),
        (
            "[tool.envtasks]\nsettings = 1",
            "[tool.envtasks] settings must be a string such as 'app.settings:Settings'.",
        ),
        ("[tool]\nenvtasks = 1", "tool.envtasks must be a table."),
        ("[tool.envtask]\nmask = 'never'", "no [tool.envtask] is read: did you mean [tool.envtasks]?"),
        (
            "[tool.env-tasks.environments]",
            "no [tool.env-tasks] is read: did you mean [tool.envtasks]?",
        ),
        (
            "[tool.envtasks.environments]\nlocal = { allow-overrides = ['OK_*'] }",
            "[tool.envtasks.environments.local] allow-overrides must be a list of names, no patterns.",
        ),
        (
            "[tool.envtasks.environments]\nlocal = { file-wins = ['*'] }",
            "[tool.envtasks.environments.local] file-wins must be a list of names, no patterns.",
        ),
        ("[tool.envtasks]\ndocker = 1", "tool.envtasks.docker must be a table."),
        (
            "[tool.envtasks.environments]\nlocal = { file = ['.env'] }",
            "[tool.envtasks.environments.local] has no key 'file': did you mean files?",
        ),
        (
            "[tool.envtasks.environments]\nlocal = { files = [] }",
            "[tool.envtasks.environments.local] files is empty: an environment needs at least one file.",
        ),
        (
            "[tool.envtasks.environments]\nlocal = { files = '.env' }",
            "[tool.envtasks.environments.local] files must be a list of file names.",
        ),
        (
            "[tool.envtasks.environments]\nlocal = { files = ['../.env'] }",
            "[tool.envtasks.environments.local] files names '../.env', which is outside the project.",
        ),
        (
            "[tool.envtasks.environments]\nlocal = { files = ['/etc/passwd'] }",
            "[tool.envtasks.environments.local] files names '/etc/passwd', which is outside the project.",
        ),
        (
            "[tool.envtasks.environments]\nlocal = { protected = 'yes' }",
            "[tool.envtasks.environments.local] protected must be true or false.",
        ),
        (
            "[tool.envtasks.environments]\n'a b' = {}",
            "[tool.envtasks.environments.a b]: a name has letters, digits, '-' and '_' only.",
        ),
        (
            "[tool.envtasks.environments]\nlocal = '.env'",
            "tool.envtasks.environments.local must be a table such as { files = ['.env.local'] }.",
        ),
    ],
)
def test_a_wrong_table_is_named(tmp_path: Path, table: str, message: str) -> None:
    """A wrong table says which key it is and what was expected."""
    (tmp_path / "pyproject.toml").write_text(table, encoding="utf-8")

    with pytest.raises(ConfigInvalid) as caught:
        Project.load(tmp_path)

    assert f"pyproject.toml: {message}" == caught.value.message


def test_broken_toml_is_named(tmp_path: Path) -> None:
    """A pyproject.toml that is no TOML is ConfigInvalid with the parser's line."""
    (tmp_path / "pyproject.toml").write_text("[tool]\nx = \n", encoding="utf-8")

    with pytest.raises(ConfigInvalid, match=r"is not valid TOML: .*line 2"):
        Project.load(tmp_path)


def test_toml_in_another_encoding_is_named(tmp_path: Path) -> None:
    """PowerShell 5.1 writes UTF-16."""
    (tmp_path / "pyproject.toml").write_bytes("[tool]\n".encode("utf-16"))

    with pytest.raises(ConfigInvalid, match=r"pyproject\.toml: byte 0 is not UTF-8\."):
        Project.load(tmp_path)


def test_found_from_a_sub_folder(tmp_path: Path) -> None:
    """A project is found from any folder below it."""
    _pyproject(tmp_path)
    (tmp_path / "src" / "deep").mkdir(parents=True)

    assert tmp_path == Project.load(tmp_path / "src" / "deep").root


def test_monorepo_the_nearest_table_wins(tmp_path: Path) -> None:
    """The nearest pyproject.toml with the table wins over a nearer one without; without any, the nearest."""
    _pyproject(tmp_path, "[tool.envtasks]\n")
    package = _pyproject(tmp_path / "packages" / "one")
    other = _pyproject(tmp_path / "packages" / "two", "[tool.envtasks]\n")

    assert tmp_path == Project.load(package).root
    assert other == Project.load(other).root


def test_monorepo_without_tables(tmp_path: Path) -> None:
    """With no table anywhere the nearest pyproject.toml is the project."""
    _pyproject(tmp_path)
    package = _pyproject(tmp_path / "one")

    assert package == Project.load(package).root


def test_unknown_environment_suggests_the_nearest(tmp_path: Path) -> None:
    """An unknown name suggests a near one and lists all."""
    _pyproject(tmp_path)
    (tmp_path / ".env.staging").touch()

    with pytest.raises(UnknownEnvironment) as caught:
        Project.load(tmp_path).environment("stagin")

    assert caught.value.message.endswith("did you mean staging?")
    assert caught.value.hint == "environments: staging"


def test_an_unknown_environment_of_an_empty_project_can_be_made(tmp_path: Path) -> None:
    """Where there is none at all, the hint is the command that makes it."""
    _pyproject(tmp_path)

    with pytest.raises(UnknownEnvironment) as caught:
        Project.load(tmp_path).environment("local")

    assert caught.value.hint == "make it: inv env.new local"


@pytest.mark.parametrize("repository", [".", "sub"])
def test_a_folder_below_the_env_files_names_their_folder(tmp_path: Path, repository: str) -> None:
    """Without a pyproject.toml each folder is a project; that of the env files is named, if git has both in one."""
    folder = tmp_path / "sub" / "deeper"
    folder.mkdir(parents=True)
    (tmp_path / repository / ".git").mkdir()
    (tmp_path / ".env.local").write_text("A=1\n", encoding="utf-8")

    with pytest.raises(UnknownEnvironment) as caught:
        Project.load(folder).environment("local")

    where = f"{tmp_path.resolve()} has local: cd there; or " if repository == "." else ""
    assert caught.value.hint == f"{where}make it: inv env.new local"


def test_a_name_does_not_begin_like_a_flag(tmp_path: Path) -> None:
    """`--help` is no name of an environment, in a file's name neither."""
    _pyproject(tmp_path)
    (tmp_path / ".env.--help").touch()

    assert dict(Project.load(tmp_path).environments) == {}
    with pytest.raises(ConfigInvalid, match="cannot be the name"):
        Project.load(tmp_path).future_environment("-n")


def test_overrides_are_optional_and_a_baseline_is_not(tmp_path: Path) -> None:
    """`.env` may be absent beside a baseline; alone it is the baseline itself."""
    layered = Environment("local", tmp_path, (tmp_path / ".env", tmp_path / ".env.local"))
    alone = Environment("plain", tmp_path, (tmp_path / ".env",))

    assert layered.baselines == (tmp_path / ".env.local",)
    assert alone.baselines == (tmp_path / ".env",)


def test_engine_of_the_process_environment_wins(tmp_path: Path) -> None:
    """ENVTASKS_ENGINE chooses the engine over pyproject.toml, and a wrong one is ConfigInvalid."""
    project = Project.load(_pyproject(tmp_path))

    assert project.engine_for({"ENVTASKS_ENGINE": "dotenvx"}) == "dotenvx"
    assert project.engine_for({}) == "native"
    with pytest.raises(ConfigInvalid, match="ENVTASKS_ENGINE is 'ruby'"):
        project.engine_for({"ENVTASKS_ENGINE": "ruby"})


@pytest.mark.parametrize("name", ["production", "prod", "prd", "live"])
def test_what_production_is_usually_called_is_protected(tmp_path: Path, name: str) -> None:
    """Found or declared, an environment of such a name is protected unless it says otherwise."""
    (tmp_path / f".env.{name}").write_text("A=1\n", encoding="utf-8")

    assert Project.load(tmp_path).environment(name).protected


@pytest.mark.parametrize("suffix", ["bak", "old", "orig", "sample", "template", "dist", "test.example"])
def test_copies_and_samples_are_no_environments(tmp_path: Path, suffix: str) -> None:
    """What editors and people leave beside env files is not taken for one."""
    (tmp_path / f".env.{suffix}").write_text("A=1\n", encoding="utf-8")

    assert Project.load(tmp_path).environments == {}


def test_a_lone_env_file_is_told_how_to_become_an_environment(tmp_path: Path) -> None:
    """A project with only `.env` gets the line that declares it."""
    (tmp_path / ".env").write_text("A=1\n", encoding="utf-8")

    with pytest.raises(UnknownEnvironment) as caught:
        Project.load(tmp_path).environment("local")
    assert 'local = { files = [".env"] }' in caught.value.hint


def test_optional_files_are_named(tmp_path: Path) -> None:
    """`optional` says which files may be absent, in place of the rule for `.env`."""
    environments = "[tool.envtasks.environments]\n"
    (tmp_path / "pyproject.toml").write_text(
        environments + 'local = { files = [".env.local", ".env"], optional = [".env.local"] }\n',
        encoding="utf-8",
    )

    local = Project.load(tmp_path).environment("local")

    assert [path.name for path in local.baselines] == [".env"]
    (tmp_path / "pyproject.toml").write_text(
        environments + 'local = { files = [".env"], optional = [".env.x"] }\n', encoding="utf-8"
    )
    with pytest.raises(ConfigInvalid, match=r"optional names '\.env\.x', which is not in files"):
        Project.load(tmp_path)


@pytest.mark.skipif(sys.platform == "win32", reason="links need a privilege there")
def test_a_link_out_of_the_project_is_read_only_where_pyproject_names_it(tmp_path: Path) -> None:
    """A pull request cannot have a file of the home folder read by adding a link; inside the project links are fine."""
    project = tmp_path / "project"
    project.mkdir()
    (tmp_path / "creds").write_text("TOKEN=x\n", encoding="utf-8")
    (project / "real").write_text("A=1\n", encoding="utf-8")
    (project / ".env.local").symlink_to(tmp_path / "creds")
    (project / ".env.dev").symlink_to(project / "real")

    with pytest.raises(ConfigInvalid, match="a link to a file outside the project"):
        hydrate(Project.load(project).environment("local"), {})
    with pytest.raises(ConfigInvalid, match="a link to a file outside the project"):
        inventory.read(Project.load(project).environment("local"))
    assert dict(hydrate(Project.load(project).environment("dev"), {})) == {"A": "1"}

    (project / "pyproject.toml").write_text(
        '[tool.envtasks.environments]\nlocal = { files = [".env.local"] }\n', encoding="utf-8"
    )
    assert dict(hydrate(Project.load(project).environment("local"), {})) == {"TOKEN": "x"}


@pytest.mark.parametrize("text", ["[" * 3000 + "]" * 3000, "{a = " * 3000 + "1" + "}" * 3000])
def test_toml_nested_beyond_reason_is_one_sentence(tmp_path: Path, text: str) -> None:
    """A pyproject.toml of a thousand levels is refused by its name, with no traceback."""
    (tmp_path / "pyproject.toml").write_text(f"x = {text}\n", encoding="utf-8")
    with pytest.raises(ConfigInvalid, match=r"pyproject\.toml is nested too deeply\.$"):
        Project.load(tmp_path)
