"""Ownership, drift and the rollout digest: who set what, how the cluster differs, when pods restart."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from typing import Any

import pytest

from envtasks.errors import ConfigInvalid
from envtasks.kubernetes import drift, ownership, rollout
from envtasks.kubernetes.drift import Difference
from envtasks.kubernetes.ownership import LAST_APPLIED, Conflict, Owner
from tests.kubernetes.deployments import selection, target

KEY = base64.b64encode(bytes(range(32))).decode()
SECRET, CONFIG = "secret/shop-env", "configmap/shop-config"
NOW = "2026-11-20T10:00:00Z"


def entry(manager: str, names: str, *, operation: str = "Apply", **more: Any) -> dict[str, Any]:
    """One manager's entry, owning these keys of data."""
    fields = {"f:data": {f"f:{name}": {} for name in names.split()}, **more}
    return {"manager": manager, "operation": operation, "apiVersion": "v1", "time": NOW, "fieldsV1": fields}


def live(
    kind: str, data: Mapping[str, str], *entries: dict[str, Any], annotations: Any = None
) -> dict[str, Any]:
    """An object as the cluster holds it."""
    name = "shop-env" if kind == "Secret" else "shop-config"
    encoded = {
        key: base64.b64encode(v.encode()).decode() if kind == "Secret" else v for key, v in data.items()
    }
    metadata = {
        "name": name,
        "resourceVersion": "7",
        "creationTimestamp": NOW,
        "managedFields": list(entries),
    }
    return {
        "apiVersion": "v1",
        "kind": kind,
        "metadata": {**metadata, "annotations": annotations or {}},
        "data": encoded,
    }


def print_of(value: str) -> str:
    return rollout.fingerprint(KEY, value.encode())


def test_an_equal_cluster_differs_in_nothing() -> None:
    """The same names and values in the same objects are no difference."""
    chosen = selection({"P": "x"}, {"H": "y"})
    there = {
        SECRET: live("Secret", {"P": "x"}, entry("envtasks", "P")),
        CONFIG: live("ConfigMap", {"H": "y"}, entry("envtasks", "H")),
    }
    assert drift.compare(target(), chosen, there, KEY) == ()


def test_every_way_to_differ_is_told_by_name() -> None:
    """Added, changed, drifted, moved, removed and foreign names are told apart, values only as fingerprints."""
    chosen = selection({"CHANGED": "new", "DRIFTED": "mine", "MOVED": "m"}, {"ADDED": "a"})
    there = {
        SECRET: live(
            "Secret",
            {"CHANGED": "old", "DRIFTED": "theirs", "FOREIGN": "f"},
            entry("envtasks", "CHANGED"),
            entry("kubectl-edit", "DRIFTED FOREIGN", operation="Update"),
        ),
        CONFIG: live("ConfigMap", {"MOVED": "m", "REMOVED": "r"}, entry("envtasks", "MOVED REMOVED")),
    }
    who = f"kubectl-edit at {NOW}"
    assert drift.compare(target(), chosen, there, KEY) == (
        Difference("added", "ADDED", CONFIG, wanted=print_of("a")),
        Difference("changed", "CHANGED", SECRET, print_of("old"), print_of("new")),
        Difference("drifted", "DRIFTED", SECRET, print_of("theirs"), print_of("mine"), by=who),
        Difference("foreign", "FOREIGN", SECRET, print_of("f"), by=who),
        Difference("moved", "MOVED", SECRET, print_of("m"), print_of("m"), source=CONFIG),
        Difference("removed", "REMOVED", CONFIG, print_of("r")),
    )


def test_objects_that_are_not_there_are_differences_even_when_empty() -> None:
    """A pod whose envFrom misses an empty object does not start either."""
    assert drift.compare(target(), selection(), {}, KEY) == (
        Difference("added", "", SECRET),
        Difference("added", "", CONFIG),
    )


def test_a_workload_is_pending_until_its_pods_were_started_for_the_content() -> None:
    """The digest in the pod template decides; a workload that is not there is told apart."""
    template = {"metadata": {"annotations": {rollout.CONTENT: "c1"}}}
    there = {"deployment/a": {"spec": {"template": template}}, "deployment/b": {"spec": {"template": {}}}}
    names = ["deployment/a", "deployment/b", "deployment/c"]
    assert list(drift.of_workloads(names, there, "c1")) == [
        Difference("pending", "", "deployment/b"),
        Difference("absent", "", "deployment/c"),
    ]


def test_the_digest_depends_on_names_and_values_alone() -> None:
    """Not on the object, not on the order; on the key, on every name and every value; no two splits look alike."""
    secret, config = live("Secret", {"A": "1"}), live("ConfigMap", {"B": "2"})
    moved = rollout.values_of(live("Secret", {"A": "1", "B": "2"}), None)
    base = rollout.digest(KEY, rollout.values_of(secret, config))
    assert base == rollout.digest(KEY, moved) == rollout.digest(KEY, {"B": b"2", "A": b"1"})
    other_key = rollout.new_key()
    others = [
        rollout.digest(other_key, moved),
        rollout.digest(KEY, {"A": b"1"}),
        rollout.digest(KEY, {"A": b"12", "B": b""}),
        rollout.digest(KEY, {"A": b"1B2"}),
        rollout.digest(KEY, {"AB": b"12"}),
    ]
    assert len({base, *others}) == 6


