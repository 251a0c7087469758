"""Which compose files, env files and names a stack takes, on a real engine."""

from __future__ import annotations

import json
import os
import random
import re
import subprocess
from pathlib import Path

import pytest

from envtasks.compose import env_files, interpolation
from tests.integration.docker.stacks import StackShop, docker, remove

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
