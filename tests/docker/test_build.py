"""The plan and the command line of a build, its result and its failures, with a script in place of docker."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import pytest

from envtasks.config import Project
from envtasks.docker import BuildOptions, BuiltImage, ImageSettings
from envtasks.docker.build import NO_PROVENANCE, BuildPlan, build, build_command, plan_build
from envtasks.docker.build_inputs import BuildInputs
from envtasks.docker.dockerfile import Dockerfile, Stage
from envtasks.errors import BuildFailed, ConfigInvalid, ToolMissing
from envtasks.redaction import Redactor
from tests.docker.test_progress import T0, T1, log, vertex
from tests.fakes import fake_docker
from tests.hydrations import hydrated

pytestmark = pytest.mark.skipif(
    sys.platform == "win32", reason="the script in place of docker is a shell script"
)
CREDENTIAL = BuildInputs(("APP_ENV", "INDEX_TOKEN"), ("OTHER",), ("INDEX_TOKEN",))
BOTH = ("linux/amd64", "linux/arm64")


def plan(root: Path, script: str = "", **changes: object) -> BuildPlan:
    """A plan for a folder, with a docker that runs this script."""
    dockerfile = Dockerfile(
        "runtime",
        (),
        (),
        (Stage("runtime", "scratch", 1, "FROM scratch AS runtime"),),
        "FROM scratch AS runtime\n",
    )
    made = BuildPlan(
        settings=ImageSettings(root=root, file=root / "Dockerfile", context=root, image="shop"),
        options=BuildOptions(),
        reference="shop:staging",
        environment="staging",
        dockerfile=dockerfile,
        inputs=BuildInputs(("APP_ENV",)),
        driver="docker",
        child_env={**fake_docker(root, script), **NO_PROVENANCE, "INDEX_TOKEN": "marked-value"},
        redactor=Redactor(["marked-value"]),
    )
    return replace(made, **changes)  # type: ignore[arg-type]


def options(made: BuildPlan) -> list[str]:
    """docker's options of a plan, without the program, the folder and the file."""
    words = build_command(made)
    assert words[1:4] == ["buildx", "build", str(made.settings.context)]
    return [word for word in words[4:] if not word.startswith("--file=")]


def test_a_plain_build_loads_the_image_and_asks_for_no_attestation(tmp_path: Path) -> None:
    """Build args by name, the image to load and its tag; no attestation is asked of the docker driver."""
    assert options(plan(tmp_path)) == ["--build-arg=APP_ENV", "--load", "--tag=shop:staging"]


@pytest.mark.parametrize(
    ("platforms", "inputs", "flags"),
    [
        ((), BuildInputs(), []),
        ((), BuildInputs((), ("OTHER",)), []),
        ((), CREDENTIAL, ["--provenance=false"]),
        (BOTH, BuildInputs((), ("OTHER",)), ["--provenance=mode=min"]),
        (BOTH, CREDENTIAL, ["--provenance=false"]),
    ],
)
def test_an_attestation_never_holds_a_build_args_value(
    tmp_path: Path, platforms: tuple[str, ...], inputs: BuildInputs, flags: list[str]
) -> None:
    """With a credential as build arg there is no attestation; what goes to a registry has the minimal one."""
    made = plan(tmp_path, driver="docker-container", inputs=inputs, options=BuildOptions(push=True))
    words = options(replace(made, settings=replace(made.settings, platforms=platforms)))

    assert [word for word in words if "provenance" in word or "attest" in word] == flags


@pytest.mark.parametrize(
    ("driver", "network", "flags"),
    [
        ("docker", "host", ["--network=host"]),
        ("remote", "host", ["--network=host", "--allow=network.host"]),
        ("remote", "none", ["--network=none"]),
        ("docker", None, []),
    ],
)
def test_the_hosts_network_is_allowed_where_a_driver_requires_it(
    tmp_path: Path, driver: str, network: str | None, flags: list[str]
) -> None:
    """The docker driver needs no entitlement for network=host, the others do."""
    settings = ImageSettings(
        root=tmp_path, file=tmp_path / "D", context=tmp_path, image="shop", network=network
    )
    words = options(plan(tmp_path, driver=driver, settings=settings))

    assert [word for word in words if "network" in word] == flags


