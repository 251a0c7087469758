"""`inv compose.*` on a real engine: the stacks come up, print no secret, and leave nothing behind."""

from __future__ import annotations

import json
import os
import random
import re
import shutil
import signal
import subprocess
import sys
import urllib.error
import urllib.request
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from envtasks.compose import interpolation
from tests.deadlines import ended, wait_until
from tests.integration.docker.stacks import SECRET, TOKEN, StackShop, argv_watched, docker, remove
from tests.ports import free_port
from tests.projects import Sandbox
from tests.watching import process_files

pytestmark = [pytest.mark.integration, pytest.mark.docker]

HERE = Path(__file__).parent
REPOSITORY = HERE.parents[2]
SERVERS = "envtasks-tests/servers:1"

STACK = """
services:
  web:
    image: "${WEB_IMAGE:-python:3.12-slim}"
    init: true
    command: [python, -m, http.server, "8000"]
    environment:
      SECRET: "${SECRET}"
      TOKEN: "${TOKEN}"
      SHORT: "${SHORT}"
      BY_NAME:
    ports:
      - "127.0.0.1:${PORT}:8000"
    healthcheck:
      test: [CMD, python, -c, "import urllib.request as u; u.urlopen('http://127.0.0.1:8000')"]
      interval: 500ms
  job:
    image: python:3.12-slim
    command: [python, -c, "import os; print('got', os.environ['SECRET'], os.environ['TOKEN'])"]
    environment:
      SECRET: "${SECRET}"
      TOKEN: "${TOKEN}"
"""
SICK = """
services:
  sick:
    image: python:3.12-slim
    init: true
    command: [sh, -c, "echo token is $$TOKEN; exec sleep 100"]
    environment: {TOKEN: "${TOKEN}"}
    healthcheck: {test: "echo no $$TOKEN; exit 1", interval: 300ms, retries: 2}
  needs:
    image: python:3.12-slim
    command: [sleep, "100"]
    depends_on: {sick: {condition: service_healthy}}
  dies:
    image: python:3.12-slim
    command: [sh, -c, "echo fatal $$TOKEN; exit 3"]
    environment: {TOKEN: "${TOKEN}"}
  loops:
    image: python:3.12-slim
    restart: always
    command: [sh, -c, "echo again; exit 3"]
  server-that-ends:
    image: python:3.12-slim
    command: ["true"]
    ports: ["127.0.0.1::8000"]
  slow:
    image: python:3.12-slim
    init: true
    command: [sh, -c, "echo slow is here; exec sleep 100"]
    healthcheck: {test: "exit 1", interval: 60s, start_period: 60s}
"""


@pytest.fixture(scope="session")
def servers_image() -> str:
    """PostgreSQL and Redis in one image, built on the base image that is there."""
    docker("build", "--quiet", "--tag", SERVERS, str(HERE / "servers_image"))
    return SERVERS


def redacted(text: str) -> bool:
    return SECRET not in text and SECRET.replace("$", "$$") not in text and TOKEN not in text


@pytest.fixture
def copy(tmp_path: Path, servers_image: str) -> Iterator[StackShop]:
    """This repository's stack, in a folder and a compose project of its own."""
    project = f"envtasks-test-{uuid.uuid4().hex[:8]}"
    for name in (
        "docker",
        "src/app",
        ".env.local",
        ".env.local.keys",
        ".dockerignore",
        "pyproject.toml",
        "tasks.py",
    ):
        source, target = REPOSITORY / name, tmp_path / name
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copytree(source, target) if source.is_dir() else shutil.copy(source, target)
    with (tmp_path / "pyproject.toml").open("a", encoding="utf-8") as file:
        file.write(f'\n[tool.envtasks.compose]\nproject = "{project}"\n')
    env = {"POSTGRES_IMAGE": servers_image, "REDIS_IMAGE": servers_image, "APP_PORT": str(free_port())}
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    yield StackShop(Sandbox(tmp_path, {**os.environ, "PATH": path, **env}), project)
    remove(f"{project}-local")
    subprocess.run(["docker", "image", "rm", f"{project}-local-app"], capture_output=True, check=False)