@pytest.mark.parametrize("value", ["hunter3", "3hunter", "HUNTER2"])
def test_two_values_of_equal_length_give_two_digests(value: str) -> None:
    """The digest covers the bytes of a value, not its length alone; in the Secret and in the ConfigMap."""
    before = rollout.digest(KEY, {"DB_PASSWORD": b"hunter2", "DB_HOST": b"h"})
    secret, config = live("Secret", {"DB_PASSWORD": value}), live("ConfigMap", {"DB_HOST": "h"})
    assert rollout.digest(KEY, rollout.values_of(secret, config)) != before
    secret, config = live("Secret", {"DB_PASSWORD": "hunter2"}), live("ConfigMap", {"DB_HOST": "i"})
    assert rollout.digest(KEY, rollout.values_of(secret, config)) != before


@pytest.mark.parametrize("text", ["", "not base64!", base64.b64encode(b"short").decode()])
def test_a_key_that_cannot_be_used_is_none(text: str) -> None:
    """A damaged annotation counts as absent, so that a new key is made."""
    assert rollout.key_of(live("Secret", {}, annotations={rollout.KEY: text})) is None


def test_keys_are_new_each_time_and_kept_when_there() -> None:
    """32 random bytes, found again in the Secret."""
    key = rollout.new_key()
    assert (len(base64.b64decode(key)), key != rollout.new_key()) == (32, True)
    assert rollout.key_of(live("Secret", {}, annotations={rollout.KEY: key})) == key
    assert rollout.key_of(None) is None


def deployment(
    *containers: str, image: str = "i:1", annotations: Mapping[str, str] | None = None
) -> dict[str, Any]:
    spec = {"containers": [{"name": name, "image": image} for name in containers]}
    return {"metadata": {"annotations": annotations or {}}, "spec": {"template": {"spec": spec}}}


def test_the_container_of_an_image_is_the_declared_the_apps_or_the_only_one() -> None:
    """Any other case is refused with the names there are."""
    assert rollout.container_of(deployment("a", "b"), "deployment/x", wanted="b", app="a") == "b"
    assert rollout.container_of(deployment("a", "b"), "deployment/x", wanted=None, app="a") == "a"
    assert rollout.container_of(deployment("z"), "deployment/x", wanted=None, app="a") == "z"
    for wanted, containers in ((None, ("y", "z")), ("w", ("z",))):
        with pytest.raises(ConfigInvalid) as caught:
            rollout.container_of(deployment(*containers), "deployment/x", wanted=wanted, app="a")
        assert caught.value.message.endswith(f"it has {', '.join(containers)}.")


def test_only_an_image_that_was_set_and_still_runs_is_kept() -> None:
    """Somebody's later change of the image ends our claim on it."""
    said = {rollout.IMAGE: "i:2"}
    assert rollout.kept_image(deployment("a", image="i:2", annotations=said), "a") == "i:2"
    assert rollout.kept_image(deployment("a", image="i:3", annotations=said), "a") is None
    assert rollout.kept_image(deployment("a", image="i:2"), "a") is None
    assert rollout.kept_image(deployment("a", image="i:2", annotations=said), "b") is None
    assert rollout.kept_image(None, "a") is None


def test_one_conflict_and_several_are_read_from_the_servers_words() -> None:
    """Both forms of the message (apimachinery, managedfields/internal/conflict.go) give manager and field."""
    one = 'Apply failed with 1 conflict: conflict with "kubectl-edit" using v1: .data.DB_PASSWORD'
    several = (
        'Apply failed with 3 conflicts: conflicts with "helm":\n- .data.A\n- .metadata.labels.app.kubernetes.io/name\n'
        'conflicts with "kube-controller-manager" with subresource "status" using apps/v1:\n- .spec.x[name="a"].image'
    )
    assert ownership.conflicts(one) == (Conflict("kubectl-edit", ".data.DB_PASSWORD"),)
    assert ownership.conflicts(several) == (
        Conflict("helm", ".data.A"),
        Conflict("helm", ".metadata.labels.app.kubernetes.io/name"),
        Conflict("kube-controller-manager", '.spec.x[name="a"].image'),
    )
    assert ownership.conflicts('Error from server: namespaces "x" not found') == ()


def test_a_key_shared_with_another_manager_is_still_ours() -> None:
    """Co-owned keys are no drift; keys that nobody is recorded for are not ours."""
    there = live("Secret", {"A": "1", "B": "2"}, entry("envtasks", "A"), entry("helm", "A"))
    assert ownership.owners(there, "A") == (Owner("envtasks", NOW, ours=True), Owner("helm", NOW))
    assert ownership.stranger(there, "A") is None
    assert ownership.stranger(there, "B") == Owner("an unknown manager")


def test_adoption_makes_all_data_ours_and_leaves_the_rest() -> None:
    """Keys and kubectl's annotation change hands; labels of others stay theirs; the version guards the patch."""
    theirs = entry("kubectl-client-side-apply", "A B", operation="Update")
    theirs["fieldsV1"]["f:metadata"] = {"f:annotations": {".": {}, f"f:{LAST_APPLIED}": {}}}
    labels = entry("argocd", "A")
    labels["fieldsV1"]["f:metadata"] = {"f:labels": {"f:x": {}}}
    there = live("Secret", {"A": "1", "B": "2"}, theirs, labels, annotations={LAST_APPLIED: "{}"})
    patch = ownership.adoption(there)
    assert patch is not None
    managed, version = patch
    assert version == {"op": "replace", "path": "/metadata/resourceVersion", "value": "7"}
    assert [(each["manager"], each["operation"], each["fieldsV1"]) for each in managed["value"]] == [
        ("argocd", "Apply", {"f:metadata": {"f:labels": {"f:x": {}}}}),
        (
            "envtasks",
            "Apply",
            {"f:data": {"f:A": {}, "f:B": {}}, "f:metadata": {"f:annotations": {f"f:{LAST_APPLIED}": {}}}},
        ),
    ]
    assert ownership.adoption(live("Secret", {"A": "1"}, entry("envtasks", "A"))) is None
