"""Other clients that write the same objects: conflicts by name, drift, and adopting what kubectl or Helm made."""

from __future__ import annotations

import base64
import json
import re

import pytest

from envtasks import kubernetes
from envtasks.errors import ClusterFailed, Refused
from envtasks.kubernetes import Difference
from envtasks.kubernetes.drift import LAST_APPLIED
from tests.integration.kubernetes.shop import CONFIG, DEPLOYMENT, PASSWORD, SECRET, Shop

pytestmark = [pytest.mark.integration, pytest.mark.kubectl]
TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ")


def change_by_kubectl(shop: Shop) -> None:
    """Change one secret and one plain value, and add a name, with kubectl patch."""
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
        "Conflict: these fields are managed by another client; nothing was changed:\n"
        f"  DB_PASSWORD in {SECRET}: set by kubectl-patch at TIME"
    )
    assert caught.value.hint == "inv deploy.diff --env staging shows them; --adopt overwrites them"
    assert len(shop.cluster.writes) == before


def test_drift_is_listed_with_who_and_when(shop: Shop) -> None:
    """What another client changed is drifted, what it added is foreign, and pods are behind the cluster."""
    shop.apply(with_manifests=True)
    change_by_kubectl(shop)
    found = shop.diff()
    assert [(each.what, each.name, each.object) for each in found] == [
        ("drifted", "DB_HOST", CONFIG),
        ("drifted", "DB_PASSWORD", SECRET),
        ("foreign", "EXTRA", SECRET),
        ("pending", "", DEPLOYMENT),
    ]
    assert [TIME.sub("TIME", each.by) for each in found] == ["kubectl-patch at TIME"] * 3 + [""]
    assert PASSWORD not in repr(found)


def test_adopting_overwrites_what_was_changed_and_leaves_what_was_added(shop: Shop) -> None:
    """After --adopt the values are the rendered ones; a name that somebody added stays, and diff goes on listing it."""
    shop.apply(with_manifests=True)
    change_by_kubectl(shop)
    assert shop.apply(adopt=True)[:2] == [f"{SECRET} applied", f"{CONFIG} applied"]
    assert shop.secret() == {"DB_PASSWORD": PASSWORD, "EXTRA": "hand"}
    assert shop.config() == {"APP_ENV": "staging", "DB_HOST": "db.example.com"}
    assert [(each.what, each.name, each.object) for each in shop.diff()] == [("foreign", "EXTRA", SECRET)]
    shop.values("DB_HOST=db2.example.com\n", DB_PASSWORD="another-value")
    shop.apply()
    assert shop.secret()["DB_PASSWORD"] == "another-value"


OLD = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "shop-env"}}
OLD |= {"data": {"DB_PASSWORD": "b2xk", "OLD": "b2xk"}}
WAYS = {
    "apply": ("apply", "-f", "-"),
    "create": ("create", "-f", "-"),
    "helm": ("apply", "--server-side", "--field-manager=helm", "-f", "-"),
}


@pytest.mark.parametrize(("way", "what"), [("apply", "removed"), ("create", "foreign"), ("helm", "foreign")])
def test_objects_that_others_made_are_adopted(shop: Shop, way: str, what: str) -> None:
    """Our values replace theirs and are ours from then on; of other names, diff says before whether they stay."""
    assert shop.kubectl(*WAYS[way], stdin=json.dumps(OLD)).returncode == 0
    with pytest.raises(ClusterFailed, match="DB_PASSWORD in secret/shop-env: set by"):
        shop.apply()
    secrets = [each for each in shop.diff() if each.object == SECRET]
    assert [(each.what, each.name) for each in secrets] == [("drifted", "DB_PASSWORD"), (what, "OLD")]
    shop.apply(adopt=True)
    rest = {"OLD": "old"} if what == "foreign" else {}
    assert shop.secret() == {"DB_PASSWORD": PASSWORD, **rest}
    assert [(each.what, each.name) for each in shop.diff() if each.object == SECRET] == [
        ("foreign", name) for name in rest
    ]
    shop.sandbox.write("deploy/env.allowlist", "APP_ENV\n")
    shop.apply()
    assert (shop.get("Secret", "shop-env").get("data") or {}).keys() == rest.keys()