def test_the_sample_stack_works_from_a_copy(copy: StackShop) -> None:
    """up, healthy, notes kept in PostgreSQL and counted in Redis, logs, down: nothing is left."""
    port = copy.sandbox.env["APP_PORT"]
    url = f"http://127.0.0.1:{port}"
    done = copy.inv("compose.up", "--env", "local")
    assert (done.returncode, done.stdout.splitlines()) == (
        0,
        [
            "SERVICE  STATE    ADDRESS",
            f"app      healthy  127.0.0.1:{port}",
            "cache    healthy",
            "db       healthy",
            f"Open {url}",
        ],
    ), done.stderr
    health = answer(f"{url}/healthz")
    assert (health["database"], health["cache"]) == ("ok", "ok")
    token = copy.inv("compose.exec", "app", "--", "python", "-m", "app", "token").stdout.strip()
    answer(f"{url}/api/notes", {"text": "kept in PostgreSQL"}, token)
    assert "kept in PostgreSQL" in json.dumps(answer(f"{url}/api/notes"))
    query = (
        'PGPASSWORD="$POSTGRES_PASSWORD" psql --host=127.0.0.1 --username="$POSTGRES_USER" --dbname="$POSTGRES_DB" '
        '--tuples-only --no-align --command="select count(*) from notes"'
    )
    rows = copy.inv("compose.exec", "db", "--", "sh", "-c", query)
    assert rows.stdout == "1\n", rows.stderr
    keys = copy.inv("compose.exec", "cache", "--", "redis-cli", "dbsize")
    assert int(keys.stdout.split()[-1]) > 0, keys.stderr
    logs = copy.inv("compose.logs", "app")
    assert "local on http://0.0.0.0:8000" in logs.stdout
    assert "db-1" not in logs.stdout
    ended = copy.inv("compose.down", "--volumes", "--yes")
    assert ended.stdout == f"local: ended app, cache, db; deleted {copy.project}-local_data\n"
    assert copy.left() == ""


def test_a_change_of_the_source_restarts_the_service(copy: StackShop) -> None:
    """Live reload: the source folder is mounted, and the image that is not for production watches it."""
    assert copy.inv("compose.up").returncode == 0
    url = f"http://127.0.0.1:{copy.sandbox.env['APP_PORT']}/healthz"
    file = copy.sandbox.root / "src/app/web.py"
    text = file.read_text(encoding="utf-8")
    assert '"/healthz"' in text
    file.write_text(text.replace('"/healthz"', '"/moved"'), encoding="utf-8")
    wait_until(lambda: status(url) == 404, "an answer")


def test_the_commands_of_the_guide_work(copy: StackShop) -> None:
    """Each `inv` line of the guide on the local stack, in order, as it is written there."""
    guide = (REPOSITORY / "docs/guide-containers.md").read_text(encoding="utf-8")
    block = re.search(r"```sh\n(inv compose.*?)```", guide, re.DOTALL)
    assert block is not None
    lines = block[1].splitlines()
    assert len(lines) == 6
    for line in lines:
        done = copy.inv(*line.split()[1:])
        assert done.returncode == 0, (line, done.stderr)
    assert done.stdout == "local: ended app, cache, db\n"


def status(url: str) -> int:
    """The HTTP status of a page; 0 while nobody answers."""
    try:
        with urllib.request.urlopen(url, timeout=5) as response:
            return int(response.status)
    except urllib.error.HTTPError as error:
        return error.code
    except OSError:
        return 0


def answer(url: str, body: object = None, token: str = "") -> Any:
    headers = {"Content-Type": "application/json", "Authorization": f"Bearer {token}"}
    request = urllib.request.Request(url, json.dumps(body).encode() if body else None, headers)
    with urllib.request.urlopen(request, timeout=10) as response:
        return json.load(response)


def test_values_reach_the_containers_and_nothing_else(shop: StackShop) -> None:
    """Dollars and quotes arrive as they are; no value on any argv, in what is printed, in logs or in config."""
    shop.sandbox.write("docker/compose.yaml", STACK)
    with argv_watched() as seen:
        up = shop.inv("compose.up")
        digest = "import hashlib as h, os; [print(h.sha256(os.environb[n]).hexdigest()) for n in (b'SECRET', b'TOKEN')]"
        inside = shop.inv("compose.exec", "web", "--", "python", "-c", digest)
        logs, config = shop.inv("compose.logs"), shop.inv("compose.config")
    assert up.returncode == 0, up.stderr
    from hashlib import sha256

    assert inside.stdout.split() == [sha256(value.encode()).hexdigest() for value in (SECRET, TOKEN)]
    assert any("compose" in argv for argv in seen)
    assert redacted("".join(seen))
    assert re.search(r"^job-1 +\| got \*\*\* \*\*\*$", logs.stdout, re.MULTILINE)
    environment = re.search(r"  web:.*?environment:\n(.*?)    healthcheck:", config.stdout, re.DOTALL)
    assert environment is not None
    assert environment[1] == (
        "      BY_NAME: null\n      SECRET: '***'\n      SHORT: '***'\n      TOKEN: '***'\n"
    )
    printed = "".join(done.stdout + done.stderr for done in (up, inside, logs, config))
    assert redacted(printed)
    assert shop.inv("compose.logs", "job", "--no-mask").stdout.count(TOKEN) == 1


