"""`inv docker.build` on the real engine, with a dependency that only a private index has."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from envtasks.config import Project
from envtasks.docker import BuildOptions, build_image
from envtasks.docker.build import NO_PROVENANCE, BuildPlan, build_command, plan_build
from envtasks.errors import BuildFailed
from envtasks.hydration import Hydrated, hydrate
from tests.deadlines import wait_until
from tests.integration.docker.conftest import PASSWORD, USERNAME
from tests.integration.docker.shops import (
    BUILD_ARGS,
    GREETING,
    SECRET_MOUNTS,
    Places,
    Shop,
    docker,
    holding,
    labels,
    saved,
)
from tests.watching import process_files, watched_processes

pytestmark = [pytest.mark.integration, pytest.mark.docker]
MakeShop = Callable[..., Shop]
WAYS = pytest.mark.parametrize("dockerfile", [BUILD_ARGS, SECRET_MOUNTS], ids=["build args", "secret mounts"])
ECHOING = {
    "build args": BUILD_ARGS.replace(
        "RUN uv sync", 'RUN echo "it is $UV_INDEX_INTERNAL_PASSWORD" && false && uv sync'
    ),
    "secret mounts": SECRET_MOUNTS.replace(
        " uv sync", ' echo "it is $UV_INDEX_INTERNAL_PASSWORD" && false && uv sync'
    ),
}


@WAYS
def test_credentials_reach_the_build_and_stay_nowhere(make_shop: MakeShop, dockerfile: str) -> None:
    """The image works, and neither it, nor the output, nor any command line holds the password."""
    shop = make_shop(dockerfile)
    with watched_processes() as processes:
        done = shop.inv("docker.build", "--env", "staging", "--no-cache", "--no-audit")
    image = f"{shop.image}:staging"

    assert done.returncode == 0, done.stderr
    assert re.fullmatch(rf"{image}  sha256:[0-9a-f]{{64}}  built\n", done.stdout)
    assert docker("run", "--rm", image) == GREETING
    places: Places = {
        "stdout": done.stdout,
        "stderr": done.stderr,
        "history": docker("history", "--no-trunc", image),
        "inspect": docker("image", "inspect", image),
        "save": saved(image),
        "processes": sorted(processes),
    }
    assert holding(PASSWORD, places) == []
    assert any(b"--secret=id=UV" in line or b"--build-arg=UV" in line for line in processes)


def test_a_tagged_builder_stage_would_hold_the_password(make_shop: MakeShop) -> None:
    """The search finds a build arg's value where it is kept: in the history of the stage that took it."""
    shop = make_shop(BUILD_ARGS)
    shop.inv("docker.build", "--env", "staging", "--target", "builder", "--no-audit")
    image = f"{shop.image}:staging"

    places: Places = {"history": docker("history", "--no-trunc", image), "save": saved(image)}
    assert holding(PASSWORD, places) == ["history", "save"]


@WAYS
def test_the_metadata_file_holds_no_value(make_shop: MakeShop, dockerfile: str, tmp_path: Path) -> None:
    """docker's own record of the build holds no credential, which it would for build args without NO_PROVENANCE."""
    shop = make_shop(dockerfile)
    planned = _plan(shop)

    ours = _metadata(planned, tmp_path / "ours.json", planned.child_env)
    without = {name: value for name, value in planned.child_env.items() if name not in NO_PROVENANCE}
    docker_alone = _metadata(planned, tmp_path / "alone.json", without)

    assert holding(PASSWORD, {"ours": ours}) == []
    assert holding(PASSWORD, {"alone": docker_alone}) == (["alone"] if dockerfile is BUILD_ARGS else [])


@WAYS
def test_what_is_returned_and_raised_holds_no_value(make_shop: MakeShop, dockerfile: str) -> None:
    """Neither the plan, nor the result, nor the error of a failing build shows the password."""
    shop = make_shop(dockerfile)
    project, hydrated = _hydrated(shop)

    built = build_image(project, hydrated, BuildOptions(audit=False))
    shop.dockerfile(ECHOING["build args" if dockerfile is BUILD_ARGS else "secret mounts"])
    with pytest.raises(BuildFailed) as raised:
        build_image(project, hydrated, BuildOptions(audit=False))

    texts = {
        "built": repr(built),
        "plan": repr(_plan(shop)),
        "error": repr(raised.value),
        "says": str(raised.value),
    }
    chain = {"cause": repr(raised.value.__cause__), "context": repr(raised.value.__context__)}
    assert holding(PASSWORD, texts | chain) == []
    assert "it is ***" in str(raised.value)


