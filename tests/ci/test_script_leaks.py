"""Lines that would put a secret into a job's log, and lines that look like it and do not."""

from __future__ import annotations

import pytest

from envtasks.ci.script_leaks import prints

SECRETS = ("DB_PASSWORD", "TOKEN")


@pytest.mark.parametrize(
    ("line", "how"),
    [
        ("echo $DB_PASSWORD", "prints DB_PASSWORD"),
        ('echo "is ${TOKEN:0:4}"', "prints TOKEN"),
        ("true && printf '%s' \"$TOKEN\"", "prints TOKEN"),
        ("echo $DOTENV_PRIVATE_KEY_STAGING", "prints DOTENV_PRIVATE_KEY_STAGING"),
        ("echo ${{ secrets.ANYTHING }}", "prints ANYTHING"),
        ("echo $TOKEN | base64", "prints TOKEN"),
        ("echo $TOKEN | tee token.txt", "prints TOKEN"),
        ("echo $TOKEN >&2", "prints TOKEN"),
        ("Write-Output $env:TOKEN", "prints TOKEN"),
        ("printenv TOKEN", "prints TOKEN"),
        ("printenv", "prints its whole environment"),
        ("cd app && env", "prints its whole environment"),
        ("env | sort", "prints its whole environment"),
        ("export -p", "prints its whole environment"),
        ("set -x", "prints every command with its values (set -x)"),
        ("set -euxo pipefail", "prints every command with its values (set -x)"),
        ("bash -x deploy.sh", "prints every command with its values (set -x)"),
        ("uv run inv deploy.render --reveal --env staging", "shows secrets that would be hidden"),
        ("uv run nox -s unit -- --no-mask", "shows secrets that would be hidden"),
        ("uv run inv env.get --env staging TOKEN", "prints TOKEN"),
        ("inv env.get TOKEN -e staging", "prints TOKEN"),
    ],
)
def test_a_line_that_prints_a_secret_is_found(line: str, how: str) -> None:
    """Echoed, dumped, traced or revealed: each is said in its own words."""
    assert prints(line, SECRETS) == how


@pytest.mark.parametrize(
    "line",
    [
        "echo $DB_HOST",
        "echo done",
        "printf '%s' \"$TOKEN\" | docker login --username ci --password-stdin registry.example.com",
        "umask 077 && printf '%s' \"$TOKEN\" > token",
        "inv deploy.render --reveal --env staging | kubectl apply --server-side -f -",
        "inv deploy.render --reveal --env staging > manifests.yaml",
        "inv env.get DB_HOST --env staging",
        'password="$(inv env.get TOKEN --env staging)"',
        "env TOKEN=x program",
        "set -euo pipefail",
        "uv run nox -s unit",
        "bash -c 'true'",
    ],
)
def test_a_line_that_prints_none_is_left_alone(line: str) -> None:
    """Names that are no secret, and secrets that go into another program or a file."""
    assert prints(line, SECRETS) == ""