def test_exit_codes_pass_through(shop: StackShop) -> None:
    """What a command in a container ends with is what `compose.exec` ends with; a finished job is no failure."""
    shop.sandbox.write("docker/compose.yaml", STACK)
    assert shop.inv("compose.up").returncode == 0
    assert shop.inv("compose.exec", "web", "--", "sh", "-c", "exit 7").returncode == 7
    assert shop.inv("compose.exec", "web", "exit 5").returncode == 5
    done = shop.inv("compose.exec", "web", "--", "sh", "-c", 'echo "$TOKEN" >&2; kill -TERM $$')
    assert (done.returncode, done.stderr) == (143, "***\n")
    rows = json.loads(shop.inv("compose.ps", "--json").stdout)
    assert [(row["service"], row["state"], row["health"], row["exit_code"]) for row in rows] == [
        ("job", "exited", None, 0),
        ("web", "running", "healthy", None),
    ]


def test_what_is_missing_is_an_error_before_anything_starts(shop: StackShop) -> None:
    """Exit code 5 for up, build and config, all names with their lines; `.env` beside the compose file is not read."""
    shop.sandbox.write("docker/.env", "ONE=1\n")
    shop.sandbox.write(
        "docker/compose.yaml",
        """
        services:
          app:
            image: "${ONE}"
            environment: {A: "${TWO}", B: "${THREE:-}", C: "${TOKEN}"}
          inactive:
            profiles: [other]
            image: "${FOUR}"
        """,
    )
    message = (
        "error: Environment local lacks 2 variables that the stack needs:\n"
        "    ONE  docker/compose.yaml:4\n"
        "    TWO  docker/compose.yaml:5\n"
        "  hint: add it to an env file of local, or allow it to be unset: ${ONE:-}\n"
    )
    for name in ("up", "build", "config"):
        done = shop.inv(f"compose.{name}", COMPOSE_ENV_FILES="docker/.env")
        assert (done.returncode, done.stdout, done.stderr) == (5, "", message)
    assert shop.left() == ""


def test_a_stack_can_be_ended_whatever_is_missing(shop: StackShop) -> None:
    """down, ps and logs need no value, not even one that compose itself would stop at, nor the file."""
    file = shop.sandbox.write(
        "docker/compose.yaml",
        """
        services:
          app:
            image: python:3.12-slim
            init: true
            command: [sh, -c, "echo said; exec sleep 100"]
            environment: {A: "${NEEDED:?}"}
        """,
    )
    assert shop.inv("compose.up", NEEDED="1").returncode == 0
    assert shop.inv("compose.up").returncode == 5
    assert shop.inv("compose.ps").stdout.split() == ["SERVICE", "STATE", "ADDRESS", "app", "running"]
    assert shop.inv("compose.logs").stdout == "app-1  | said\n"
    file.write_text("services: [", encoding="utf-8")
    assert shop.inv("compose.down").stdout == "local: ended app\n"
    assert shop.inv("compose.down").stdout == "local: nothing was up\n"
    assert shop.left() == ""


UNHEALTHY = (
    "error: The stack of local did not come up: sick is unhealthy.\n"
    "{compose}"
    "    sick | token is ***\n"
    "    sick health check | no ***\n"
)
DEPENDS = "    dependency failed to start: container {project}-local-sick-1 is unhealthy\n"