@pytest.mark.parametrize("way", list(ECHOING))
@pytest.mark.parametrize("where", ["piped", "terminal"])
def test_a_password_that_a_failing_step_prints_is_redacted(make_shop: MakeShop, way: str, where: str) -> None:
    """A step's output is redacted, in a log and on a terminal, and the failed step's output comes last."""
    shop = make_shop(ECHOING[way])
    words = ("docker.build", "--env", "staging", "--no-audit")
    if where == "piped":
        done = shop.inv(*words)
        code, shown = done.returncode, done.stdout + done.stderr
    else:
        code, shown = shop.terminal(*words)

    assert code == 8
    assert holding(PASSWORD, {"shown": shown}) == []
    assert shown.rstrip().endswith("it is ***")


@WAYS
def test_refused_credentials_are_named(make_shop: MakeShop, dockerfile: str) -> None:
    """An index that refuses gives code 8, the names of the credentials and the index's own words."""
    shop = make_shop(dockerfile, password="wrong-password-1")

    done = shop.inv("docker.build", "--env", "staging", "--no-cache", "--no-audit")

    assert done.returncode == 8
    message = done.stderr[done.stderr.rindex("was not built:") :]
    suspects = re.search(r"\(was it refused with (.*)\?\)", message)
    assert suspects
    assert set(suspects[1].split(", ")) == {"UV_INDEX_INTERNAL_USERNAME", "UV_INDEX_INTERNAL_PASSWORD"}
    assert "403 Forbidden" in message
    assert holding("wrong-password-1", {"stdout": done.stdout, "stderr": done.stderr}) == []


def test_the_note_names_the_lines_to_change(make_shop: MakeShop) -> None:
    """Following the note turns the build args into secret mounts, and the build works without a note."""
    shop = make_shop(BUILD_ARGS)
    noted = shop.inv("docker.build", "--env", "staging", "--no-audit").stderr.split("#1 ")[0]

    path = shop.sandbox.root / "docker/Dockerfile"
    lines = path.read_text(encoding="utf-8").splitlines()
    for number, name in re.findall(r"line (\d+), take out:  ARG (\w+)", noted):
        assert lines[int(number) - 1].split() == ["ARG", name]
        lines[int(number) - 1] = ""
    for number, mounts in re.findall(r"line (\d+), after RUN:  (.*)", noted):
        lines[int(number) - 1] = lines[int(number) - 1].replace("RUN ", f"RUN {mounts} ", 1)
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    changed = shop.inv("docker.build", "--env", "staging", "--no-cache", "--no-audit")

    assert noted.startswith(
        "note: UV_INDEX_INTERNAL_USERNAME and UV_INDEX_INTERNAL_PASSWORD go in as build args"
    )
    assert (changed.returncode, "note:" in changed.stderr) == (0, False), changed.stderr
    assert docker("run", "--rm", f"{shop.image}:staging") == GREETING


def test_what_is_missing_is_in_one_message_and_nothing_is_built(make_shop: MakeShop) -> None:
    """A required secret mount and a credential without default that are lacking are named together, code 5."""
    shop = make_shop(
        """
        ARG BASE
        FROM ${BASE}
        ARG UV_INDEX_OTHER_PASSWORD
        ARG UV_INDEX_THIRD_USERNAME=anonymous
        ARG HTTP_PROXY
        ARG TARGETPLATFORM
        ARG SOMETHING
        RUN --mount=type=secret,id=NPM_TOKEN,required=true --mount=type=secret,id=OPTIONAL true
        """
    )
    done = shop.inv("docker.build", "--env", "staging", "--no-audit")

    assert done.returncode == 5
    assert (
        "docker/Dockerfile needs what staging does not have: UV_INDEX_OTHER_PASSWORD (docker/Dockerfile:4), "
        "NPM_TOKEN (docker/Dockerfile:9, a secret mount)." in done.stderr
    )
    assert docker("image", "ls", "--quiet", shop.image) == ""


def test_only_what_the_dockerfile_declares_goes_in(make_shop: MakeShop) -> None:
    """--dry prints docker's command: the declared names that the environment has, and no value at all."""
    more = "    ARG DB_HOST=localhost\n    ARG EDITOR=vi\n    ARG APP_ENV=x\n"
    shop = make_shop(BUILD_ARGS.replace("    FROM ${BASE}", more + "    FROM ${BASE}"))

    done = shop.inv("--dry", "docker.build", "--env", "staging", EDITOR="emacs")

    words = done.stdout.split()
    taken = [word.removeprefix("--build-arg=") for word in words if word.startswith("--build-arg")]
    assert (done.returncode, taken) == (
        0,
        ["UV_INDEX_INTERNAL_USERNAME", "UV_INDEX_INTERNAL_PASSWORD"],
    ), "an ARG before FROM that no FROM uses is not asked for"
    assert not [
        word for word in words if "never-asked-for" in word or "db.example.com" in word or USERNAME in word
    ]


