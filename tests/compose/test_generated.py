"""The files that are generated for docker compose: names for the services of `inject`, and what would steer docker."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import yaml

from envtasks.compose import Stack
from envtasks.compose.env_files import values_of
from envtasks.compose.generated import generated_files
from envtasks.errors import ConfigInvalid
from tests.compose.stacks import SECRET, needs_sh, stack
from tests.projects import Sandbox

pytestmark = needs_sh


class Loader(yaml.SafeLoader):
    """Reads compose's tag `!override` as what it tags."""


Loader.add_multi_constructor("!", lambda loader, tag, node: {tag: loader.construct_sequence(node, deep=True)})


def override(sandbox: Sandbox, services: str, inject: str) -> dict[str, object]:
    """The services of the generated override, which holds no value."""
    sandbox.write("docker/compose.yaml", f"services:\n{services}")
    with generated_files(stack(sandbox, table=f"inject = {inject}")) as found:
        (path,) = found.generated.values()
        assert found.argv("up", files=True)[-3:] == ["--file", str(path), "up"]
        text = path.read_text(encoding="utf-8")
    assert not path.exists()
    assert SECRET not in text
    services_found: dict[str, object] = yaml.load(text, Loader)["services"]
    return services_found


def test_every_variable_is_given_by_name(sandbox: Sandbox) -> None:
    """To the services that are listed, with the variable that holds the environment's name."""
    names = {"APP_ENV": None, "PASSWORD": None, "PIN": None}
    services = "  web: {image: x}\n  worker: {image: x}\n  db: {image: x}\n"
    assert override(sandbox, services, '["web", "worker"]') == {
        "web": {"environment": names},
        "worker": {"environment": names},
    }


def test_what_a_service_sets_itself_stays(sandbox: Sandbox) -> None:
    """In `environment`, as a mapping or a list, with a value or by name, or in an env file of its own."""
    sandbox.write("docker/web.env", "PIN=2\n")
    services = "  web: {image: x, env_file: web.env, environment: [PASSWORD=mine]}\n"
    assert override(sandbox, services, '["web"]') == {"web": {"environment": {"APP_ENV": None}}}


def test_the_projects_env_files_are_replaced(sandbox: Sandbox) -> None:
    """`env_file: ../.env` gives way to the names; another env file stays as it is, with an absolute path."""
    sandbox.write("docker/web.env", "PIN=2\n")
    entries = "[../.env, {path: ../.env.local, required: false}, {path: web.env, format: raw}]"
    found = override(sandbox, f"  web: {{image: x, env_file: {entries}}}\n", '"web"')
    kept = {"path": str(sandbox.root / "docker/web.env"), "required": True, "format": "raw"}
    assert found == {
        "web": {"environment": {"APP_ENV": None, "PASSWORD": None}, "env_file": {"override": [kept]}}
    }


def test_a_service_that_the_stack_does_not_have(sandbox: Sandbox) -> None:
    """The message names the table, the service and the nearest one."""
    with pytest.raises(ConfigInvalid) as caught:
        override(sandbox, "  web: {image: x}\n", '["wbe"]')
    assert str(caught.value) == (
        "pyproject.toml: [tool.envtasks.compose] inject names 'wbe', which is no service of the stack: did you mean "
        "web?\n  hint: services: web"
    )


@pytest.mark.parametrize(
    "value", ["false", "", "a \"b\" 'c' \\", "$x ${y} $$", "two\nlines", "#x # y", "\\n"]
)
def test_what_would_steer_docker_comes_by_an_env_file(sandbox: Sandbox, value: str) -> None:
    """DEBUG of the environment is not in docker's environment, and reaches the stack exactly; a secret stays there."""
    sandbox.write("docker/compose.yaml", "services: {}\n")
    with generated_files(replace(stack(sandbox), plain={"DEBUG": value})) as found:
        (path,) = found.generated.values()
        assert f"--env-file {path} --file" in " ".join(found.argv("up", files=True))
        assert values_of([path], {}) == {"DEBUG": value}


def test_which_variables_steer_docker(sandbox: Sandbox) -> None:
    """COMPOSE_PROFILES of an env file is for compose, DEBUG is not; compose files may refer to both."""
    sandbox.write(".env", "DEBUG=false\nCOMPOSE_PROFILES=x\n")
    found = stack(sandbox)
    assert found.plain == {"DEBUG": "false"}
    assert ("DEBUG" in found.child_env, found.values["DEBUG"]) == (False, "false")
    assert found.child_env["COMPOSE_PROFILES"] == "x"


def test_the_variable_of_the_environments_name(sandbox: Sandbox) -> None:
    """`environment-variable` names it for compose files and for the services of `inject`, in place of APP_ENV."""
    with (sandbox.root / "pyproject.toml").open("a", encoding="utf-8") as file:
        file.write('[tool.envtasks]\nenvironment-variable = "FLASK_ENV"\n')
    found = stack(sandbox)
    assert (found.variables[0], found.values["FLASK_ENV"]) == ("FLASK_ENV", "local")
    assert "APP_ENV" not in (*found.variables, *found.child_env)


def test_nothing_is_generated_in_a_dry_run(sandbox: Sandbox, capsys: pytest.CaptureFixture[str]) -> None:
    """The command shows the files by their names, and a note says that they are generated."""
    sandbox.write("docker/compose.yaml", "services: {web: {image: x}}\n")
    found = replace(stack(sandbox, table='inject = ["web"]'), dry=True)
    with generated_files(found) as dry:
        assert dry.argv("up", files=True)[-2] == "inject.yaml"
    assert not Path("inject.yaml").exists()
    assert capsys.readouterr().err == "note: inject.yaml is generated for the call.\n"


def test_nothing_is_generated_without_need(sandbox: Sandbox) -> None:
    """A stack without `inject` and without such variables is used as it is."""
    plain: Stack = stack(sandbox)
    with generated_files(plain) as found:
        assert found is plain
