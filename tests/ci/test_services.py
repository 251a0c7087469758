"""`[tool.envtasks.ci.services]`: what runs beside a session's job, on both platforms, and that no secret is written."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from envtasks.ci import github, gitlab
from envtasks.ci.files import rendered
from envtasks.ci.plan import plan_pipeline
from envtasks.ci.services import Service, read_services
from envtasks.config import Project
from envtasks.errors import ConfigInvalid
from tests.ci.pipeline_projects import PYPROJECT, loaded, shop
from tests.ci.test_rendered import LINTERS, run
from tests.projects import Sandbox

SERVICES = """
[tool.envtasks.ci.services]
unit = { redis = "redis:8" }

[tool.envtasks.ci.services.integration]
cache = "registry.example.com:5000/base/valkey:8@sha256:0f"

[tool.envtasks.ci.services.integration.database]
image = "mysql:9"
ports = [3306, 33060]
health = "mysqladmin ping -h 127.0.0.1 -p\\"$MYSQL_PASSWORD\\""
host = "DB_HOST"
variables = { MYSQL_DATABASE = "app", MYSQL_ALLOW_EMPTY_PASSWORD = "yes" }
secrets = ["MYSQL_PASSWORD"]
"""


def with_services(sandbox: Sandbox, services: str = SERVICES) -> Sandbox:
    """The shop with these services and with both of its pipelines."""
    sandbox = shop(sandbox)
    sandbox.write("pyproject.toml", f"{PYPROJECT}\n{services}")
    pipeline = plan_pipeline(loaded(sandbox), sandbox.env)
    for platform in (github, gitlab):
        for file in rendered(sandbox.root, pipeline, platform):
            file.path.parent.mkdir(parents=True, exist_ok=True)
            file.path.write_text(file.text, encoding="utf-8")
    return sandbox


def jobs(sandbox: Sandbox) -> tuple[dict[str, Any], dict[str, Any]]:
    """The jobs of GitHub and those of GitLab."""
    texts = [(sandbox.root / platform.FILE).read_text(encoding="utf-8") for platform in (github, gitlab)]
    return yaml.safe_load(texts[0])["jobs"], yaml.safe_load(texts[1])


def test_services_run_beside_the_jobs_of_their_sessions(sandbox: Sandbox) -> None:
    """GitHub: containers with ports on localhost and a health check; GitLab: hosts of their names."""
    ours, theirs = jobs(with_services(sandbox))
    limits = "--health-interval 5s --health-timeout 5s --health-retries 24"
    assert ours["unit"]["services"] == {
        "redis": {
            "image": "redis:8",
            "ports": ["6379:6379"],
            "options": f'--health-cmd "redis-cli ping" {limits}',
        }
    }
    assert ours["integration"]["services"] == {
        "cache": {
            "image": "registry.example.com:5000/base/valkey:8@sha256:0f",
            "ports": ["6379:6379"],
            "options": f'--health-cmd "valkey-cli ping" {limits}',
        },
        "database": {
            "image": "mysql:9",
            "env": {
                "MYSQL_DATABASE": "app",
                "MYSQL_ALLOW_EMPTY_PASSWORD": "yes",
                "MYSQL_PASSWORD": "${{ secrets.MYSQL_PASSWORD }}",
            },
            "ports": ["3306:3306", "33060:33060"],
            "options": r'--health-cmd "mysqladmin ping -h 127.0.0.1 -p\"$MYSQL_PASSWORD\"" ' + limits,
        },
    }
    assert ours["integration"]["env"]["DB_HOST"] == "localhost"
    assert theirs["unit"]["services"] == [{"name": "redis:8", "alias": "redis"}]
    assert theirs["integration"]["services"] == [
        {"name": "registry.example.com:5000/base/valkey:8@sha256:0f", "alias": "cache"},
        {
            "name": "mysql:9",
            "alias": "database",
            "variables": {"MYSQL_DATABASE": "app", "MYSQL_ALLOW_EMPTY_PASSWORD": "yes"},
        },
    ]
    # a service gets the job's own variables, but not those of the platform's settings
    assert theirs["integration"]["variables"] == {"MYSQL_PASSWORD": "$MYSQL_PASSWORD", "DB_HOST": "database"}
    assert [name for name, job in ours.items() if "services" in job] == ["unit", "integration"]


def test_a_session_with_services_runs_on_linux_alone(sandbox: Sandbox) -> None:
    """GitHub's runners have containers on Linux only, so there is no matrix of systems."""
    ours = jobs(with_services(sandbox))[0]
    assert (ours["unit"]["runs-on"], "strategy" in ours["unit"]) == ("ubuntu-latest", False)


def test_a_service_with_a_secret_is_closed_to_forks(sandbox: Sandbox) -> None:
    """A fork gets no secret: the job does not run there, and runs in its environment, which holds the secret."""
    services = '[tool.envtasks.ci.services.unit.db]\nimage = "mariadb:12"\nsecrets = ["MARIADB_PASSWORD"]\n'
    ours, theirs = jobs(with_services(sandbox, services))
    assert (ours["unit"]["if"], ours["unit"]["environment"]["name"]) == (github.WITH_KEYS, "local")
    assert {**gitlab.FORK, "when": "never"} in theirs["unit"]["rules"]
    assert "unit" in theirs["without-keys"]["script"][0]


