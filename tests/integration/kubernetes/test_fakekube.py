"""The stand-in cluster behaves as a real one does where deployments depend on it; each test names its source."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest

from tests.integration.kubernetes.shop import Shop

pytestmark = [pytest.mark.integration, pytest.mark.kubectl]
# the page behind "SSA" below: https://kubernetes.io/docs/reference/using-api/server-side-apply/
CONFIG = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "c"}}
SECRET = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "s"}}
POD = {"containers": [{"name": "a", "image": "i:1"}, {"name": "b", "image": "i:1"}]}
TEMPLATE = {"metadata": {"labels": {"x": "y"}}, "spec": POD}
DEPLOYMENT = {
    "apiVersion": "apps/v1",
    "kind": "Deployment",
    "metadata": {"name": "d"},
    "spec": {"replicas": 2, "selector": {"matchLabels": {"x": "y"}}, "template": TEMPLATE},
}


def apply(shop: Shop, body: Any, manager: str, *words: str) -> str:
    """Server-side apply without envtasks. Returns what kubectl printed."""
    done = shop.kubectl(
        "apply", "--server-side", f"--field-manager={manager}", *words, "-f", "-", stdin=json.dumps(body)
    )
    return done.stdout + done.stderr


def owned(shop: Shop, kind: str, name: str) -> dict[tuple[str, str], Any]:
    """Who owns what, by manager and operation."""
    entries = shop.get(kind, name)["metadata"]["managedFields"]
    return {(entry["manager"], entry["operation"]): entry["fieldsV1"] for entry in entries}


def test_every_key_of_data_has_its_own_owner(shop: Shop) -> None:
    """SSA, "Merge strategy": a map is granular, so two managers may each own keys of one ConfigMap."""
    apply(shop, {**CONFIG, "data": {"A": "1"}}, "one")
    apply(shop, {**CONFIG, "data": {"B": "2"}}, "two")
    assert owned(shop, "ConfigMap", "c") == {
        ("one", "Apply"): {"f:data": {"f:A": {}}},
        ("two", "Apply"): {"f:data": {"f:B": {}}},
    }
    apply(shop, CONFIG, "one")
    assert shop.get("ConfigMap", "c")["data"] == {"B": "2"}


def test_an_annotation_of_the_pod_template_conflicts_with_nothing_else_of_it(shop: Shop) -> None:
    """SSA, "Merge strategy": listType=map merges items by name, so containers and annotations are owned one by one."""
    apply(shop, DEPLOYMENT, "helm")
    template = {"metadata": {"annotations": {"envtasks/content": "1"}}}
    patch = json.dumps({"spec": {"template": template}})
    shop.kubectl("patch", "deployment/d", "--type=merge", "--field-manager=envtasks", "-p", patch)
    assert owned(shop, "Deployment", "d")["envtasks", "Update"] == {
        "f:spec": {"f:template": {"f:metadata": {"f:annotations": {".": {}, "f:envtasks/content": {}}}}}
    }
    assert "conflict" not in apply(shop, DEPLOYMENT, "helm")
    shop.kubectl("set", "image", "deployment/d", "b=i:2")
    assert (
        'conflict with "kubectl-set" using apps/v1: .spec.template.spec.containers[name="b"].image'
        in apply(shop, DEPLOYMENT, "helm")
    )


@pytest.mark.parametrize(
    ("words", "manager"),
    [(("create", "-f", "-"), "kubectl-create"), (("apply", "-f", "-"), "kubectl-client-side-apply")],
)
def test_ordinary_writers_own_what_they_write(shop: Shop, words: tuple[str, ...], manager: str) -> None:
    """SSA, "Field management": POST, PUT and other patches are recorded as operation Update, maps included."""
    shop.kubectl(*words, stdin=json.dumps({**CONFIG, "data": {"A": "1"}}))
    fields = owned(shop, "ConfigMap", "c")[manager, "Update"]
    assert fields["f:data"] == {".": {}, "f:A": {}}
    assert apply(shop, {**CONFIG, "data": {"A": "2"}}, "me").startswith(
        f'error: Apply failed with 1 conflict: conflict with "{manager}" using v1: .data.A'
    )
    assert "conflict" not in apply(shop, {**CONFIG, "data": {"A": "1"}}, "me")


def test_a_patch_takes_a_field_from_whoever_applied_it(shop: Shop) -> None:
    """SSA, "Conflicts": an Update is never refused; it changes the owner, and the applier conflicts next time."""
    apply(shop, {**CONFIG, "data": {"A": "1", "B": "1"}}, "me")
    shop.kubectl("patch", "configmap/c", "--type=merge", "-p", '{"data":{"A":"2"}}')
    assert owned(shop, "ConfigMap", "c") == {
        ("kubectl-patch", "Update"): {"f:data": {"f:A": {}}},
        ("me", "Apply"): {"f:data": {"f:B": {}}},
    }
    output = apply(shop, {**CONFIG, "data": {"A": "1", "B": "1"}}, "me", "--force-conflicts")
    assert output == "configmap/c serverside-applied\n"
    assert owned(shop, "ConfigMap", "c") == {("me", "Apply"): {"f:data": {"f:A": {}, "f:B": {}}}}


def test_several_conflicts_are_listed_below_their_manager(shop: Shop) -> None:
    """apimachinery, pkg/util/managedfields/internal/conflict.go: one form for one conflict, another for several."""
    apply(shop, {**CONFIG, "data": {"A": "1", "B": "1"}}, "one")
    output = apply(shop, {**CONFIG, "data": {"A": "2", "B": "2"}}, "two")
    assert output.startswith(
        'error: Apply failed with 2 conflicts: conflicts with "one":\n- .data.A\n- .data.B\nPlease review'
    )


def test_string_data_leaves_its_keys_behind(shop: Shop) -> None:
    """kubernetes/kubernetes#108008: the applier owns stringData, the value lands in data, and it is never removed."""
    apply(shop, {**SECRET, "stringData": {"A": "1", "B": "1"}}, "me")
    apply(shop, {**SECRET, "stringData": {"B": "1"}}, "me")
    one = base64.b64encode(b"1").decode()
    assert shop.get("Secret", "s")["data"] == {"A": one, "B": one}
    assert owned(shop, "Secret", "s") == {("me", "Apply"): {"f:stringData": {"f:B": {}}}}
    apply(shop, {**SECRET, "metadata": {"name": "t"}, "data": {"A": one, "B": one}}, "me")
    apply(shop, {**SECRET, "metadata": {"name": "t"}, "data": {"B": one}}, "me")
    assert shop.get("Secret", "t")["data"] == {"B": one}