@pytest.mark.parametrize(
    ("service", "message"),
    [
        ("sick", UNHEALTHY.format(compose="")),
        ("needs", UNHEALTHY.format(compose=DEPENDS)),
        ("dies", "error: The stack of local did not come up: dies exited with 3.\n    dies | fatal ***\n"),
        (
            "loops",
            "error: The stack of local did not come up: loops keeps restarting.\n    loops | again\n",
        ),
        ("server-that-ends", "error: The stack of local did not come up: server-that-ends exited with 0.\n"),
        ("slow --timeout 2", "error: The stack of local did not come up: slow is starting after 2 s.\n"),
    ],
)
def test_a_stack_that_does_not_come_up(shop: StackShop, service: str, message: str) -> None:
    """Exit code 8, the service that failed, its state, the last lines of its log and health check, secrets redacted."""
    shop.sandbox.write("docker/compose.yaml", SICK)
    done = shop.inv("compose.up", *service.split())
    assert done.returncode == 8
    assert message.format(project=shop.project) in done.stderr
    assert redacted(done.stdout + done.stderr)
    failed = "sick" if service == "needs" else service.split()[0]
    assert done.stderr.endswith(f"  hint: inv compose.logs {failed} --env local shows all of it\n")


def test_without_waiting_health_is_not_asked(shop: StackShop) -> None:
    """`--no-wait` ends as soon as the containers are started."""
    shop.sandbox.write("docker/compose.yaml", SICK)
    done = shop.inv("compose.up", "slow", "--no-wait")
    assert (done.returncode, done.stdout.split()[3:]) == (0, ["slow", "starting"])


def test_errors_of_compose_are_redacted(shop: StackShop) -> None:
    """An error of compose's own that quotes a value is shown without it, by up and by config, exit code 8."""
    text = 'services: {app: {image: "python:3.12-slim", ports: ["${TOKEN}:80"], mem_limit: "${SECRET}"}}\n'
    shop.sandbox.write("docker/compose.yaml", text)
    for name in ("up", "config"):
        done = shop.inv(f"compose.{name}")
        assert done.returncode == 8
        assert "***" in done.stderr
        assert redacted(done.stdout + done.stderr)


def test_two_environments_do_not_get_into_each_others_way(shop: StackShop) -> None:
    """Each has its own project; a port that the other one holds is refused before anything starts."""
    shop.sandbox.write("docker/compose.yaml", STACK)
    port = re.search(r"PORT=(\d+)", (shop.sandbox.root / ".env.local").read_text(encoding="utf-8"))
    assert port is not None
    assert shop.inv("compose.up", "web").returncode == 0
    refused = shop.inv("compose.up", "web", "--env", "dev")
    message = (
        f"error: The stack of local is up and holds what dev needs: port {port[1]} (service web).\n"
        "  hint: inv compose.down --env local, or give each environment its own with ${NAME}\n"
    )
    assert (refused.returncode, refused.stderr) == (8, message)
    assert shop.left("dev") == ""
    assert shop.inv("compose.up", "job", "--env", "dev").returncode == 0
    assert shop.inv("compose.down", "--env", "dev").stdout == "dev: ended job\n"
    assert shop.inv("compose.ps").stdout.count("healthy") == 1


def test_data_is_deleted_after_a_confirmation_only(shop: StackShop) -> None:
    """`down --volumes` without a terminal and without `-y` is refused with 6, and nothing has ended."""
    text = """
        services:
          app: {image: "python:3.12-slim", init: true, command: [sleep, "100"], volumes: ["data:/data"]}
        volumes: {data: {}}
        """
    shop.sandbox.write("docker/compose.yaml", text)
    assert shop.inv("compose.up").returncode == 0
    refused = shop.inv("compose.down", "--volumes")
    assert (refused.returncode, refused.stdout) == (6, "")
    assert shop.inv("compose.ps").stdout.split()[-1] == "running"
    assert shop.inv("compose.down").stdout == "local: ended app\n"
    assert shop.left() != "", "the volume is kept"
    assert shop.inv("compose.down", "--volumes", "-y").stdout == (
        f"local: nothing was up; deleted {shop.project}-local_data\n"
    )
    assert shop.left() == ""


