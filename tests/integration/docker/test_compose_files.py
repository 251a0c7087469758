"""Which compose files, env files and names a stack takes, on a real engine."""

from __future__ import annotations

import json
import os
import random
import re
import shlex
import subprocess
from pathlib import Path

import pytest

from envtasks.compose import env_files, interpolation
from tests.integration.docker.stacks import SECRET, TOKEN, StackShop, argv_watched, docker, remove

pytestmark = [pytest.mark.integration, pytest.mark.docker]
SLEEP = 'image: "python:3.12-slim", init: true, command: [sleep, "100"]'


def environment_of(shop: StackShop, service: str) -> dict[str, str]:
    """The environment of a service's container, as docker has it."""
    (name,) = docker("ps", "--all", "--format", "{{.Names}}", "--filter", f"name={service}-1").split()
    lines = json.loads(docker("container", "inspect", "--format", "{{json .Config.Env}}", name))
    return dict(line.split("=", 1) for line in lines)


def test_composes_own_files_are_found(shop: StackShop) -> None:
    """compose.yaml and docker-compose.override.yml go together, as with plain compose."""
    shop.sandbox.write("compose.yaml", f"services: {{web: {{{SLEEP}, environment: {{A: base}}}}}}\n")
    shop.sandbox.write("docker-compose.override.yml", "services: {web: {environment: {A: override}}}\n")
    done = shop.inv("compose.up")
    assert done.returncode == 0, done.stderr
    assert environment_of(shop, f"{shop.project}-local-web")["A"] == "override"


@pytest.mark.parametrize("name", [".env.dev", ".env.keys"])
def test_an_include_gets_no_env_file_of_the_project(shop: StackShop, name: str) -> None:
    """Neither dev's values nor a key reach the stack of local: exit code 2, nothing started."""
    shop.sandbox.write("c.yml", f'services: {{web: {{{SLEEP}, environment: {{A: "${{TOKEN}}"}}}}}}\n')
    shop.sandbox.write("compose.yaml", f"include: [{{path: c.yml, env_file: {name}}}]\n")
    done = shop.inv("compose.up")
    assert (done.returncode, shop.left()) == (2, "")
    assert f"compose.yaml:1 includes c.yml with env_file {name}: the project's env files" in done.stderr


def test_an_includes_own_env_file_counts(shop: StackShop) -> None:
    """What it defines is not missing, and the environment wins over it, as compose has it."""
    service = f'{SLEEP}, environment: {{GIVEN: "${{GIVEN}}", PORT: "${{PORT}}"}}'
    shop.sandbox.write("c.yml", f"services: {{web: {{{service}}}}}\n")
    shop.sandbox.write("c.env", "GIVEN=from-file # comment\nPORT=1\n")
    shop.sandbox.write("compose.yaml", "include: [{path: c.yml, env_file: c.env}]\n")
    done = shop.inv("compose.up")
    assert done.returncode == 0, done.stderr
    found = environment_of(shop, f"{shop.project}-local-web")
    port = (shop.sandbox.root / ".env.local").read_text(encoding="utf-8").split("PORT=")[1].strip()
    assert (found["GIVEN"], found["PORT"]) == ("from-file", port)


def test_a_hash_in_an_env_file_is_no_comment(shop: StackShop) -> None:
    """A reference after it is found to be missing (code 5), and its value arrives once it is set."""
    shop.sandbox.write("compose.yaml", f"services: {{web: {{{SLEEP}, env_file: web.env}}}}\n")
    shop.sandbox.write("web.env", "CALLBACK=https://h/#/cb?token=$CB_TOKEN\n")
    refused = shop.inv("compose.up")
    assert refused.returncode == 5
    assert "    CB_TOKEN  web.env:1\n" in refused.stderr
    assert shop.inv("compose.up", CB_TOKEN="t").returncode == 0
    assert environment_of(shop, f"{shop.project}-local-web")["CALLBACK"] == "https://h/#/cb?token=t"


def test_the_name_of_the_stack(shop: StackShop) -> None:
    """COMPOSE_PROJECT_NAME of the env file is the name, in labels too, and the volume that is there is used."""
    name = f"{shop.project}-own"
    service = f'{SLEEP}, labels: {{r: "${{COMPOSE_PROJECT_NAME}}-app"}}, volumes: ["data:/data"]'
    shop.sandbox.write("compose.yaml", f"services: {{web: {{{service}}}}}\nvolumes: {{data: {{}}}}\n")
    shop.sandbox.write(".env", f"COMPOSE_PROJECT_NAME={name}\n")
    (shop.sandbox.root / ".env.dev").unlink()  # it would read .env too, and the name be shared
    try:
        done = shop.inv("compose.up")
        assert done.returncode == 0, done.stderr
        label = '{{index .Config.Labels "r"}}'
        assert docker("container", "inspect", "--format", label, f"{name}-web-1") == f"{name}-app\n"
        assert (
            shop.inv("compose.down", "--volumes", "-y").stdout == f"local: ended web; deleted {name}_data\n"
        )
    finally:
        remove(name)


