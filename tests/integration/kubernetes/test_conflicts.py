"""Other hands on the same objects: conflicts by name, drift, and taking over what kubectl or Helm made."""

from __future__ import annotations

import json
import re

import pytest

from envtasks import kubernetes
from envtasks.errors import ClusterFailed, Refused
from envtasks.kubernetes.drift import Difference
from envtasks.kubernetes.ownership import LAST_APPLIED
from tests.integration.kubernetes.shop import CONFIG, DEPLOYMENT, PASSWORD, SECRET, Shop

pytestmark = [pytest.mark.integration, pytest.mark.kubectl]
TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ")


def by_hand(shop: Shop) -> None:
    """Somebody changes one secret, one plain value, and adds a name."""
    secret = '{"data":{"DB_PASSWORD":"aGFuZA==","EXTRA":"aGFuZA=="}}'
    assert shop.kubectl("patch", SECRET, "--type=merge", "-p", secret).returncode == 0
    assert shop.kubectl("patch", CONFIG, "--type=merge", "-p", '{"data":{"DB_HOST":"hand"}}').returncode == 0


def test_a_conflict_names_every_variable_and_changes_nothing(shop: Shop) -> None:
    """Which name of which object, by whom and since when; not even the object without a conflict is touched."""
    shop.apply(with_manifests=True)
    shop.kubectl("patch", SECRET, "--type=merge", "-p", '{"data":{"DB_PASSWORD":"aGFuZA=="}}')
    shop.values("DB_HOST=db2.example.com\n", DB_PASSWORD=PASSWORD)
    before = len(shop.cluster.writes)
    with pytest.raises(ClusterFailed) as caught:
        shop.apply()
    assert TIME.sub("TIME", caught.value.message) == (
        "Another hand holds these with other values, and nothing was changed:\n"
        f"  DB_PASSWORD in {SECRET}: set by kubectl-patch at TIME"
    )
    assert caught.value.hint == "inv deploy.diff --env staging shows them; --adopt takes them over"
    assert len(shop.cluster.writes) == before


def test_drift_is_told_with_who_and_when(shop: Shop) -> None:
    """What another hand changed is drifted, what it added is foreign; the pods' values are older than the cluster's."""
    shop.apply(with_manifests=True)
    by_hand(shop)
    found = shop.diff()
    assert [(each.what, each.name, each.object) for each in found] == [
        ("drifted", "DB_HOST", CONFIG),
        ("drifted", "DB_PASSWORD", SECRET),
        ("foreign", "EXTRA", SECRET),
        ("pending", "", DEPLOYMENT),
    ]
    assert [TIME.sub("TIME", each.by) for each in found] == ["kubectl-patch at TIME"] * 3 + [""]
    assert PASSWORD not in repr(found)


def test_adopting_takes_changed_and_added_names_back(shop: Shop) -> None:
    """After --adopt the cluster holds what is rendered and nothing else, and goes on being ours."""
    shop.apply(with_manifests=True)
    by_hand(shop)
    assert shop.apply(adopt=True)[:4] == [
        f"{SECRET} adopted",
        f"{CONFIG} adopted",
        f"{SECRET} applied",
        f"{CONFIG} applied",
    ]
    assert (shop.secret(), shop.diff()) == ({"DB_PASSWORD": PASSWORD}, ())
    assert f"{SECRET} adopted" not in shop.apply(adopt=True)