@pytest.mark.parametrize("tag", [":1", ""])
def test_several_platforms_are_pushed_by_digest(tmp_path: Path, tag: str) -> None:
    """They cannot be loaded, so the repository is named without a tag; every setting becomes an option."""
    settings = ImageSettings(
        root=tmp_path,
        file=tmp_path / "Dockerfile",
        context=tmp_path,
        image="shop",
        target="runtime",
        platforms=BOTH,
        add_hosts={"index.example.com": "10.0.0.7"},
    )
    reference = f"registry.example.com:5000/shop{tag}"

    words = options(
        plan(
            tmp_path,
            driver="docker-container",
            settings=settings,
            options=BuildOptions(push=True),
            reference=reference,
        )
    )

    assert words == [
        "--target=runtime",
        "--build-arg=APP_ENV",
        "--platform=linux/amd64,linux/arm64",
        "--add-host=index.example.com:10.0.0.7",
        "--provenance=mode=min",
        "--output=type=image,name=registry.example.com:5000/shop,push-by-digest=true,name-canonical=true,push=true",
    ]


METADATA = """
case "$*" in "image inspect"*) echo '[{"Id": "'$IS'"}]'; exit;; esac
for word; do case "$word" in --metadata-file=*) echo "$TOLD" > "${word#*=}";; esac; done
"""
TOLD = json.dumps(
    {"containerimage.config.digest": "sha256:config", "containerimage.digest": "sha256:manifest"}
)


@pytest.mark.parametrize(
    ("push", "engine_says", "image", "digest"),
    [
        (False, "sha256:config", "sha256:config", ""),
        (False, "sha256:manifest", "sha256:manifest", ""),  # the containerd image store
        (True, "", "", "sha256:manifest"),
    ],
)
def test_the_result_names_the_image(
    tmp_path: Path, push: bool, engine_says: str, image: str, digest: str
) -> None:
    """A loaded image has the engine's id; one that is only in the registry has the manifest's digest."""
    made = plan(tmp_path, METADATA, inputs=CREDENTIAL, options=BuildOptions(push=push))
    settings = replace(made.settings, platforms=BOTH if push else ())
    made = replace(made, settings=settings, child_env={**made.child_env, "TOLD": TOLD, "IS": engine_says})

    assert build(made) == BuiltImage(
        reference="shop:staging",
        image=image,
        digest=digest,
        environment="staging",
        target="runtime",
        platforms=settings.platforms,
        build_args=("APP_ENV", "INDEX_TOKEN"),
        secrets=("OTHER",),
    )


def test_another_image_under_the_tag_is_an_error(tmp_path: Path) -> None:
    """If the tag names another image when the build has ended, that is BuildFailed, and nothing is audited."""
    made = plan(tmp_path, METADATA)
    made = replace(made, child_env={**made.child_env, "TOLD": TOLD, "IS": "sha256:other"})

    with pytest.raises(BuildFailed, match="another build has taken the tag meanwhile"):
        build(made)


def test_docker_runs_in_the_child_environment_without_provenance_in_its_metadata(tmp_path: Path) -> None:
    """The values are in docker's environment, with the variable that keeps them out of its metadata file."""
    made = plan(tmp_path, f'env > "{tmp_path}/seen"; {METADATA}')

    build(replace(made, child_env={**made.child_env, "TOLD": TOLD, "IS": "sha256:config"}))

    seen = (tmp_path / "seen").read_text(encoding="utf-8").splitlines()
    assert {"INDEX_TOKEN=marked-value", "BUILDX_METADATA_PROVENANCE=disabled"} <= set(seen)