def test_plain_variables_and_the_environments_name_are_build_args(make_shop: MakeShop) -> None:
    """An ARG takes the environment's plain value, and APP_ENV its name, instead of the default."""
    shop = make_shop(
        """
        ARG BASE
        FROM ${BASE}
        ARG APP_ENV=production
        ARG DB_HOST=localhost
        ARG HOME_PAGE=none
        ENV TOLD="${APP_ENV} ${DB_HOST} ${HOME_PAGE}"
        CMD ["python", "-c", "import os; print(os.environ['TOLD'])"]
        """
    )
    shop.inv("docker.build", "--env", "staging", "--no-audit", HOME_PAGE="https://example.com")

    assert docker("run", "--rm", f"{shop.image}:staging") == "staging db.example.com none\n"


def test_a_credential_may_come_from_the_process_environment(make_shop: MakeShop) -> None:
    """A CI that keeps an index's password itself can give it, and it is redacted all the same."""
    shop = make_shop(
        """
        ARG BASE
        FROM ${BASE}
        ARG UV_INDEX_OTHER_PASSWORD
        RUN echo "it is ${UV_INDEX_OTHER_PASSWORD}"
        """
    )
    done = shop.inv("docker.build", "--env", "staging", "--no-audit", UV_INDEX_OTHER_PASSWORD="from-the-ci")

    assert done.returncode == 0, done.stderr
    assert "it is ***" in done.stderr
    assert "from-the-ci" not in done.stdout + done.stderr


def test_labels_name_the_commit_and_keep_the_image_the_same(make_shop: MakeShop) -> None:
    """Revision, version, source without user info, the commit's time; a second build gives the same image."""
    shop = make_shop("ARG BASE\nFROM ${BASE}\n")
    root = shop.sandbox.root
    shop.sandbox.write(".gitignore", ".env.keys\n__pycache__/\ndocker-config/\n")
    when = {"GIT_AUTHOR_DATE": "2024-05-06T07:08:09+00:00", "GIT_COMMITTER_DATE": "2024-05-06T07:08:09+00:00"}
    git = ["git", "-c", "user.name=t", "-c", "user.email=t@example.com"]
    for words in (
        ["init", "--quiet"],
        [
            "remote",
            "add",
            "origin",
            "https://oauth2:token-in-url@git.example.com/team/shop.git?private_token=x",
        ],
        ["add", "."],
        ["commit", "--quiet", "--message", "first"],
    ):
        subprocess.run([*git, *words], cwd=root, check=True, env={**os.environ, **when})
    revision = subprocess.run(
        ["git", "rev-parse", "HEAD"], cwd=root, check=True, capture_output=True, text=True
    )

    first = json.loads(shop.inv("docker.build", "--env", "staging", "--no-audit", "--json").stdout)
    again = json.loads(shop.inv("docker.build", "--env", "staging", "--no-audit", "--json").stdout)

    assert labels(f"{shop.image}:staging") | {"local.recipe": ""} == {
        "org.opencontainers.image.revision": revision.stdout.strip(),
        "org.opencontainers.image.created": "2024-05-06T07:08:09+00:00",
        "org.opencontainers.image.version": "1.2.3",
        "org.opencontainers.image.source": "https://git.example.com/team/shop.git",
        "local.recipe": "",
    }
    assert first == again
    assert first == {
        "reference": f"{shop.image}:staging",
        "image": docker("image", "inspect", "--format", "{{.Id}}", f"{shop.image}:staging").strip(),
        "digest": "",
        "environment": "staging",
        "target": "0",
        "platforms": [],
        "build_args": [],
        "secrets": [],
        "audited": False,
        "pushed": False,
    }


