"""How the cluster differs: which names, who set them, and which pods are behind."""

from __future__ import annotations

import base64
from typing import Any

from envtasks.kubernetes import drift, rollout
from envtasks.kubernetes.allowlist import Selection
from envtasks.kubernetes.drift import LAST_APPLIED, Difference
from envtasks.kubernetes.kubectl import LiveObjects
from tests.kubernetes.deployments import live, selection, target

KEY = base64.b64encode(bytes(range(32))).decode()
SECRET, CONFIG = "secret/shop-env", "configmap/shop-config"
NOW = "2026-11-20T10:00:00Z"


def entry(manager: str, names: str, *, operation: str = "Apply", **more: Any) -> dict[str, Any]:
    """One manager's entry, owning these keys of data."""
    fields = {"f:data": {f"f:{name}": {} for name in names.split()}, **more}
    return {"manager": manager, "operation": operation, "apiVersion": "v1", "time": NOW, "fieldsV1": fields}


CLIENT_SIDE: dict[str, Any] = {"f:metadata": {"f:annotations": {".": {}, f"f:{LAST_APPLIED}": {}}}}


def print_of(value: str) -> str:
    return rollout.fingerprint(KEY, value.encode())


def compare(chosen: Selection, there: LiveObjects) -> tuple[Difference, ...]:
    return drift.of_names(
        target(), chosen, live=there, fingerprint=lambda value: rollout.fingerprint(KEY, value)
    )


def test_an_equal_cluster_differs_in_nothing() -> None:
    """The same names and values in the same objects are no difference."""
    chosen = selection({"P": "x"}, {"H": "y"})
    there = {
        SECRET: live("Secret", {"P": "x"}, entry("envtasks", "P")),
        CONFIG: live("ConfigMap", {"H": "y"}, entry("envtasks", "H")),
    }
    assert compare(chosen, there) == ()


def test_every_kind_of_difference_is_listed_by_name() -> None:
    """Added, changed, drifted, moved, removed and foreign names are distinguished, values only as fingerprints."""
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
    assert compare(chosen, there) == (
        Difference("added", "ADDED", CONFIG, wanted=print_of("a")),
        Difference("changed", "CHANGED", SECRET, print_of("old"), print_of("new")),
        Difference("drifted", "DRIFTED", SECRET, print_of("theirs"), print_of("mine"), by=who),
        Difference("foreign", "FOREIGN", SECRET, print_of("f"), by=who),
        Difference("moved", "MOVED", SECRET, print_of("m"), print_of("m"), source=CONFIG),
        Difference("removed", "REMOVED", CONFIG, print_of("r")),
    )


def test_objects_that_are_not_there_are_differences_even_when_empty() -> None:
    """A pod whose envFrom misses an empty object does not start either."""
    assert drift.compare(target(), selection(), workloads=(), live={}).differences == (
        Difference("added", "", SECRET),
        Difference("added", "", CONFIG),
    )


def test_notes_say_what_the_cluster_holds_besides() -> None:
    """Copies of old values, workloads that are not there, values that another machine would not have."""
    chosen = Selection(secret={}, config={"H": "y"}, from_process=("H",))
    there = {
        SECRET: live("Secret", {}, annotations={LAST_APPLIED: "{}"}),
        CONFIG: live("ConfigMap", {"H": "y"}, entry("envtasks", "H")),
    }
    assert drift.compare(target(), chosen, workloads=("deployment/shop",), live=there) == drift.Comparison(
        (),
        (
            f"{SECRET} keeps a copy of older values in kubectl's last-applied-configuration; --adopt removes it.",
            "deployment/shop is not in the cluster yet.",
            "From the process environment, not from the env files: H.",
        ),
    )


def test_a_workload_is_pending_until_its_pods_were_started_for_the_content() -> None:
    """The digest in the pod template decides; a workload that is not there is absent."""
    template = {"metadata": {"annotations": {rollout.CONTENT: "c1"}}}
    there: LiveObjects = {
        "deployment/a": {"spec": {"template": template}},
        "deployment/b": {"spec": {"template": {}}},
    }
    names = ["deployment/a", "deployment/b", "deployment/c"]
    assert list(drift.of_workloads(names, there, content="c1")) == [
        Difference("pending", "", "deployment/b"),
        Difference("absent", "", "deployment/c"),
    ]


