"""What counts as ready, what two stacks cannot both have, and how a start is shown on a terminal and in a pipe."""

from __future__ import annotations

import io
import json
from typing import Any

import pytest

from envtasks.compose import startup
from envtasks.compose.model import Model, read_sources
from envtasks.compose.stack import Address, Container, Stack
from envtasks.compose.startup import Readiness, addresses_to_open, conflicts, readiness
from envtasks.errors import ConfigInvalid, EnvtasksError, StackFailed, VariableMissing
from tests.compose.stacks import needs_sh, stack
from tests.projects import Sandbox


def container(service: str, health: str, *addresses: Address) -> Container:
    return Container(service, f"{service}-1", "running", health, 0, addresses)


def test_a_pipe_gets_each_change_once(capsys: pytest.CaptureFixture[str]) -> None:
    """Compose's lines as they come, and one line when a container's condition changes."""
    with startup.startup_view("local") as view:
        view.line(" Network x  Created")
        for health in ("starting", "starting", "healthy"):
            view.update([container("app", health), container("db", "healthy")])
    assert capsys.readouterr() == ("", " Network x  Created\n app: starting\n db: healthy\n app: healthy\n")


def test_a_terminal_gets_a_table_that_changes_in_place(monkeypatch: pytest.MonkeyPatch) -> None:
    """It shows environment, services, addresses and compose's last line, and is removed at the end."""

    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    terminal = Terminal()
    monkeypatch.setattr("sys.stderr", terminal)
    monkeypatch.setenv("TERM", "xterm")
    with startup.startup_view("local") as view:
        assert isinstance(view, startup.LiveView)
        view.update([container("app", "healthy", Address("0.0.0.0", 80, 8000))])
        view.line(" Container app-1  Started ")
        view.line("")
    for shown in (
        "local: starting the stack",
        "app",
        "healthy",
        "localhost:80",
        "Container app-1  Started",
    ):
        assert shown in terminal.getvalue()
    assert terminal.getvalue().endswith("\x1b[2K")