@pytest.mark.parametrize("linter", LINTERS, ids=lambda words: f"{words[0]} {words[-1]}")
def test_the_linters_find_nothing(sandbox: Sandbox, linter: list[str]) -> None:
    """Schemas and linters of others accept jobs with services; zizmor wants images by their digest."""
    services = re.sub(r"(redis:8|mysql:9)", rf"\1@sha256:{'0f' * 32}", SERVICES)
    code, said = run(*linter, cwd=with_services(sandbox, services).root)
    assert code == 0, said


def read(
    services: object, sessions: tuple[str, ...] = ("unit", "integration")
) -> dict[str, tuple[Service, ...]]:
    """The services of a project with this table."""
    project = Project(Path("/project"), "shop", {}, tables={"ci": {"services": services}})
    return read_services(project, project.table("ci"), sessions)


def test_known_images_need_no_more_than_their_name() -> None:
    """PostgreSQL's image has a port, a check that waits for the server, and takes whatever password comes."""
    (service,) = read({"unit": {"postgres": "postgres:17"}})["unit"]
    assert service == Service(
        "postgres",
        "postgres:17",
        ports=(5432,),
        health="pg_isready -h localhost",
        variables={"POSTGRES_HOST_AUTH_METHOD": "trust"},
    )


@pytest.mark.parametrize(
    "own", [{"secrets": ["POSTGRES_PASSWORD"]}, {"variables": {"POSTGRES_HOST_AUTH_METHOD": "md5"}}]
)
def test_a_password_of_postgres_is_asked_for_where_one_is_set(own: dict[str, object]) -> None:
    """What the project says about the password stays."""
    (service,) = read({"unit": {"db": {"image": "postgis/postgis:17-3.5", **own}}})["unit"]
    assert service.variables.get("POSTGRES_HOST_AUTH_METHOD") == ("md5" if "variables" in own else None)


@pytest.mark.parametrize(
    ("services", "sentence"),
    [
        ({"intgration": {}}, "[SERVICES] the pipeline has no session 'intgration': did you mean integration?"),
        ({"unit": "postgres:17"}, "SERVICES.unit must be a table."),
        ({"unit": {"db": 17}}, "SERVICES.unit.db must be a table."),
        ({"unit": {"My DB": "postgres:17"}},
         "[SERVICES.unit] 'My DB' cannot be a host's name: lower-case letters, digits and '-'."),
        ({"unit": {"db": {}}}, '[SERVICES.unit.db] image must be an image such as "postgres:17".'),
        ({"unit": {"db": "postgres 17"}}, '[SERVICES.unit.db] image must be an image such as "postgres:17".'),
        ({"unit": {"db": {"image": "postgres:17", "port": 1}}},
         "[SERVICES.unit.db] has no key 'port': did you mean ports?"),
        ({"unit": {"s": "search:1"}},
         "[SERVICES.unit.s] ports must be a list of port numbers of search:1, such as [8080]."),
        ({"unit": {"s": {"image": "s", "ports": [0]}}},
         "[SERVICES.unit.s] ports must be a list of port numbers of s, such as [8080]."),
        ({"unit": {"s": {"image": "s", "ports": [True]}}},
         "[SERVICES.unit.s] ports must be a list of port numbers of s, such as [8080]."),
        ({"unit": {"s": {"image": "redis", "host": "DB HOST"}}},
         """[SERVICES.unit.s] host must be the name of a variable, such as "DB_HOST"."""),
        ({"unit": {"a": "redis:8", "b": "valkey:8"}},
         "[SERVICES.unit] a and b both have port 6379: on GitHub both would be localhost:6379."),
        ({"unit": {"s": {"image": "redis", "variables": {"A B": "x"}}}},
         "[SERVICES.unit.s] variables must be names of variables: letters, digits and '_'."),
        ({"unit": {"s": {"image": "redis", "secrets": ["A-B"]}}},
         "[SERVICES.unit.s] secrets must be names of variables: letters, digits and '_'."),
        ({"unit": {"s": {"image": "redis", "variables": {"A": "${{ secrets.B }}"}}}},
         "[SERVICES.unit.s] variables must be texts without '$', unlike that of A."),
    ],
)  # fmt: skip
def test_a_wrong_table_is_told(services: object, sentence: str) -> None:
    """The error names the table, the key and what was expected."""
    with pytest.raises(ConfigInvalid) as caught:
        read(services)
    assert caught.value.message == "pyproject.toml: " + sentence.replace(
        "SERVICES", "tool.envtasks.ci.services"
    )


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("POSTGRES_PASSWORD", "hunter2-s3cret"),
        ("RABBITMQ_DEFAULT_PASS", "hunter2-s3cret"),
        ("MINIO_SECRET_KEY", "hunter2-s3cret"),
        ("API_TOKEN", "hunter2-s3cret"),
        ("BROKER_URL", "amqp://shop:hunter2-s3cret@broker/"),
    ],
)
def test_a_secret_value_is_refused(name: str, value: str) -> None:
    """A pipeline's file holds names only; the message shows the name, how to go on, and not the value."""
    with pytest.raises(ConfigInvalid) as caught:
        read({"unit": {"db": {"image": "postgres:17", "variables": {name: value}}}})
    assert f"variables has the value of {name}, which looks like a secret" in caught.value.message
    assert f'secrets = ["{name}"]' in caught.value.hint
    assert not re.search("hunter2", str(caught.value))


def test_only_postgresql_gets_its_variables() -> None:
    """Other images have names that begin like its own."""
    (service,) = read({"unit": {"mail": {"image": "postfix:3", "ports": [25]}}})["unit"]
    assert service.variables == {}