def test_the_message_on_a_failed_step_ends_with_its_output(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The message has the step, its place, its exit code and, at the end, its output; all of it redacted."""
    told = [
        vertex("a", "[2/2] RUN echo marked-value", started=T0),
        log("a", b"one\nit is marked-value\n"),
        vertex("a", "x", started=T0, completed=T1, error='process "x" did not complete: exit code: 3'),
        "Dockerfile:3\n--------------------\nERROR: failed to solve: marked-value\n",
    ]
    (tmp_path / "said").write_text("".join(told), encoding="utf-8")

    with pytest.raises(BuildFailed) as raised:
        build(plan(tmp_path, f'cat "{tmp_path}/said" >&2; exit 1'))

    assert raised.value.message == (
        "shop:staging was not built: step [2/2] RUN echo *** failed with exit code: 3, Dockerfile:3.\n"
        "  one\n  it is ***"
    )
    assert capsys.readouterr().err.splitlines()[:3] == ["#1 [2/2] RUN echo ***", "#1 one", "#1 it is ***"]


def test_the_message_on_a_step_without_output_ends_with_buildkits_reason(tmp_path: Path) -> None:
    """A step that printed nothing is explained by its error."""
    (tmp_path / "said").write_text(
        vertex("a", "[1/2] FROM nowhere.example.com/x", started=T0, completed=T1, error="not found"),
        encoding="utf-8",
    )

    with pytest.raises(BuildFailed) as raised:
        build(plan(tmp_path, f'cat "{tmp_path}/said" >&2; exit 1'))

    assert raised.value.message == (
        "shop:staging was not built: step [1/2] FROM nowhere.example.com/x failed.\n  not found"
    )


def test_a_failure_before_any_step_is_dockers_own_message(tmp_path: Path) -> None:
    """When no step failed, what docker printed is the message."""
    with pytest.raises(BuildFailed) as raised:
        build(plan(tmp_path, 'echo "ERROR: no space for marked-value" >&2; exit 1'))

    assert raised.value.message == "shop:staging was not built: ERROR: no space for ***"


def project_with_builder(root: Path, driver: str) -> tuple[Project, Mapping[str, str]]:
    """A project, and a docker that answers what a plan asks; anything else leaves the file `built`."""
    (root / "Dockerfile").write_text("FROM scratch AS one\n", encoding="utf-8")
    place = {"ranges": [{"start": {"line": 1}}]}
    outline = json.dumps({"name": "one"})
    targets = json.dumps({"targets": [{"name": "one", "base": "scratch", "location": place}]})
    builder = json.dumps({"Name": "default", "Driver": driver, "Nodes": []})
    script = f"""
    echo "$@" >> '{root}/calls'
    case "$*" in
      *--call=outline*) echo '{outline}';;
      *--call=targets*) echo '{targets}';;
      "buildx inspect") echo 'Name: default';;
      "buildx ls"*) echo '{builder}';;
      *) touch '{root}/built';;
    esac
    """
    return Project(root=root, name="shop", environments={}, tables={"docker": {}}), fake_docker(root, script)


@pytest.mark.parametrize(
    ("driver", "push", "error", "message"),
    [
        (
            "docker-container",
            False,
            ConfigInvalid,
            (
                "An image for linux/amd64, linux/arm64 "
                "cannot be loaded into the engine by a builder of the docker-container driver."
            ),
        ),
        (
            "docker",
            True,
            ToolMissing,
            "An image for linux/amd64, linux/arm64 cannot be pushed by the builder in use: its driver is docker.",
        ),
        ("docker-container", True, None, ""),
        ("docker", False, None, ""),
    ],
)
def test_a_builder_that_cannot_build_this_is_an_error_before_the_build(
    tmp_path: Path, driver: str, push: bool, error: type[Exception] | None, message: str
) -> None:
    """Several platforms need a builder that can hold them, and a registry to go to."""
    project, env = project_with_builder(tmp_path, driver)
    values = hydrated(tmp_path, "A=1\n", process=env)

    asked = BuildOptions(platforms=BOTH, push=push)

    if error is None:
        assert plan_build(project, values, asked).by_digest is push
        return
    with pytest.raises(error) as raised:
        plan_build(project, values, asked)
    assert getattr(raised.value, "message", "") == message


def test_options_win_over_the_settings(tmp_path: Path) -> None:
    """--tag, --target and --platform win; the child environment has no provenance; no value is in the repr."""
    project, env = project_with_builder(tmp_path, "docker")
    values = hydrated(tmp_path, "INDEX_TOKEN=marked-value\n", secret=["INDEX_TOKEN"], process=env)

    made = plan_build(project, values, BuildOptions(tag="other:1", target="one", platforms=("linux/arm64",)))

    assert (made.reference, made.settings.target, made.settings.platforms) == (
        "other:1",
        "one",
        ("linux/arm64",),
    )
    assert made.child_env["BUILDX_METADATA_PROVENANCE"] == "disabled"
    assert made.child_env["INDEX_TOKEN"] == "marked-value"
    assert "marked-value" not in repr(made)


def test_the_outline_gets_no_secret(tmp_path: Path) -> None:
    """The outline prints the values of the build args that it is given: it is given plain ones alone, by name."""
    project, env = project_with_builder(tmp_path, "docker")
    (tmp_path / "Dockerfile").write_text(
        "FROM ${VARIANT}\nARG TOKEN\nARG UV_INDEX_A_PASSWORD\n", encoding="utf-8"
    )
    text = "VARIANT=slim\nTOKEN=marked-value\nUV_INDEX_A_PASSWORD=1234\n"

    plan_build(project, hydrated(tmp_path, text, secret=["TOKEN"], process=env), BuildOptions())

    calls = (tmp_path / "calls").read_text(encoding="utf-8")
    assert re.findall(r"--build-arg=\S+", calls) == ["--build-arg=VARIANT"] * 2