def test_a_build_redacts_its_arguments(shop: StackShop) -> None:
    """BuildKit prints steps with ARGs expanded: redacted in a build that works and in one that fails (exit code 8)."""
    shop.sandbox.write(
        "docker/Dockerfile", 'FROM python:3.12-slim\nARG TOKEN\nRUN echo "with $TOKEN" && test -z "$FAIL"\n'
    )
    shop.sandbox.write(
        "docker/compose.yaml",
        "services: {app: {build: {context: ., args: [TOKEN]}, command: [sleep, '100']}}\n",
    )
    image = f"{shop.project}-local-app"
    try:
        done = shop.inv("compose.build", "--no-cache")
        assert (done.returncode, done.stdout) == (0, "")
        assert re.search(r"^#\d+ with \*\*\*$", done.stderr, re.MULTILINE)
        assert redacted(done.stdout + done.stderr)
    finally:
        subprocess.run(["docker", "image", "rm", image], capture_output=True, check=False)
    shop.sandbox.write(
        "docker/Dockerfile", 'FROM python:3.12-slim\nARG TOKEN\nRUN echo "with $TOKEN" && false\n'
    )
    failed = shop.inv("compose.build")
    assert failed.stderr.rstrip().endswith("failed with exit code: 1, Dockerfile:3.\n  with ***")
    for name in ("build", "up"):
        done = shop.inv(f"compose.{name}")
        assert done.returncode == 8
        assert "with ***" in done.stdout + done.stderr
        assert redacted(done.stdout + done.stderr)


def test_an_include_with_a_computed_path_works(shop: StackShop) -> None:
    """A path with a variable, which `config --no-interpolate` cannot follow, is checked and started all the same."""
    service = 'image: "python:3.12-slim", init: true, command: [sleep, "100"], environment: {A: "${A}"}'
    shop.sandbox.write("docker/eu/stack.yaml", f"services: {{app: {{{service}}}}}\n")
    shop.sandbox.write("docker/compose.yaml", 'include: ["${REGION}/stack.yaml"]\n')
    refused = shop.inv("compose.up", REGION="eu")
    assert refused.returncode == 5
    assert "    A  docker/eu/stack.yaml:1\n" in refused.stderr
    assert shop.inv("compose.up", REGION="eu", A="1").returncode == 0


def test_an_env_file_beside_an_include_is_refused(shop: StackShop) -> None:
    """Compose would read it in spite of its switch: exit code 2, nothing started."""
    shop.sandbox.write("docker/sub/stack.yaml", 'services: {app: {image: "${FROM_DOTENV}"}}\n')
    shop.sandbox.write("docker/sub/.env", "FROM_DOTENV=python:3.12-slim\n")
    shop.sandbox.write("docker/compose.yaml", "include: [sub/stack.yaml]\n")
    done = shop.inv("compose.up")
    assert (done.returncode, shop.left()) == (2, "")
    assert (
        "docker/compose.yaml:1 includes sub/stack.yaml, and compose would read docker/sub/.env" in done.stderr
    )


def test_variables_of_compose_do_not_divert_it(shop: StackShop) -> None:
    """COMPOSE_FILE and COMPOSE_PROJECT_NAME of the shell are not for this stack."""
    shop.sandbox.write("docker/compose.yaml", STACK)
    env = {"COMPOSE_FILE": "/nowhere.yaml", "COMPOSE_PROJECT_NAME": "elsewhere"}
    assert shop.inv("compose.up", "web", **env).returncode == 0
    assert shop.inv("compose.ps", **env).stdout.count("healthy") == 1
    assert shop.inv("compose.down", **env).stdout == "local: ended web\n"