def test_a_key_that_another_client_manages_too_is_a_conflict_when_it_changes_and_stays_when_it_goes() -> None:
    """Server-side apply removes a key only when there is no other manager, and changes it only then."""
    there = live("Secret", {"A": "1", "B": "2"}, entry("envtasks", "A B"), entry("helm", "A"))
    helm = f"helm at {NOW}"
    assert (drift.conflicting_manager(there, "A"), drift.remaining_manager(there, "A")) == (helm, helm)
    assert (drift.conflicting_manager(there, "B"), drift.remaining_manager(there, "B")) == (None, None)


def test_a_key_without_a_manager_can_be_changed_and_stays_when_it_is_not_listed() -> None:
    """Keys that were sent as stringData have no manager."""
    there = live("Secret", {"A": "1"}, entry("envtasks", "B"))
    assert (drift.conflicting_manager(there, "A"), drift.remaining_manager(there, "A")) == (
        None,
        "an unknown manager",
    )


def test_an_object_without_records_belongs_to_earlier_writers() -> None:
    """The server calls them before-first-apply, and a changed value is a conflict with them."""
    assert drift.conflicting_manager(live("Secret", {"A": "1"}), "A") == "before-first-apply"


def test_keys_of_a_client_side_apply_are_removed_since_kubectl_passes_them_on() -> None:
    """kubectl makes the next applier their manager, so they are removed; a changed one is a conflict."""
    there = live(
        "Secret", {"A": "1"}, entry("kubectl-client-side-apply", "A", operation="Update", **CLIENT_SIDE)
    )
    assert (drift.conflicting_manager(there, "A"), drift.remaining_manager(there, "A")) == (
        f"kubectl-client-side-apply at {NOW}",
        None,
    )
    assert [each.what for each in compare(selection(), {SECRET: there})] == ["removed"]


def test_only_an_update_is_passed_on_and_only_an_apply_is_ours() -> None:
    """One client may write in both ways, and the server records each as a manager of its own."""
    applied = live("Secret", {"A": "1"}, entry("kubectl", "A", **CLIENT_SIDE))
    assert drift.remaining_manager(applied, "A") == f"kubectl at {NOW}"
    patched = live("Secret", {"A": "1"}, entry("envtasks", "A", operation="Update"))
    assert drift.conflicting_manager(patched, "A") == f"envtasks at {NOW}"


def test_a_name_of_another_client_in_the_other_object_is_added_and_not_moved() -> None:
    """It would stay where it is, so both are listed."""
    there = {SECRET: live("Secret", {"A": "1"}, entry("helm", "A")), CONFIG: live("ConfigMap", {})}
    assert compare(selection({}, {"A": "1"}), there) == (
        Difference("added", "A", CONFIG, wanted=print_of("1")),
        Difference("foreign", "A", SECRET, print_of("1"), by=f"helm at {NOW}"),
    )


def test_one_conflict_and_several_are_read_from_the_servers_message() -> None:
    """Both forms of the message (apimachinery, managedfields/internal/conflict.go) give manager and field."""
    one = 'Apply failed with 1 conflict: conflict with "kubectl-edit" using v1: .data.DB_PASSWORD'
    several = (
        'Apply failed with 3 conflicts: conflicts with "helm":\n- .data.A\n- .metadata.labels.app.kubernetes.io/name\n'
        'conflicts with "kube-controller-manager" with subresource "status" using apps/v1:\n- .spec.x[name="a"].image'
    )
    assert list(drift.conflicts(one)) == [("kubectl-edit", ".data.DB_PASSWORD")]
    assert tuple(drift.conflicts(several)) == (
        ("helm", ".data.A"),
        ("helm", ".metadata.labels.app.kubernetes.io/name"),
        ("kube-controller-manager", '.spec.x[name="a"].image'),
    )
    assert list(drift.conflicts('Error from server: namespaces "x" not found')) == []


def test_adopting_says_nothing_of_the_copy_that_it_removes() -> None:
    """Without --adopt a note says that kubectl keeps older values; with it, that note would be wrong a moment later."""
    secret = live("Secret", {"P": "x"}, entry("envtasks", "P"))
    secret["metadata"]["annotations"] = {LAST_APPLIED: "{}"}
    there = {SECRET: secret, CONFIG: live("ConfigMap", {})}
    chosen = selection({"P": "x"}, {})
    told = [
        drift.compare(target(), chosen, workloads=(), live=there, adopt=adopt).notes
        for adopt in (False, True)
    ]
    assert told == [
        (
            f"{SECRET} keeps a copy of older values in kubectl's last-applied-configuration; --adopt removes it.",
        ),
        (),
    ]
