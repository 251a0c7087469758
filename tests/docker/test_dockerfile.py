"""What a Dockerfile declares, as BuildKit's outline and targets have it: with a script in place of docker."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

from envtasks.docker import ImageSettings
from envtasks.docker.dockerfile import (
    Argument,
    Dockerfile,
    SecretMount,
    Stage,
    read_dockerfile,
    secret_mounts,
)
from envtasks.errors import BuildFailed
from envtasks.redaction import Redactor
from tests.fakes import fake_docker

TEXT = """\
ARG VARIANT=full
FROM scratch AS slim
RUN <<SCRIPT
ARG IN_A_HEREDOC
SCRIPT
FROM scratch AS Full
arg ONE=1 \\
    # a comment

    TWO
run first
FROM ${VARIANT:-full}
RUN second
"""


def place(line: int) -> dict[str, object]:
    """A place in the file, as BuildKit gives it."""
    return {"location": {"ranges": [{"start": {"line": line}}]}}


@pytest.mark.skipif(sys.platform == "win32", reason="the script in place of docker is a shell script")
def test_outline_and_targets_are_read(tmp_path: Path) -> None:
    """Arguments, secret mounts and stages have their lines; plain names that the file mentions are passed."""
    outline = {
        "name": "full",
        "args": [{"name": "VARIANT", "value": "full", **place(1)}, {"name": "TWO", **place(7)}],
        "secrets": [{"name": "TOKEN", "required": True, **place(11)}, {"name": "OTHER", **place(11)}],
    }
    targets = [
        {"name": "slim", "base": "scratch", **place(2)},
        {"name": "full", "base": "scratch", **place(6)},
    ]
    (tmp_path / "outline").write_text(json.dumps(outline), encoding="utf-8")
    (tmp_path / "targets").write_text(json.dumps({"targets": targets}), encoding="utf-8")
    script = f"""
    echo "$@" >> {tmp_path}/calls
    case "$*" in *--call=outline*) cat {tmp_path}/outline;; *) cat {tmp_path}/targets;; esac
    """
    settings = ImageSettings(root=tmp_path, file=tmp_path / "D", context=tmp_path, image="x", target="full")
    settings.file.write_text(TEXT, encoding="utf-8")

    found = read_dockerfile(
        settings,
        fake_docker(tmp_path, script),
        plain={"VARIANT": "VARIANT", "ELSEWHERE": "x"},
        redactor=Redactor(()),
    )

    assert found.target == "full"
    assert found.arguments == (Argument("VARIANT", "full", 1), Argument("TWO", None, 7))
    assert found.secret_mounts == (SecretMount("TOKEN", True, 11), SecretMount("OTHER", False, 11))
    assert [(stage.name, stage.line) for stage in found.stages] == [("slim", 2), ("full", 6)]
    assert found.stages[0].text == "\n".join(TEXT.splitlines()[1:5])
    calls = (tmp_path / "calls").read_text(encoding="utf-8").splitlines()
    assert ["--build-arg=VARIANT" in call and "ELSEWHERE" not in call for call in calls] == [True, True]
    assert "--target=full" in calls[0]


@pytest.mark.skipif(sys.platform == "win32", reason="the script in place of docker is a shell script")
def test_a_wrong_dockerfile_is_buildkits_own_message(tmp_path: Path) -> None:
    """What BuildKit rejects is BuildFailed with its words, values redacted."""
    settings = ImageSettings(root=tmp_path, file=tmp_path / "D", context=tmp_path, image="x")
    settings.file.write_text("RUUN\n", encoding="utf-8")
    progress = 'case "$*" in *--progress=quiet*) ;; *) echo "#1 transferring dockerfile" >&2;; esac'
    env = fake_docker(
        tmp_path, f'{progress}; echo "ERROR: unknown instruction: RUUN marked-value" >&2; exit 1'
    )

    with pytest.raises(BuildFailed, match=r"^D cannot be built: ERROR: unknown instruction: RUUN \*\*\*$"):
        read_dockerfile(settings, env, plain={}, redactor=Redactor(["marked-value"]))


def dockerfile(target: str, base: str = "${VARIANT:-full}", *arguments: Argument) -> Dockerfile:
    """Three stages, the last without a name."""
    lines = TEXT.splitlines()
    stages = (
        Stage("slim", "scratch", 2, "\n".join(lines[1:5])),
        Stage("Full", "scratch", 6, "\n".join(lines[5:11])),
        Stage("2", base, 12, "\n".join(lines[11:])),
    )
    return Dockerfile(target, arguments, (), stages, TEXT)


@pytest.mark.parametrize(
    ("base", "arguments", "stages"),
    [
        ("full", [], ["2", "Full"]),
        ("FULL", [], ["2", "Full"]),
        ("$VARIANT", [Argument("VARIANT", "slim", 1)], ["2", "slim"]),
        ("${VARIANT:-full}", [Argument("VARIANT", "slim", 1)], ["2", "slim"]),
        ("${VARIANT:-full}", [Argument("VARIANT", "", 1)], ["2", "Full"]),
        ("${VARIANT-full}", [Argument("VARIANT", "", 1)], ["2"]),
        ("${VARIANT:-full}", [], ["2", "Full"]),
        ("${VARIANT:+slim}", [Argument("VARIANT", "x", 1)], ["2", "slim"]),
        ("${VARIANT:+slim}", [], ["2"]),
        ("${VARIANT%x}", [], ["2", "Full", "slim"]),
        ("python:3.12-slim", [], ["2"]),
    ],
)
def test_the_history_stages_follow_from_to_its_base(
    base: str, arguments: list[Argument], stages: list[str]
) -> None:
    """The target, the stage that its FROM names, and so on; all earlier ones where the FROM cannot be resolved."""
    assert [stage.name for stage in dockerfile("2", base, *arguments).history_stages()] == stages


@pytest.mark.parametrize(
    ("name", "stages", "arg_lines", "run_lines"),
    [
        ("VARIANT", [], [1], []),
        ("ONE", ["Full"], [7], [11]),
        ("TWO", ["Full"], [], []),  # on a line that ARG is continued on: the stage is known, the line is not
        ("IN_A_HEREDOC", ["slim"], [4], []),
        ("ON", [], [], []),
    ],
)
def test_stages_know_their_arguments_and_the_runs_they_reach(
    name: str, stages: list[str], arg_lines: list[int], run_lines: list[int]
) -> None:
    """An ARG is found by its whole name, in any case, on continued lines; it reaches the later RUNs of its stage."""
    found = dockerfile("2")

    assert [stage.name for stage in found.stages if stage.declares(name)] == stages
    assert (found.argument_lines(name), found.run_lines(name)) == (arg_lines, run_lines)


def test_the_ids_of_all_secret_mounts_are_read_from_the_text() -> None:
    """Of every stage, quoted or not, in any order and case, required or not; without an id the target's name is it."""
    text = """
        RUN --mount=type=secret,id=ONE,env=X,required=true --mount=id=TWO,type=secret true
        RUN --mount=type=cache,id=NOT --mount="type=secret,id=THREE" \\
            --MOUNT=TYPE=secret,target=/run/secrets/FOUR true
        RUN --mount=type=bind,source=x
        """
    assert secret_mounts(text) == {"ONE": True, "TWO": False, "THREE": False, "FOUR": False}