def test_a_target_is_built_and_an_unknown_one_is_dockers_own_message(make_shop: MakeShop) -> None:
    """--target builds that stage, --tag names it; a stage that is not there is code 8 with BuildKit's words."""
    shop = make_shop(
        "ARG BASE\nFROM ${BASE} AS one\nRUN echo one > /one\nFROM one AS two\nRUN echo two > /two\n"
    )

    built = shop.inv(
        "docker.build", "-e", "staging", "--target", "one", "--tag", f"{shop.image}:x", "--no-audit"
    )
    unknown = shop.inv("docker.build", "-e", "staging", "--target", "three", "--no-audit")

    assert built.returncode == 0, built.stderr
    assert docker("run", "--rm", f"{shop.image}:x", "sh", "-c", "ls /one /two 2>&1 || true").split("\n")[
        0:2
    ] == [
        "ls: cannot access '/two': No such file or directory",
        "/one",
    ]
    assert unknown.returncode == 8
    assert 'target stage "three" could not be found' in unknown.stderr


def test_a_protected_push_whose_history_would_hold_a_credential_is_refused(make_shop: MakeShop) -> None:
    """With --push, a credential ARG in the FROM chain of a protected image is code 6, before any build."""
    in_chain = BUILD_ARGS.replace("FROM base AS runtime", "FROM builder AS runtime")
    shop = make_shop(in_chain, environment="production")

    refused = shop.inv("docker.build", "--env", "production", "--yes", "--push")

    assert refused.returncode == 6
    assert "UV_INDEX_INTERNAL_PASSWORD (stage builder, docker/Dockerfile:4)" in refused.stderr
    assert docker("image", "ls", "--quiet", shop.image) == ""


def test_a_push_without_an_audit_is_refused(make_shop: MakeShop) -> None:
    """--push together with --no-audit is code 6."""
    shop = make_shop(BUILD_ARGS)

    assert shop.inv("docker.build", "--env", "staging", "--push", "--no-audit").returncode == 6


def test_an_interrupt_ends_the_step_and_nothing_runs_on(make_shop: MakeShop) -> None:
    """Ctrl-C to inv alone ends docker and the step's process, with code 130."""
    seconds = "61047.25"
    shop = make_shop(f"ARG BASE\nFROM ${{BASE}}\nRUN sleep {seconds}\n")
    process = subprocess.Popen(
        [sys.executable, "-m", "invoke", "docker.build", "--env", "staging", "--no-audit", "--no-cache"],
        cwd=shop.sandbox.root,
        env=dict(shop.sandbox.env),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        start_new_session=True,
    )
    wait_until(lambda: _running(f"sleep\0{seconds}"), "the step", 60)

    os.kill(process.pid, signal.SIGINT)
    output, _ = process.communicate(timeout=20)

    assert process.returncode == 130, output
    wait_until(lambda: not _running(f"sleep\0{seconds}"), "the end of the step")
    wait_until(lambda: not _running(str(shop.sandbox.root)), "the end of docker")


def test_a_dockerfile_that_is_wrong_or_not_there_is_one_sentence(make_shop: MakeShop) -> None:
    """No Dockerfile is code 2 and says where it is looked for; a broken one is code 8 with BuildKit's line."""
    shop = make_shop("ARG BASE\nFROM ${BASE}\nRUUN true\n")

    broken = shop.inv("docker.build", "--env", "staging", "--no-audit")
    (shop.sandbox.root / "docker/Dockerfile").unlink()
    absent = shop.inv("docker.build", "--env", "staging", "--no-audit")

    assert broken.returncode == 8
    assert "unknown instruction: RUUN" in broken.stderr
    assert absent.returncode == 2
    assert "There is no docker/Dockerfile, so there is no image to build." in absent.stderr


def test_without_a_credential_a_terminal_gets_buildkits_own_display(make_shop: MakeShop) -> None:
    """A build that no credential goes into is drawn by BuildKit itself on a terminal."""
    shop = make_shop("ARG BASE\nFROM ${BASE}\nRUN true\n")

    code, drawn = shop.terminal("docker.build", "--env", "staging", "--no-audit")

    assert code == 0, drawn
    assert "[+] Building" in drawn


def _hydrated(shop: Shop) -> tuple[Project, Hydrated]:
    project = Project.load(shop.sandbox.root)
    return project, hydrate(project.environment("staging"), shop.sandbox.env)


def _plan(shop: Shop) -> BuildPlan:
    project, hydrated = _hydrated(shop)
    return plan_build(project, hydrated, BuildOptions())


def _metadata(planned: BuildPlan, path: Path, env: Mapping[str, str]) -> bytes:
    words = [*build_command(planned), f"--metadata-file={path}", "--progress=quiet"]
    subprocess.run(words, env=env, check=True, capture_output=True)
    return path.read_bytes()


def _running(text: str) -> bool:
    return any(
        text.encode() in line and folder.name != str(os.getpid()) for folder, line in process_files("cmdline")
    )