INJECT = "[tool.envtasks.compose]\nproject = '{}'\ninject = ['web', 'worker']\n"


def inject(shop: StackShop) -> None:
    """List web and worker in `inject`."""
    path = shop.sandbox.root / "pyproject.toml"
    head = path.read_text(encoding="utf-8").partition("[tool.envtasks.compose]")[0]
    path.write_text(head + INJECT.format(shop.project), encoding="utf-8")


@pytest.mark.parametrize(
    "own", ["env_file: .env", "env_file: [{path: .env.dev}, web.env]", "environment: [OWN=1]"]
)
def test_services_of_inject_get_every_variable(shop: StackShop, own: str) -> None:
    """A service of an existing project needs no list of names, its own settings stay, and others get nothing."""
    inject(shop)
    shop.sandbox.write("web.env", "OWN=1\n")
    shop.sandbox.write(".env", "DEBUG=false\nOWN=2\n")
    shop.sandbox.write(
        "compose.yaml",
        f"services:\n  web: {{{SLEEP}, {own}}}\n  worker: {{{SLEEP}, env_file: .env}}\n  db: {{{SLEEP}}}\n",
    )
    with argv_watched() as seen:
        done = shop.inv("compose.up")
    assert done.returncode == 0, done.stderr
    assert SECRET not in "".join(seen)
    for service in ("web", "worker"):
        found = environment_of(shop, f"{shop.project}-local-{service}")
        assert (found["SECRET"], found["TOKEN"], found["APP_ENV"]) == (SECRET, TOKEN, "local")
        assert found["DEBUG"] == "false"
        assert found["OWN"] == ("2" if service == "worker" or own == "env_file: .env" else "1")
    assert {"SECRET", "TOKEN", "DEBUG"}.isdisjoint(environment_of(shop, f"{shop.project}-local-db"))
    assert TOKEN not in shop.inv("compose.config").stdout


def test_a_service_of_an_include_gets_them_too(shop: StackShop) -> None:
    """Also where the path of the include has a variable, which compose alone can follow."""
    inject(shop)
    shop.sandbox.write(
        "sub/c.yaml", f"services: {{web: {{{SLEEP}, env_file: ../.env.local}}, worker: {{{SLEEP}}}}}\n"
    )
    shop.sandbox.write("compose.yaml", 'include: ["${PART:-sub}/c.yaml"]\n')
    done = shop.inv("compose.up", "web")
    assert done.returncode == 0, done.stderr
    assert environment_of(shop, f"{shop.project}-local-web")["TOKEN"] == TOKEN


def test_what_comes_in_by_a_mount_is_redacted(shop: StackShop) -> None:
    """A secret of the process environment or of a file, in logs and in a build; `--no-mask` shows it."""
    given, written = "ghp_0123456789-given", "file-0123456789-written"
    shop.sandbox.write("token.txt", f"{written}\n")
    shop.sandbox.write(
        "Dockerfile",
        "FROM python:3.12-slim\nRUN --mount=type=secret,id=gh cat /run/secrets/gh && echo\n",
    )
    shop.sandbox.write(
        "compose.yaml",
        """
        services:
          web:
            build: {context: ., secrets: [gh]}
            secrets: [gh, file]
            command: [cat, /run/secrets/gh, /run/secrets/file]
        secrets: {gh: {environment: GH_ANY}, file: {file: token.txt}}
        """,
    )
    try:
        build = shop.inv("compose.build", "--no-cache", GH_ANY=given)
        assert (build.returncode, given in build.stdout + build.stderr) == (0, False), build.stderr
        assert re.search(r"^#\d+ \*\*\*$", build.stderr, re.MULTILINE)
        assert shop.inv("compose.up", GH_ANY=given).returncode == 0
        logs = shop.inv("compose.logs", GH_ANY=given).stdout
        assert (given in logs, written in logs, "***" in logs) == (False, False, True)
        assert given in shop.inv("compose.logs", "--no-mask", GH_ANY=given).stdout
    finally:
        subprocess.run(
            ["docker", "image", "rm", f"{shop.project}-local-web"], capture_output=True, check=False
        )


