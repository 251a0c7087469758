"""Building and pushing by the rules, and the command that runs an image."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

import pytest

from envtasks.config import Project
from envtasks.docker import BuildOptions, build_image, push_image, run_command
from envtasks.docker.images import push, push_by_digest
from envtasks.errors import BuildFailed, ConfigInvalid, LeakFound, Refused
from envtasks.redaction import Redactor
from tests.docker.test_build import project_with_builder
from tests.fakes import fake_docker
from tests.hydrations import hydrated

TEXT = "DB_HOST=db.example.com\nDB_PASSWORD=marked-value\nCACHE_URL=x\nUV_INDEX_A_PASSWORD=marked-too\n"


def project(root: Path, deploy: Mapping[str, object] | None = None) -> Project:
    """A project without settings of its own."""
    return Project(root=root, name="shop", environments={}, tables={"docker": {}, "deploy": deploy or {}})


def test_the_variables_of_the_settings_class_are_passed_by_name(tmp_path: Path) -> None:
    """Those that the environment has, by name alone, then the image and the command."""
    words = run_command(
        project(tmp_path),
        hydrated(tmp_path, TEXT, secret=["DB_PASSWORD"]),
        ["python", "-c", "print(1)"],
        variables=["APP_ENV", "DB_PASSWORD", "DB_HOST", "ABSENT"],
        publish=["127.0.0.1:8000:8000"],
        terminal=True,
    )

    assert words == [
        "docker",
        "run",
        "--rm",
        "--init",
        "--interactive",
        "--tty",
        "--pull=never",
        "--env=APP_ENV",
        "--env=DB_HOST",
        "--env=DB_PASSWORD",
        "--publish=127.0.0.1:8000:8000",
        "shop:staging",
        "python",
        "-c",
        "print(1)",
    ]


@pytest.mark.parametrize("setting", [{}, {"allowlist": "elsewhere.txt"}])
def test_without_a_settings_class_the_allowlist_decides(
    tmp_path: Path, setting: Mapping[str, object]
) -> None:
    """Names and patterns of deploy/env.allowlist, or of the file that is set instead."""
    path = tmp_path / str(setting.get("allowlist", "deploy/env.allowlist"))
    path.parent.mkdir(exist_ok=True)
    path.write_text("# the service\nDB_*\nABSENT optional\n", encoding="utf-8")

    words = run_command(project(tmp_path, setting), hydrated(tmp_path, TEXT), tag="other:1")

    assert words[5:] == ["--env=DB_HOST", "--env=DB_PASSWORD", "other:1"]


def test_without_a_settings_class_and_an_allowlist_nothing_is_passed(tmp_path: Path) -> None:
    """No settings class and no allowlist is ConfigInvalid, as no variable may go in by chance."""
    with pytest.raises(ConfigInvalid, match=r"there is no settings class and no allowlist"):
        run_command(project(tmp_path), hydrated(tmp_path, TEXT))


@pytest.mark.parametrize(
    ("docker", "tag", "pulls"),
    [({}, None, False), ({}, "a:1", True), ({"registry": "r.example.com"}, None, True)],
)
def test_only_a_chosen_registry_is_asked_for_an_image(
    tmp_path: Path, docker: Mapping[str, object], tag: str | None, pulls: bool
) -> None:
    """An image that is not here is not looked for in the public registry, where the name may be somebody else's."""
    made = Project(root=tmp_path, name="shop", environments={}, tables={"docker": docker})

    words = run_command(made, hydrated(tmp_path, TEXT), variables=[], tag=tag)

    assert ("--pull=never" in words) is not pulls


def test_a_push_needs_an_audit(tmp_path: Path) -> None:
    """A push without an audit is Refused before anything is looked at."""
    project, _ = project_with_builder(tmp_path, "docker")

    with pytest.raises(Refused):
        build_image(project, hydrated(tmp_path, "A=1\n"), BuildOptions(audit=False, push=True))


def test_dry_prints_the_command_and_builds_nothing(
    tmp_path: Path, capfdbinary: pytest.CaptureFixture[bytes]
) -> None:
    """With `dry` the docker command is printed and not run."""
    project, env = project_with_builder(tmp_path, "docker")
    values = hydrated(tmp_path, "A=1\n", process=env)

    assert build_image(project, values, BuildOptions(), dry=True) is None
    shown = capfdbinary.readouterr().out.decode()
    assert shown.endswith(" --load --tag=shop:staging\n")
    assert not (tmp_path / "built").exists()


def test_a_dry_push_prints_the_command_and_pushes_nothing(
    tmp_path: Path, capfdbinary: pytest.CaptureFixture[bytes]
) -> None:
    """With `dry` the docker command is printed and not run."""
    made, env = project_with_builder(tmp_path, "docker")

    assert push_image(made, hydrated(tmp_path, "A=1\n", process=env), dry=True) is None
    assert capfdbinary.readouterr().out == b"docker image push shop:staging\n"
    assert not (tmp_path / "built").exists()


def test_a_leak_is_found_before_anything_is_pushed(tmp_path: Path) -> None:
    """The engine's image is audited by its id first; what the audit raises ends the push."""
    script = f"""echo "$@" >> {tmp_path}/calls; echo '[{{"Id": "sha256:one"}}]'"""
    audited: list[tuple[str, str]] = []

    def leaky(image: str, label: str) -> None:
        audited.append((image, label))
        raise LeakFound("a secret")

    with pytest.raises(LeakFound):
        push("shop:staging", fake_docker(tmp_path, script), check=leaky, redactor=Redactor(()))

    assert audited == [("sha256:one", "shop:staging")]
    assert "push" not in (tmp_path / "calls").read_text(encoding="utf-8")


@pytest.mark.parametrize("config", ["sha256:one", "sha256:other"])
def test_the_registrys_manifest_must_name_the_audited_image(tmp_path: Path, config: str) -> None:
    """After the push the manifest under the tag is compared with the image; another image is BuildFailed."""
    manifest = {
        "schemaVersion": 2,
        "mediaType": "x",
        "config": {"mediaType": "x", "digest": config, "size": 1},
    }
    script = f"""
    case "$*" in
      *imagetools*) echo '{json.dumps(manifest)}';;
      *inspect*) echo '[{{"Id": "sha256:one", "RepoDigests": []}}]';;
    esac
    """
    env = fake_docker(tmp_path, script)

    if config == "sha256:one":
        pushed = push("shop:staging", env, check=lambda image, label: None, redactor=Redactor(()))
        assert pushed.images == ("sha256:one",)
        return
    with pytest.raises(BuildFailed, match="is not the image that was audited"):
        push("shop:staging", env, check=lambda image, label: None, redactor=Redactor(()))


def test_a_leak_is_told_though_the_pulled_image_stays(tmp_path: Path) -> None:
    """What was pulled to be audited may be in use by now; that does not take the place of what was found."""
    manifest = {"schemaVersion": 2, "mediaType": "x", "config": {"mediaType": "x", "digest": "y", "size": 1}}
    script = f"""
    cd {tmp_path}
    case "$*" in
      *imagetools*) echo '{json.dumps(manifest)}';;
      *pull*) touch pulled;;
      *inspect*) test -e pulled || {{ echo 'No such image: x' >&2; exit 1; }}; echo '[{{"Id": "sha256:one"}}]';;
      *) echo 'image is being used' >&2; exit 1;;
    esac
    """

    def leaky(image: str, label: str) -> None:
        raise LeakFound("a secret")

    with pytest.raises(LeakFound):
        push_by_digest(
            "r/shop:1", "sha256:x", fake_docker(tmp_path, script), check=leaky, redactor=Redactor(())
        )
