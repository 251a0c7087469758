"""What the workload controllers report after a write, so that `kubectl rollout status` comes to an end."""

from __future__ import annotations

from .fields import Json

READY, STUCK, DEADLINE = "ready", "stuck", "deadline"  # at once; never; given up by the controller


def status(kind: str, body: Json, outcome: str) -> Json | None:
    """The status of a workload whose spec changed; None for other kinds, or when the status is up to date.

    `kubectl rollout status` waits for the generation to be observed and then counts pods, with these fields
    (kubectl pkg/polymorphichelpers/rollout_status.go).
    """
    report = {"Deployment": _deployment, "StatefulSet": _stateful_set, "DaemonSet": _daemon_set}.get(kind)
    generation = body["metadata"].get("generation")
    if report is None or body.get("status", {}).get("observedGeneration") == generation:
        return None
    replicas = body["spec"].get("replicas", 1)
    done = replicas if outcome == READY else 0
    return {"observedGeneration": generation, **report(body, replicas, done, outcome)}


def _deployment(body: Json, replicas: int, done: int, outcome: str) -> Json:
    reason = "ProgressDeadlineExceeded" if outcome == DEADLINE else "NewReplicaSetAvailable"
    condition = {"type": "Progressing", "status": "True", "reason": reason}
    counts = {"replicas": replicas, "updatedReplicas": done, "availableReplicas": done, "readyReplicas": done}
    return {**counts, "conditions": [condition]}


def _stateful_set(body: Json, replicas: int, done: int, outcome: str) -> Json:
    revision = f"revision-{body['metadata']['generation']}"
    counts = {"replicas": replicas, "readyReplicas": done, "updatedReplicas": done}
    return {**counts, "currentRevision": revision, "updateRevision": revision}


def _daemon_set(body: Json, replicas: int, done: int, outcome: str) -> Json:
    up = min(done, 1)
    wanted = {"desiredNumberScheduled": 1, "currentNumberScheduled": 1, "numberMisscheduled": 0}
    return {**wanted, "updatedNumberScheduled": up, "numberAvailable": up, "numberReady": up}