def test_adopting_removes_kubectls_copy_of_older_values(shop: Shop) -> None:
    """Plain and encoded, they would stay in an annotation that server-side apply does not touch."""
    assert shop.kubectl("apply", "-f", "-", stdin=json.dumps(OLD)).returncode == 0
    assert shop.kubectl("apply", "--server-side", "-f", "-", stdin=json.dumps(OLD)).returncode == 0
    (note,) = [note for note in kubernetes.diff(shop.inputs()).notes if "last-applied" in note]
    assert (
        note
        == f"{SECRET} keeps a copy of older values in kubectl's last-applied-configuration; --adopt removes it."
    )
    assert shop.apply(adopt=True)[2] == f"{SECRET} last-applied-configuration removed"
    live = shop.get("Secret", "shop-env")
    assert (LAST_APPLIED in live["metadata"]["annotations"], "b2xk" in json.dumps(live["metadata"])) == (
        False,
        False,
    )
    assert not any("last-applied" in line for line in shop.apply(adopt=True))


def test_without_adopting_the_copy_of_older_values_stays(shop: Shop) -> None:
    """The annotation belongs to another client, so only --adopt removes it."""
    same = {**OLD, "data": {"DB_PASSWORD": base64.b64encode(PASSWORD.encode()).decode()}}
    shop.kubectl("apply", "-f", "-", stdin=json.dumps(same))
    shop.kubectl("apply", "--server-side", "-f", "-", stdin=json.dumps(same))
    shop.apply()
    assert LAST_APPLIED in shop.get("Secret", "shop-env")["metadata"]["annotations"]


def test_a_name_of_another_manager_with_the_same_value_is_shared(shop: Shop) -> None:
    """Two managers may hold one value; that is neither a conflict nor a difference."""
    shop.apply()
    config = (
        "{apiVersion: v1, kind: ConfigMap, metadata: {name: shop-config}, data: {DB_HOST: db.example.com}}"
    )
    shop.kubectl("apply", "--server-side", "--field-manager=other", "-f", "-", stdin=config)
    shop.apply()
    assert shop.diff() == ()


def test_a_name_that_another_manager_has_too_cannot_be_changed_without_adopting(shop: Shop) -> None:
    """diff says so before apply refuses; --adopt makes the value ours alone."""
    shop.apply()
    config = (
        "{apiVersion: v1, kind: ConfigMap, metadata: {name: shop-config}, data: {DB_HOST: db.example.com}}"
    )
    shop.kubectl("apply", "--server-side", "--field-manager=other", "-f", "-", stdin=config)
    shop.values("DB_HOST=db2.example.com\n", DB_PASSWORD=PASSWORD)
    (drifted,) = shop.diff()
    assert (drifted.what, TIME.sub("TIME", drifted.by)) == ("drifted", "other at TIME")
    with pytest.raises(ClusterFailed, match="DB_HOST in configmap/shop-config: set by other at"):
        shop.apply()
    shop.apply(adopt=True)
    assert (shop.config()["DB_HOST"], shop.diff()) == ("db2.example.com", ())


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


def test_a_conflict_beside_one_with_our_own_patch_is_not_forced(shop: Shop) -> None:
    """Manifests overwrite the digest that an earlier patch of ours set, and nothing that others set along with it."""
    shop.apply(with_manifests=True)
    shop.values("DB_HOST=db2.example.com\n", DB_PASSWORD=PASSWORD)
    shop.apply()
    shop.kubectl("set", "image", DEPLOYMENT, "proxy=registry.example.com/proxy:hand")
    shop.values("DB_HOST=db3.example.com\n", DB_PASSWORD=PASSWORD)
    with pytest.raises(ClusterFailed, match=r'containers\[name="proxy"\]\.image: set by kubectl-set'):
        shop.apply(with_manifests=True)
    assert (shop.images()[1], shop.config()["DB_HOST"]) == (
        "registry.example.com/proxy:hand",
        "db2.example.com",
    )


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