def test_a_variable_that_would_steer_docker_does_not(shop: StackShop) -> None:
    """DEBUG=false reaches the build and the container, and a failing build has no Go stack trace."""
    shop.sandbox.write(".env", "DEBUG=false\n")
    shop.sandbox.write("Dockerfile", 'FROM python:3.12-slim\nARG DEBUG\nRUN echo "is $DEBUG" && exit 3\n')
    shop.sandbox.write("compose.yaml", 'services: {web: {build: {context: ., args: {DEBUG: "${DEBUG}"}}}}\n')
    done = shop.inv("compose.build", "--no-cache")
    assert (done.returncode, "is false" in done.stderr, "github.com/" in done.stderr) == (8, True, False)


@pytest.mark.parametrize(
    "words",
    [
        "up",
        "up --build web",
        "down",
        "down --volumes -y",
        "down --volumes",
        "ps",
        "logs web",
        "config",
        "build",
    ],
)
def test_a_dry_run_changes_nothing(shop: StackShop, words: str) -> None:
    """Containers, volumes and images stay as they are, and docker's command is printed."""
    shop.sandbox.write(
        "compose.yaml", f"services: {{web: {{{SLEEP}, volumes: ['data:/data']}}}}\nvolumes: {{data: {{}}}}\n"
    )
    assert shop.inv("compose.up").returncode == 0
    before = shop.left()
    done = shop.inv("--dry", *f"compose.{words}".split())
    assert (done.returncode, done.stderr) == (0, "")
    task = words.split()[0]
    assert re.fullmatch(
        rf"\S*docker compose --project-name {shop.project}-local .*\b{task}\b.*\n", done.stdout
    )
    assert shop.left() == before
    assert shop.inv("compose.ps").stdout.split()[-1] == "running"


def test_a_dry_start_starts_nothing(shop: StackShop) -> None:
    """Nothing is there afterwards, and what is printed starts the stack when it is run."""
    shop.sandbox.write("compose.yaml", f"services: {{web: {{{SLEEP}}}}}\n")
    done = shop.inv("--dry", "compose.up")
    assert (done.returncode, shop.left()) == (0, "")
    subprocess.run(shlex.split(done.stdout), check=True, capture_output=True, env=dict(shop.sandbox.env))
    assert shop.inv("compose.ps").stdout.split()[-1] == "running"


PARTS = (
    "a",
    "#",
    " #",
    "$ONE",
    "${TWO}",
    "${NO:-d}",
    "$$",
    "\\$X",
    "'",
    '"',
    "=",
    ":",
    "http://h/#/x",
    "é",
    "${ONE:+y}",
)


def some_line(choice: random.Random, number: int) -> str:
    quote = choice.choice(["", "", "'", '"'])
    body = "".join(choice.choice(PARTS) for _ in range(choice.randint(0, 5)))
    body = body.replace(quote, "") if quote else body
    tail = choice.choice(["", " ", "  # $NOT"]) if quote else ""
    export, equals = choice.choice(["", "export "]), choice.choice(["=", "=", ": ", " = "])
    return f"{export}K{number}{equals}{quote}{body}{quote}{tail}"


def test_env_files_are_read_as_compose_reads_them(tmp_path: Path) -> None:
    """Generated files define the same names and refer to the same unset variables as in compose's own reading."""
    choice = random.Random(20261125)
    values = {"ONE": "1"}
    files = [tmp_path / f"{number}.env" for number in range(40)]
    compared = 0
    for file in files:
        file.write_text("\n".join(some_line(choice, n) for n in range(6)) + "\n", encoding="utf-8")
        service = {"services": {"app": {"image": "x", "env_file": str(file)}}}
        (tmp_path / "compose.yaml").write_text(json.dumps(service), encoding="utf-8")
        done = subprocess.run(
            ["docker", "compose", "--file", str(tmp_path / "compose.yaml"), "config", "--format", "json"],
            env={
                "PATH": os.environ["PATH"],
                "HOME": os.environ["HOME"],
                "COMPOSE_DISABLE_ENV_FILE": "1",
                **values,
            },
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode:
            continue
        compared += 1
        theirs = json.loads(done.stdout)["services"]["app"].get("environment") or {}
        text = file.read_text(encoding="utf-8")
        assert set(env_files.values_of([file], values)) == set(theirs), text
        warned = set(re.findall(r'The \\"(\w+)\\" variable is not set', done.stderr))
        missing = {
            lack.name
            for each in env_files.read_assignments(file)
            for lack in interpolation.missing(each.template, values)
        }
        assert missing == warned, text
    assert compared > 20
