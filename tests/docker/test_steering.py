"""Variables of env files that would steer docker's own programs, and how they are handed over."""

from __future__ import annotations

from pathlib import Path

from envtasks.docker.build_inputs import BuildInputs
from envtasks.docker.steering import Steering
from tests.hydrations import hydrated


def test_docker_does_not_get_what_would_steer_it(tmp_path: Path) -> None:
    """DEBUG, DOCKER_*, BUILDKIT_*, COMPOSE_* and OTEL_* of an env file stay out of docker's environment."""
    names = [
        "DEBUG",
        "DOCKER_BUILDKIT",
        "BUILDKIT_PROGRESS",
        "COMPOSE_FILE",
        "OTEL_EXPORTER_OTLP_ENDPOINT",
        "DEBUGGER",
    ]
    values = hydrated(tmp_path, "".join(f"{name}=x\n" for name in names))
    env = Steering.of(values).docker_env(values.child_env())
    assert [name for name in values if name in env] == ["DEBUGGER"]


def test_what_the_process_environment_sets_is_for_docker(tmp_path: Path) -> None:
    """DOCKER_CONTEXT of the shell reaches docker, also where a file has the name too."""
    values = hydrated(tmp_path, "DEBUG=false\n", process={"DEBUG": "1", "DOCKER_CONTEXT": "remote"})
    env = Steering.of(values).docker_env(values.child_env())
    assert (env["DEBUG"], env["DOCKER_CONTEXT"]) == ("1", "remote")


def test_what_is_allowed_to_steer_reaches_docker(tmp_path: Path) -> None:
    """What `allow-steering` lists is for docker too."""
    values = hydrated(tmp_path, "DEBUG=1\nDOCKER_BUILDKIT=0\n")
    assert Steering.of(values, ["DOCKER_BUILDKIT"]).values == {"DEBUG": "1"}


def test_an_outer_hydration_does_not_make_them_dockers(tmp_path: Path) -> None:
    """What an outer `inv` put into the process environment is still the env file's."""
    outer = hydrated(tmp_path, "DEBUG=false\n").child_env()
    assert Steering.of(hydrated(tmp_path, "DEBUG=false\n", process=outer)).values == {"DEBUG": "false"}


def test_a_value_that_is_not_worth_hiding_is_none(tmp_path: Path) -> None:
    """In a file that is encrypted as a whole DEBUG=1 is a secret by form only, and stays out of docker."""
    values = hydrated(tmp_path, "DEBUG=1\nDOCKER_TOKEN=hub-0123456789\n", secret=["DEBUG", "DOCKER_TOKEN"])
    steering = Steering.of(values)
    assert (steering.secrets, steering.argument("DEBUG")) == (frozenset({"DOCKER_TOKEN"}), "DEBUG=1")


def test_they_go_into_a_build_by_other_means(tmp_path: Path) -> None:
    """A plain build arg with its value, a secret one by name, a mount under another name of docker's environment."""
    values = hydrated(
        tmp_path,
        "DEBUG=false\nDOCKER_TOKEN=s3cret\nDOCKER_PIN=p1n-0123\nPLAIN=1\n",
        secret=["DOCKER_TOKEN", "DOCKER_PIN"],
    )
    steering = Steering.of(values)
    inputs = BuildInputs(("PLAIN", "DEBUG", "DOCKER_PIN"), ("DOCKER_TOKEN", "PLAIN"), ("DOCKER_PIN",))
    env = steering.docker_env(values.child_env(), arguments=inputs.build_args, mounts=inputs.secrets)

    assert inputs.options(steering) == [
        "--build-arg=PLAIN",
        "--build-arg=DEBUG=false",
        "--build-arg=DOCKER_PIN",
        "--secret=id=DOCKER_TOKEN,env=ENVTASKS_DOCKER_TOKEN",
        "--secret=id=PLAIN,env=PLAIN",
    ]
    found = {name: env.get(name) for name in ("DEBUG", "DOCKER_TOKEN", "ENVTASKS_DOCKER_TOKEN", "DOCKER_PIN")}
    assert found == {
        "DEBUG": None,
        "DOCKER_TOKEN": None,
        "ENVTASKS_DOCKER_TOKEN": "s3cret",
        "DOCKER_PIN": "p1n-0123",
    }
    assert "s3cret" not in repr(steering)
