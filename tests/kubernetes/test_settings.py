"""`[tool.envtasks.deploy]`: defaults, one environment over all, and what is refused."""

from __future__ import annotations

from typing import Any

import pytest

from envtasks.errors import ConfigInvalid
from envtasks.kubernetes.settings import NEEDS, Target, object_name, read_target
from tests.kubernetes.deployments import ROOT, project

SERVER = "https://staging.example.com:6443"


def test_a_project_without_a_table_gets_names_from_its_own_name_and_no_cluster() -> None:
    """Without a table, objects are named after the project and no cluster is declared."""
    assert read_target(project({}), "staging") == Target(
        environment="staging",
        app="shop",
        secret="shop-env",
        config="shop-config",
        allowlist=ROOT / "deploy/env.allowlist",
        namespace=None,
        context=None,
        server=None,
        labels={},
        workloads=(),
        container=None,
        manifests=("deploy/*.yaml", "deploy/*.yml"),
        needs=NEEDS,
        timeout=300,
    )


def test_keys_of_an_environment_override_those_of_all() -> None:
    """A key under environments.<name> wins, labels are joined, short kinds of workloads are spelled out."""
    table = {
        "app": "web",
        "namespace": "shared",
        "labels": {"team": "a", "tier": "web"},
        "environments": {
            "staging": {
                "context": "st",
                "server": SERVER,
                "namespace": "web-staging",
                "labels": {"team": "b"},
                "workloads": ["deploy/web", "sts/queue", "daemonset/agent"],
                "timeout": 60,
            }
        },
    }
    staging, production = read_target(project(table), "staging"), read_target(project(table), "production")
    assert (staging.objects, staging.namespace) == (("secret/web-env", "configmap/web-config"), "web-staging")
    assert (staging.context, staging.server, staging.timeout) == ("st", SERVER, 60)
    assert dict(staging.labels) == {"team": "b", "tier": "web"}
    assert staging.workloads == ("deployment/web", "statefulset/queue", "daemonset/agent")
    assert (production.namespace, production.context, production.server) == ("shared", None, None)


@pytest.mark.parametrize(
    ("table", "message"),
    [
        ({"apps": "x"}, "[tool.envtasks.deploy] has no key 'apps': did you mean app?"),
        ({"app": "Web"}, "[tool.envtasks.deploy] app must be a name that Kubernetes accepts"),
        ({"namespace": "a.b"}, "[tool.envtasks.deploy] namespace must be a namespace"),
        (
            {"labels": {"team": "a b"}},
            "[tool.envtasks.deploy] labels: 'team' or its value is not a valid",
        ),
        ({"labels": ["x"]}, "tool.envtasks.deploy.labels must be a table"),
        ({"workloads": ["pod/web"]}, "[tool.envtasks.deploy] workloads must be a list such as"),
        ({"timeout": True}, "[tool.envtasks.deploy] timeout must be a number of seconds"),
        ({"manifests": [1]}, "[tool.envtasks.deploy] manifests must be a list of strings"),
        ({"context": "x"}, "[tool.envtasks.deploy] has 'context', which belongs to one environment"),
        (
            {"environments": {"stagin": {}}},
            "[tool.envtasks.deploy.environments.stagin]: there is no such environment",
        ),
        (
            {"environments": []},
            "tool.envtasks.deploy.environments must be a table",
        ),
        (
            {"environments": {"staging": {"server": "staging.example.com"}}},
            "[tool.envtasks.deploy.environments.staging] server must be the API server's URL",
        ),
        (
            {"environments": {"staging": {"server": "https://staging.example.com:99999"}}},
            "[tool.envtasks.deploy.environments.staging] server must be the API server's URL",
        ),
        (
            {"environments": {"staging": {"server": "https://[::1"}}},
            "[tool.envtasks.deploy.environments.staging] server must be the API server's URL",
        ),
        (
            {"environments": {"staging": {"server": "http://staging.example.com"}}},
            "[tool.envtasks.deploy.environments.staging] server must be the API server's URL",
        ),
    ],
)
def test_a_wrong_table_is_refused_with_table_and_key(table: dict[str, Any], message: str) -> None:
    """Each mistake is a ConfigInvalid with its place and what was expected; plain http is one, off loopback."""
    with pytest.raises(ConfigInvalid) as caught:
        read_target(project(table), "staging")
    assert caught.value.message.startswith(f"pyproject.toml: {message}")


def test_two_environments_never_write_the_same_object() -> None:
    """Staging and production in one namespace of one cluster need names of their own."""
    place = {"context": "a", "server": SERVER, "namespace": "shop"}
    table = {"environments": {"staging": place, "production": place}}
    with pytest.raises(ConfigInvalid) as caught:
        read_target(project(table), "staging")
    assert caught.value.message == (
        "pyproject.toml: staging and production would both write configmap/shop-config "
        f"in namespace shop of {SERVER}."
    )
    table["environments"]["production"] = {
        **place,
        "secret": "shop-production-env",
        "config": "shop-production-config",
    }
    assert read_target(project(table), "staging").secret == "shop-env"


@pytest.mark.parametrize(
    ("text", "name"), [("My_App 2", "my-app-2"), ("--", "app"), ("shop.web", "shop-web")]
)
def test_any_project_name_becomes_a_kubernetes_name(text: str, name: str) -> None:
    """A name is lowered, and what Kubernetes does not take becomes a dash."""
    assert object_name(text) == name