@pytest.mark.parametrize("task", ["compose.up slow", "compose.logs slow --follow"])
def test_ctrl_c_ends_it_cleanly(shop: StackShop, task: str) -> None:
    """130, no traceback, no docker process of ours is left; `up` names the command that stops what it has started."""

    def composing() -> list[bytes]:
        words = [b"compose", shop.project.encode()]
        return [line for _, line in process_files("cmdline") if all(word in line for word in words)]

    shop.sandbox.write("docker/compose.yaml", SICK)
    if "logs" in task:
        shop.inv("compose.up", "slow", "--no-wait")
    argv = [sys.executable, "-m", "invoke", *task.split()]
    process = subprocess.Popen(
        argv,
        cwd=shop.sandbox.root,
        env=shop.sandbox.env,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    if "logs" in task:  # docker ends with 125 where it is interrupted before it has begun
        assert process.stdout is not None
        assert "slow is here" in ended(process.stdout.readline)
    names = ["ps", "--format", "{{.Names}}", "--filter", f"name={shop.project}"]
    wait_until(lambda: "slow-1" in docker(*names), "the start of the service")
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=30)
    assert process.returncode == 130
    assert "Traceback" not in errors
    note = "note: interrupted: inv compose.down --env local stops what has started.\n"
    assert errors.endswith(note) is ("up" in task)
    wait_until(lambda: not composing(), "the end of docker compose")


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no pseudo-terminals of this kind")
def test_on_a_terminal_there_is_a_live_table(shop: StackShop) -> None:
    """The table shows services while they come up, and the result stays when it is gone."""
    import pty

    shop.sandbox.write("docker/compose.yaml", STACK)
    main, child = pty.openpty()  # type: ignore[attr-defined,unused-ignore]
    argv = [sys.executable, "-m", "invoke", "compose.up"]
    env = {**shop.sandbox.env, "TERM": "xterm", "COLUMNS": "100"}
    process = subprocess.Popen(argv, cwd=shop.sandbox.root, env=env, stdin=child, stdout=child, stderr=child)
    os.close(child)
    shown = b""
    try:
        while data := os.read(main, 65536):
            shown += data
    except OSError:
        pass  # the end of a pseudo-terminal whose other side is closed
    assert process.wait() == 0
    text = shown.decode()
    assert "local: starting the stack" in text
    assert "starting" in text
    last = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", text).rstrip().splitlines()[-2:]
    assert [line.split()[:2] for line in last] == [["job", "exited"], ["web", "healthy"]]
    assert redacted(text)


VALUES = {"A": "va", "EMPTY": "", "B": "b$x"}


def some_text(choice: random.Random, depth: int = 0) -> str:
    parts: list[str] = []
    for _ in range(choice.randint(0, 3)):
        name = choice.choice([*VALUES, "NO1", "NO2", "no3"])
        operator = choice.choice([":-", "-", ":+", "+"])
        braced = f"${{{name}{operator}{some_text(choice, depth + 1)}}}" if depth < 3 else name
        pieces = ["$$", f"${name} ", f"${{{name}}}", braced, braced, braced, "$ ", "$1", "a:b-c+d?e", "é {q}"]
        parts.append(choice.choice(pieces))
    return "".join(parts)


def test_the_grammar_is_composes_own(tmp_path: Path) -> None:
    """A thousand generated texts come out of our parser as they come out of compose, which warns of what we miss."""
    choice = random.Random(20261122)
    texts = {f"K{number}": some_text(choice) for number in range(1000)}
    model = {"services": {"app": {"image": "x", "environment": texts}}}
    (tmp_path / "compose.yaml").write_text(json.dumps(model), encoding="utf-8")
    done = subprocess.run(
        ["docker", "compose", "--file", "compose.yaml", "config", "--format", "json"],
        cwd=tmp_path,
        env={
            "PATH": os.environ["PATH"],
            "HOME": os.environ["HOME"],
            "COMPOSE_DISABLE_ENV_FILE": "1",
            **VALUES,
        },
        capture_output=True,
        text=True,
        check=True,
    )
    found = json.loads(done.stdout)["services"]["app"]["environment"]
    assert {
        name: interpolation.expand(text, VALUES).replace("$", "$$") for name, text in texts.items()
    } == found
    warned = set(re.findall(r'The \\"(\w+)\\" variable is not set', done.stderr))
    assert {lack.name for text in texts.values() for lack in interpolation.missing(text, VALUES)} <= warned


@pytest.mark.parametrize(
    ("text", "stops"),
    [
        ("${NO:?m}", True),
        ("${EMPTY:?m}", True),
        ("${EMPTY?m}", False),
        ("${A:-${NO:?m}}", True),
        ("${A B}", True),
    ],
)
def test_compose_stops_where_we_say_it_does(tmp_path: Path, text: str, stops: bool) -> None:
    """What we call refused or malformed is what compose ends with an error for."""
    (tmp_path / "compose.yaml").write_text(
        json.dumps({"services": {"app": {"image": "x", "hostname": text}}}), encoding="utf-8"
    )
    env = {"PATH": os.environ["PATH"], "HOME": os.environ["HOME"], **VALUES}
    done = subprocess.run(
        ["docker", "compose", "--file", "compose.yaml", "config"],
        cwd=tmp_path,
        env=env,
        capture_output=True,
        check=False,
    )
    try:
        ours = any(lack.refused for lack in interpolation.missing(text, VALUES))
    except interpolation.MalformedError:
        ours = True
    assert (done.returncode != 0, ours) == (stops, stops)