def test_rich_is_not_imported_for_a_pipe() -> None:
    """The import is paid for on a terminal only."""
    import subprocess
    import sys

    code = (
        "import sys; from envtasks.compose import startup\n"
        "with startup.startup_view('local') as view: view.line('x')\n"
        "print([name for name in sys.modules if name.partition('.')[0] == 'rich'])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"


@pytest.mark.parametrize(
    ("state", "health", "code", "must_stay_up", "expected", "condition"),
    [
        ("running", "", 0, True, Readiness.READY, "running"),
        ("running", "healthy", 0, True, Readiness.READY, "healthy"),
        ("running", "starting", 0, True, Readiness.WAITING, "starting"),
        ("running", "unhealthy", 0, True, Readiness.FAILED, "unhealthy"),
        ("exited", "", 0, False, Readiness.READY, "exited (0)"),
        ("exited", "", 0, True, Readiness.FAILED, "exited (0)"),
        ("exited", "", 3, False, Readiness.FAILED, "exited (3)"),
        ("created", "", 0, True, Readiness.WAITING, "created"),
        ("restarting", "starting", 1, True, Readiness.WAITING, "restarting"),
        ("dead", "", 0, False, Readiness.FAILED, "dead"),
    ],
)
def test_readiness(
    state: str, health: str, code: int, must_stay_up: bool, expected: Readiness, condition: str
) -> None:
    """Healthy, running without a check, or finished with 0 where it need not stay up is ready."""
    found = Container("app", "app-1", state, health, code, ())
    assert (readiness(found, must_stay_up=must_stay_up), found.condition) == (expected, condition)


RESOLVED: dict[str, Any] = {
    "services": {
        "app": {
            "build": {"context": "."},
            "container_name": "the-app",
            "ports": [
                {"target": 8000, "published": "8000", "protocol": "tcp", "host_ip": "127.0.0.1"},
                {"target": 53, "published": "5300", "protocol": "udp"},
                {"target": 70, "published": "7000-7009", "protocol": "tcp"},
                {"target": 9000, "protocol": "tcp"},
            ],
        },
        "mail": {"image": "mail", "ports": [{"target": 80, "published": "80", "app_protocol": "https"}]},
        "db": {"image": "db", "ports": [{"target": 5432, "published": "5432", "protocol": "tcp"}]},
    },
}


@pytest.mark.parametrize(
    ("held", "expected"),
    [
        (Address("0.0.0.0", 8000, 1), ["port 8000 (service app)"]),
        (Address("127.0.0.1", 8000, 1), ["port 8000 (service app)"]),
        (Address("192.0.2.1", 8000, 1), []),
        (Address("127.0.0.1", 8000, 1, "udp"), []),
        (Address("127.0.0.1", 5300, 1, "udp"), ["port 5300/udp (service app)"]),
        (Address("", 7000, 1), []),
        (Address("", 9000, 1), []),
        (Address("", 5432, 1), []),
    ],
)
def test_ports_that_another_stack_holds(held: Address, expected: list[str]) -> None:
    """The same port on the same address, or where one is bound on all; not a range that docker picks from."""
    theirs = [container("x", "healthy", held)]
    assert list(conflicts(RESOLVED, ["app"], theirs)) == expected


def test_container_names_that_another_stack_holds() -> None:
    """A fixed name conflicts with a container of that name that runs."""
    theirs = Container("x", "the-app", "running", "", 0, ())
    assert conflicts(RESOLVED, ["app"], [theirs]) == ("container name the-app (service app)",)
    assert conflicts(RESOLVED, ["mail"], [theirs]) == ()


def test_addresses_to_open_in_a_browser() -> None:
    """The ports of what the project builds, and those with the protocol http or https; never udp, never a database."""
    containers = [
        container("app", "", Address("127.0.0.1", 8000, 8000), Address("", 5300, 53, "udp")),
        container("mail", "", Address("", 80, 80)),
        container("db", "", Address("", 5432, 5432)),
    ]
    assert addresses_to_open(RESOLVED, containers) == ("http://127.0.0.1:8000", "https://localhost:80")


# a docker with one service: `up` writes the file `started`, and the container is in the state that $STATE says
ONE_SERVICE = """
case "$*" in
  *" ls "*) echo '[{"Name": "shop-dev"}]' ;;
  *--no-interpolate*|*" config "*) cat docker/compose.yaml ;;
  *"shop-dev ps"*) echo "$DEV" ;;
  *" ps "*) test -z "$STATE" || echo "{\\"Service\\": \\"app\\", \\"Name\\": \\"app-1\\", $STATE}" ;;
  *" up "*)
    touch started; echo " Container app-1  Started"; echo " app Pulling"; echo "port of $PASSWORD"
    exit "${UP:-0}" ;;
  "container logs"*) echo "first $PASSWORD"; echo second >&2 ;;
  *RestartCount*) echo >>restarts; echo "/app-1 $(wc -l <restarts)" ;;
  *Health*) echo "[{\\"ExitCode\\": 1, \\"Output\\": \\"no $PASSWORD\\"}]" ;;
  *) exit 97 ;;
esac
"""
SERVER = {"image": "x", "ports": [{"target": 1, "published": "80"}]}


def start(
    sandbox: Sandbox,
    monkeypatch: pytest.MonkeyPatch,
    *,
    service: dict[str, Any] = SERVER,
    timeout: int = 60,
    **process_env: str,
) -> tuple[Container, ...]:
    """Start a stack of one service with that docker; `process_env` has STATE and what else the script asks for."""
    monkeypatch.chdir(sandbox.root)
    sandbox.environment("dev")
    sandbox.write("docker/compose.yaml", json.dumps({"services": {"app": service}}))
    found = stack(sandbox, ONE_SERVICE, **process_env)
    return startup.start(found, [], wait=True, build=False, timeout=timeout)


@needs_sh
def test_a_start_returns_when_the_services_are_healthy(
    sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The containers come back in the state that they are in then; what compose prints goes to stderr."""
    found = start(sandbox, monkeypatch, STATE='"State": "running", "Health": "healthy"')
    assert [container.row for container in found] == [("app", "healthy", "")]
    assert " Container app-1  Started\n" in capsys.readouterr().err


@needs_sh
@pytest.mark.parametrize(
    ("state", "service", "timeout", "reason"),
    [
        ('"State": "exited", "ExitCode": 3', {"image": "x"}, 60, "app exited with 3"),
        ('"State": "exited"', SERVER, 60, "app exited with 0"),
        ('"State": "running", "Health": "unhealthy"', SERVER, 60, "app is unhealthy"),
        ('"State": "running", "Health": "starting"', SERVER, 1, "app is starting after 1 s"),
        ('"State": "running"', {"image": "x", "restart": "always"}, 60, "app keeps restarting"),
    ],
)
def test_a_failed_start_shows_state_and_log(
    sandbox: Sandbox,
    monkeypatch: pytest.MonkeyPatch,
    state: str,
    service: dict[str, Any],
    timeout: int,
    reason: str,
) -> None:
    """The error names the service and its state, and ends with the last log lines, secrets redacted."""
    with pytest.raises(StackFailed) as caught:
        start(sandbox, monkeypatch, service=service, timeout=timeout, STATE=state)
    assert str(caught.value) == (
        f"The stack of local did not come up: {reason}.\n    app | first ***\n    app | second\n"
        "    app health check | no ***\n"
        "  hint: inv compose.logs app --env local shows all of it"
    )


def test_what_is_returned_is_what_was_found_ready(sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    """No later listing, in which a service may have ended: `up` would show that with exit code 0."""
    states = iter(["running"] * 3 + ["exited"] * 9)
    sandbox.write("docker/compose.yaml", json.dumps({"services": {"app": {"image": "x"}}}))
    monkeypatch.setattr(Stack, "containers", lambda *_: (Container("app", "app-1", next(states), "", 3, ()),))
    monkeypatch.setattr(startup, "POLL", 0)
    made = stack(sandbox, ONE_SERVICE)
    services = {"services": {"app": {"image": "x"}}}
    model = Model(services, ("app",), read_sources([], {}), sandbox.root, sandbox.root)

    (found,) = startup.wait_until_ready(made, model, startup.PlainView(), 60)

    assert found.condition == "running"


@needs_sh
def test_compose_says_itself_why_it_ended_where_a_service_is_unwell_too(
    sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    """That service may be left from an earlier start; the pull's progress is left out."""
    with pytest.raises(StackFailed) as caught:
        start(sandbox, monkeypatch, STATE='"State": "exited", "ExitCode": 3', UP="1")
    assert caught.value.message.startswith(
        "The stack of local did not come up: app exited with 3.\n    port of ***\n    app | first ***\n"
    )


@needs_sh
def test_a_job_that_has_finished_is_no_failure(sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    """A service without port, health check and restarts may end with 0."""
    (found,) = start(sandbox, monkeypatch, service={"image": "x"}, STATE='"State": "exited"')
    assert found.condition == "exited (0)"


@needs_sh
def test_an_error_of_compose_itself(sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where no container has failed, compose's own last lines are the reason, without its progress."""
    with pytest.raises(StackFailed) as caught:
        start(sandbox, monkeypatch, STATE="", UP="1")
    assert str(caught.value) == "The stack of local did not come up.\n    port of ***"


@needs_sh
@pytest.mark.parametrize(
    ("text", "error"),
    [
        ('{"services": {"app": {"image": "${UNSET}"}}}', VariableMissing),
        ('{"include": ["sub/more.yaml"], "services": {"app": {"image": "x"}}}', ConfigInvalid),
    ],
)
def test_nothing_starts_while_the_model_is_refused(
    sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch, text: str, error: type[EnvtasksError]
) -> None:
    """A variable that is missing, or a `.env` that compose would read by itself, is an error before `up`."""
    monkeypatch.chdir(sandbox.root)
    sandbox.write("docker/compose.yaml", text)
    sandbox.write("docker/sub/more.yaml", "services: {}\n")
    sandbox.write("docker/sub/.env", "A=1\n")
    with pytest.raises(error):
        startup.start(stack(sandbox, ONE_SERVICE), [], wait=True, build=False, timeout=60)
    assert not (sandbox.root / "started").exists()


@needs_sh
def test_a_conflict_is_refused_before_anything_starts(
    sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The message names the environment whose stack runs and what both need; `up` is not called."""
    publishers = '[{"URL": "", "TargetPort": 1, "PublishedPort": 80, "Protocol": "tcp"}]'
    dev = f'{{"Service": "web", "Name": "web-1", "State": "running", "Publishers": {publishers}}}'
    with pytest.raises(StackFailed) as caught:
        start(sandbox, monkeypatch, DEV=dev, STATE='"State": "running"')
    assert str(caught.value) == (
        "The stack of dev is up and holds what local needs: port 80 (service app).\n"
        "  hint: inv compose.down --env dev, or give each environment its own with ${NAME}"
    )
    assert not (sandbox.root / "started").exists()