def test_a_rollout_ends_when_the_generation_was_observed(shop: Shop) -> None:
    """kubectl, pkg/polymorphichelpers/rollout_status.go: observedGeneration first, then the counts of pods."""
    apply(shop, DEPLOYMENT, "me")
    status = ("rollout", "status", "deployment/d", "--timeout=1s")
    assert shop.kubectl(*status).stdout == 'deployment "d" successfully rolled out\n'
    shop.cluster.store.rollouts = "stuck"
    shop.kubectl("set", "image", "deployment/d", "a=i:2")
    assert shop.kubectl(*status).returncode == 1
    assert shop.get("Deployment", "d")["metadata"]["generation"] == 2


def test_a_write_to_the_object_leaves_its_status_alone(shop: Shop) -> None:
    """API conventions, "Spec and Status": status is written through its subresource only."""
    apply(shop, DEPLOYMENT, "me")
    shop.kubectl("patch", "deployment/d", "--type=merge", "-p", '{"status":{"replicas":99}}')
    assert shop.get("Deployment", "d")["status"]["replicas"] == 2


def test_a_list_is_taken_like_its_items(shop: Shop) -> None:
    """https://kubernetes.io/docs/reference/using-api/api-concepts/#collections: a `kind: List` goes item by item."""
    items = [{**CONFIG, "data": {"A": "1"}}, {**SECRET, "data": {}}]
    output = apply(shop, {"apiVersion": "v1", "kind": "List", "items": items}, "me")
    assert output == "configmap/c serverside-applied\nsecret/s serverside-applied\n"


def test_a_dry_run_answers_and_writes_nothing(shop: Shop) -> None:
    """https://kubernetes.io/docs/reference/using-api/api-concepts/#dry-run: every check runs, nothing is stored."""
    output = apply(shop, {**CONFIG, "data": {"A": "1"}}, "me", "--dry-run=server")
    assert output == "configmap/c serverside-applied (server dry run)\n"
    assert not shop.cluster.holds("ConfigMap", "c", "shop-staging")


def test_objects_are_held_to_the_schema_and_the_size_of_a_real_release(shop: Shop) -> None:
    """Unknown fields, wrong types, broken base64 and more than 1 MiB of values (MaxSecretSize) are refused."""
    refused = [
        {**CONFIG, "dat": {"A": "1"}},
        {**CONFIG, "data": {"A": 1}},
        {**SECRET, "data": {"A": "***"}},
        {**CONFIG, "data": {"A": "x" * (1024 * 1024), "B": "x"}},
        {**CONFIG, "metadata": {"name": "c", "namespace": "nowhere"}, "data": {}},
    ]
    assert ["serverside-applied" in apply(shop, body, "me") for body in refused] == [False] * 5
    assert "applied" in apply(shop, {**CONFIG, "data": {"A": "x" * (1024 * 1024)}}, "me")


def test_objects_without_owners_belong_to_earlier_writers(shop: Shop) -> None:
    """SSA, "Clearing managedFields": after a reset the first apply meets "before-first-apply"."""
    apply(shop, {**CONFIG, "data": {"A": "1"}}, "me")
    reset = '[{"op":"replace","path":"/metadata/managedFields","value":[{}]}]'
    shop.kubectl("patch", "configmap/c", "--type=json", "-p", reset)
    assert shop.get("ConfigMap", "c")["metadata"]["managedFields"] == []
    assert 'conflict with "before-first-apply" using v1: .data.A' in apply(
        shop, {**CONFIG, "data": {"A": "2"}}, "me"
    )


def test_a_write_with_an_old_version_is_refused(shop: Shop) -> None:
    """API concepts, "Resource versions": an update that names an older version is a conflict."""
    apply(shop, {**CONFIG, "data": {"A": "1"}}, "me")
    version, value = (
        {"op": "replace", "path": "/metadata/resourceVersion"},
        {"op": "replace", "path": "/data/A"},
    )
    patch = json.dumps([{**version, "value": "1"}, {**value, "value": "2"}])
    done = shop.kubectl("patch", "configmap/c", "--type=json", "-p", patch)
    assert "the object has been modified" in done.stderr
    assert shop.get("ConfigMap", "c")["data"] == {"A": "1"}