@pytest.mark.parametrize("way", ["apply", "create", "helm"])
def test_objects_that_others_made_are_taken_over_whole(shop: Shop, way: str) -> None:
    """Old names go, old values in kubectl's annotation go, and a later apply removes what is no longer listed."""
    secret = {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {"name": "shop-env"},
        "data": {"DB_PASSWORD": "b2xk"},
    }
    secret["data"] |= {"OLD": "b2xk"}  # type: ignore[operator]
    words = {
        "apply": ("apply", "-f", "-"),
        "create": ("create", "-f", "-"),
        "helm": ("apply", "--server-side", "--field-manager=helm", "-f", "-"),
    }
    assert shop.kubectl(*words[way], stdin=json.dumps(secret)).returncode == 0
    with pytest.raises(ClusterFailed, match="DB_PASSWORD in secret/shop-env: set by"):
        shop.apply()
    notes = kubernetes.diff(shop.plan()).notes
    assert any("last-applied-configuration" in note for note in notes) == (way == "apply")
    shop.apply(adopt=True)
    live = shop.get("Secret", "shop-env")
    assert shop.secret() == {"DB_PASSWORD": PASSWORD}
    assert LAST_APPLIED not in live["metadata"]["annotations"]
    shop.sandbox.write("deploy/env.allowlist", "APP_ENV\n")
    shop.apply()
    assert "data" not in shop.get("Secret", "shop-env") or shop.secret() == {}


def test_a_name_of_another_manager_with_the_same_value_is_shared(shop: Shop) -> None:
    """Two managers may hold one value; that is neither a conflict nor a difference."""
    shop.apply()
    config = (
        "{apiVersion: v1, kind: ConfigMap, metadata: {name: shop-config}, data: {DB_HOST: db.example.com}}"
    )
    shop.kubectl("apply", "--server-side", "--field-manager=other", "-f", "-", stdin=config)
    shop.apply()
    assert shop.diff() == ()


def test_a_deployment_of_another_manager_is_rolled_without_a_conflict(shop: Shop) -> None:
    """Helm's Deployment stays Helm's: only one annotation of the pod template is ours."""
    text = (shop.sandbox.root / "deploy/app.yaml").read_text(encoding="utf-8")
    shop.kubectl("apply", "--server-side", "--field-manager=helm", "-f", "-", stdin=text)
    shop.apply()
    assert shop.started_for() == shop.digest()
    assert (
        shop.kubectl("apply", "--server-side", "--field-manager=helm", "-f", "-", stdin=text).returncode == 0
    )
    assert shop.started_for() == shop.digest()


def test_manifests_of_another_manager_are_a_conflict_too(shop: Shop) -> None:
    """--with-manifests does not silently take a Deployment that somebody scales or patches; --adopt does."""
    shop.apply(with_manifests=True)
    shop.kubectl("set", "image", DEPLOYMENT, "shop=registry.example.com/shop:hand")
    shop.values("DB_HOST=db2.example.com\n", DB_PASSWORD=PASSWORD)
    before = len(shop.cluster.writes)
    with pytest.raises(ClusterFailed) as caught:
        shop.apply(with_manifests=True)
    assert caught.value.message.splitlines()[1] == (
        '  .spec.template.spec.containers[name="shop"].image: set by kubectl-set'
    )
    assert len(shop.cluster.writes) == before
    shop.apply(with_manifests=True, adopt=True)
    assert shop.images()[0] == "registry.example.com/shop:file"


def test_another_server_behind_the_context_is_refused_before_anything_is_sent(shop: Shop) -> None:
    """The kubeconfig's context has the right name and the wrong cluster."""
    pyproject = shop.sandbox.root / "pyproject.toml"
    text = pyproject.read_text(encoding="utf-8").replace(
        shop.cluster.url, "https://staging.example.com:6443", 1
    )
    pyproject.write_text(text, encoding="utf-8")
    with pytest.raises(Refused, match=r"points to http://127\.0\.0\.1:"):
        shop.apply()
    assert shop.cluster.requests == []


def test_a_difference_never_shows_a_value(shop: Shop) -> None:
    """Fingerprints are keyed: without the Secret's key they say nothing about a value."""
    shop.apply()
    shop.values("DB_HOST=db2.example.com\n", DB_PASSWORD=PASSWORD)
    (one,) = shop.diff()
    assert one == Difference("changed", "DB_HOST", CONFIG, one.live, one.wanted)
    assert re.fullmatch(r"[0-9a-f]{8}", one.live)
    assert one.live != one.wanted
