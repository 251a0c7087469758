"""What the operations on a stack print, and which docker commands they use."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace

import pytest

from envtasks import compose
from envtasks.compose import Stack
from envtasks.config import Project
from tests.compose.stacks import PIN, SECRET, needs_sh, stack
from tests.projects import Sandbox

pytestmark = needs_sh
SCRIPT = """
echo "$*" >>{root}/calls
case "$*" in
  *" config "*) cat {root}/docker/compose.yaml ;;
  *" ps "*) echo '{{"Service": "app", "Name": "app-1", "State": "running"}}' ;;
  "volume ls"*) echo shop-local_data ;;
esac
"""


def script(sandbox: Sandbox, **service: object) -> str:
    """A docker that writes down its calls, with a stack of one service."""
    sandbox.write("docker/compose.yaml", json.dumps({"services": {"app": {"image": "x", **service}}}))
    return SCRIPT.format(root=sandbox.root)


def calls(sandbox: Sandbox) -> list[str]:
    """The calls of compose after its project's name, and other calls of docker."""
    lines = (sandbox.root / "calls").read_text(encoding="utf-8").splitlines()
    return [line.removeprefix("compose --project-name shop-local ") for line in lines]


def test_config_redacts_every_secret(sandbox: Sandbox) -> None:
    """As a value, inside a text, and, where it is too short to be searched for, under its name."""
    url = f"//u:{SECRET.replace('$', '$$')}@x"
    text = script(sandbox, environment={"PASSWORD": SECRET, "URL": url, "PIN": PIN, "OTHER": PIN})
    found = compose.config(stack(sandbox, text))
    assert found is not None
    assert found["services"]["app"]["environment"] == {
        "PASSWORD": "***",
        "URL": "//u:***@x",
        "PIN": "***",
        "OTHER": PIN,
    }


def test_down_names_what_it_has_stopped(sandbox: Sandbox, capfd: pytest.CaptureFixture[str]) -> None:
    """The services and the deleted volumes; compose gets no file, so nothing has to be set."""
    compose.down(stack(sandbox, script(sandbox)), volumes=True)
    assert capfd.readouterr().out == "local: ended app; deleted shop-local_data\n"
    assert "down --volumes --remove-orphans" in calls(sandbox)


def test_nothing_to_build(sandbox: Sandbox, capfd: pytest.CaptureFixture[str]) -> None:
    """A stack whose services all have an image of their own is not built, which a note says."""
    compose.build(stack(sandbox, script(sandbox)))
    assert "there is nothing to build" in capfd.readouterr().err
    assert not any("build" in call.split() for call in calls(sandbox))


BUILD = {"build": {"context": "."}}
UP = "--ansi never --progress plain up --detach"
FILE = "--file {root}/docker/compose.yaml "


@pytest.mark.parametrize(
    ("operation", "expected"),
    [
        (lambda it: compose.up(it, ["app"], build=True), f"{FILE}{UP} --build app"),
        (lambda it: compose.down(it, volumes=True), "down --volumes --remove-orphans"),
        (lambda it: compose.build(it, cache=False), f"{FILE}build --no-cache"),
        (lambda it: compose.config(it), f"{FILE}config --format json"),
        (lambda it: compose.ps(it), "ps --all --format json"),
        (lambda it: compose.logs(it, ["app"], lines=3), "--ansi never logs --tail 3 app"),
        (lambda it: compose.execute(it, "app", ["echo", SECRET]), "exec --no-TTY app echo '***'"),
    ],
)
def test_a_dry_run_prints_the_command_and_runs_nothing(
    sandbox: Sandbox, capfd: pytest.CaptureFixture[str], operation: Callable[[Stack], object], expected: str
) -> None:
    """Every operation prints docker's command, secrets redacted, and does not call docker."""
    found = replace(stack(sandbox, script(sandbox, **BUILD)), dry=True)
    operation(found)
    command = (
        f"{sandbox.root}/bin/docker compose --project-name shop-local {expected.format(root=sandbox.root)}\n"
    )
    assert capfd.readouterr() == (command, "")
    assert not (sandbox.root / "calls").exists()


def test_service_names_come_from_the_files_alone(sandbox: Sandbox) -> None:
    """Included files count, docker is not asked, and a broken file has none."""
    sandbox.write("docker/compose.yaml", "include: [more.yaml]\nservices: {app: {image: x}}\n")
    sandbox.write("docker/more.yaml", "services: {db: {image: x}}\n")
    assert compose.service_names(Project.load(sandbox.root)) == {"app", "db"}
    sandbox.write("docker/compose.yaml", "services: [")
    assert compose.service_names(Project.load(sandbox.root)) == frozenset()
