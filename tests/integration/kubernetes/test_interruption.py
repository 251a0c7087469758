"""Networks that fail, processes that are killed, servers that refuse: what is reported, and what the next run does."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest

from envtasks.errors import ClusterFailed
from tests.fakekube import DROP, LOSE, Fail, Request
from tests.integration.kubernetes.shop import CONFIG, DEPLOYMENT, PASSWORD, SECRET, Shop

pytestmark = [pytest.mark.integration, pytest.mark.kubectl]
RUN_AGAIN = "run deploy.apply again: it does what is left"


def when(kind: str, what: str | Fail, *, dry: bool = False) -> Callable[[Request], str | Fail | None]:
    """Do this to every write of a kind, dry runs or real ones."""

    def interfere(request: Request) -> str | Fail | None:
        hit = request.method == "PATCH" and f"/{kind}/" in request.path and request.dry == dry
        return what if hit else None

    return interfere


def changed(shop: Shop) -> None:
    """Deployed, and then both values changed in the env file."""
    shop.apply(with_manifests=True)
    shop.values("DB_HOST=db2.example.com\n", DB_PASSWORD="another-value")


def catches_up(shop: Shop) -> None:
    """The next run brings values and pods to the same state."""
    shop.cluster.interfere = lambda _request: None
    shop.apply()
    assert (shop.secret(), shop.config()["DB_HOST"]) == ({"DB_PASSWORD": "another-value"}, "db2.example.com")
    assert (shop.started_for(), shop.diff()) == (shop.digest(), ())


def test_a_network_that_fails_between_two_objects_is_reported_by_step(shop: Shop) -> None:
    """The Secret is in, the ConfigMap is not: both are reported, pods are not restarted, and the next run finishes."""
    changed(shop)
    shop.cluster.interfere = when("configmaps", DROP)
    with pytest.raises(ClusterFailed) as caught:
        shop.apply()
    assert caught.value.message.endswith(
        f"\n  Done: {SECRET}. Not confirmed: {CONFIG}, {DEPLOYMENT} rollout."
    )
    assert (caught.value.hint, shop.printed) == (RUN_AGAIN, [f"{SECRET} applied"])
    assert (shop.secret(), shop.config()["DB_HOST"]) == ({"DB_PASSWORD": "another-value"}, "db.example.com")
    assert shop.generation() == 1
    catches_up(shop)


def test_an_answer_that_is_lost_is_not_called_done(shop: Shop) -> None:
    """The write happened and its answer was lost: it is listed as not confirmed, not as undone."""
    changed(shop)
    shop.cluster.interfere = when("secrets", LOSE)
    with pytest.raises(ClusterFailed) as caught:
        shop.apply()
    assert f"Done: {CONFIG}. Not confirmed: {SECRET}, {DEPLOYMENT} rollout." in caught.value.message
    assert shop.secret() == {"DB_PASSWORD": "another-value"}
    catches_up(shop)


def test_a_rollout_that_did_not_start_is_caught_up(shop: Shop) -> None:
    """Values are in and the patch failed: the next run compares states and restarts the pods."""
    changed(shop)
    shop.cluster.interfere = when("deployments", DROP)
    with pytest.raises(ClusterFailed) as caught:
        shop.apply()
    assert f"Done: {SECRET}, {CONFIG}. Not confirmed: {DEPLOYMENT} rollout." in caught.value.message
    assert [each.what for each in shop.diff()] == ["pending"]
    catches_up(shop)


@pytest.mark.parametrize("kind", ["secrets", "configmaps", "deployments"])
def test_what_the_server_would_refuse_is_found_before_anything_is_sent(shop: Shop, kind: str) -> None:
    """No permission for one of them: the dry run says so, and nothing at all was written."""
    changed(shop)
    before = len(shop.cluster.writes)
    forbidden = Fail(
        403, "Forbidden", f'{kind} is forbidden: User "ci" cannot patch resource with {PASSWORD}'
    )
    shop.cluster.interfere = when(kind, forbidden, dry=True)
    shop.values("DB_HOST=db2.example.com\n", DB_PASSWORD=PASSWORD)
    with pytest.raises(ClusterFailed) as caught:
        shop.apply()
    assert f'{kind} is forbidden: User "ci" cannot patch resource with ***' in caught.value.message
    assert len(shop.cluster.writes) == before


def test_a_manifest_that_the_server_would_refuse_is_found_before_anything_is_sent(shop: Shop) -> None:
    """The project's own manifests are tried too, before the Secret is changed."""
    changed(shop)
    before = len(shop.cluster.writes)
    shop.cluster.interfere = when("services", Fail(403, "Forbidden", "services is forbidden"), dry=True)
    with pytest.raises(ClusterFailed) as caught:
        shop.apply(with_manifests=True)
    assert caught.value.message.startswith(
        "kubectl or the cluster rejected the request; nothing was changed: "
    )
    assert len(shop.cluster.writes) == before


def test_a_namespace_that_is_missing_is_an_error_with_the_command_that_makes_it(shop: Shop) -> None:
    """The most usual first error has its remedy beside it."""
    assert shop.kubectl("delete", "namespace", "shop-staging").returncode == 0
    with pytest.raises(ClusterFailed) as caught:
        shop.apply()
    assert 'namespaces "shop-staging" not found' in caught.value.message
    assert caught.value.hint == "kubectl create namespace shop-staging"


def test_a_server_that_is_not_there_is_reported_in_kubectls_words(shop: Shop) -> None:
    """No server, no change, one sentence."""
    shop.cluster.interfere = lambda _request: DROP
    with pytest.raises(ClusterFailed, match=r"EOF|refused|connection"):
        shop.apply()
    assert shop.printed == []


@contextmanager
def held(shop: Shop, kind: str) -> Iterator[threading.Event]:
    """Let every write of a kind hang until the block ends; the event is set when one does."""
    reached, go_on = threading.Event(), threading.Event()

    def interfere(request: Request) -> str | None:
        if request.method == "PATCH" and f"/{kind}/" in request.path and not request.dry:
            reached.set()
            go_on.wait(60)
            return DROP
        return None

    shop.cluster.interfere = interfere
    try:
        yield reached
    finally:
        go_on.set()


def started(shop: Shop) -> subprocess.Popen[str]:
    """`inv deploy.apply --env staging` as a process group of its own."""
    return subprocess.Popen(
        [sys.executable, "-m", "invoke", "deploy.apply", "--env", "staging"],
        cwd=shop.sandbox.root,
        env=shop.env,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )


@pytest.mark.skipif(sys.platform == "win32", reason="signals to a process group are POSIX")
def test_a_process_that_is_killed_between_apply_and_patch_is_caught_up(shop: Shop) -> None:
    """Killed with no chance to say anything, and the next run still restarts the pods."""
    changed(shop)
    with held(shop, "deployments") as reached:
        process = started(shop)
        assert reached.wait(60)
        os.killpg(process.pid, signal.SIGKILL)  # type: ignore[attr-defined,unused-ignore]
        process.communicate(timeout=60)
    assert (shop.secret(), shop.generation()) == ({"DB_PASSWORD": "another-value"}, 1)
    catches_up(shop)
    assert shop.generation() == 2


@pytest.mark.skipif(sys.platform == "win32", reason="signals to a process group are POSIX")
def test_ctrl_c_in_the_middle_says_what_was_done(shop: Shop) -> None:
    """The last line names every step as done or not confirmed, and holds no value."""
    changed(shop)
    with held(shop, "deployments") as reached:
        process = started(shop)
        assert reached.wait(60)
        os.killpg(process.pid, signal.SIGINT)  # type: ignore[attr-defined,unused-ignore]
        output, errors = process.communicate(timeout=60)
    summary = f"Done: {SECRET}, {CONFIG}. Not confirmed: {DEPLOYMENT} rollout."
    assert summary in output
    assert process.returncode != 0
    assert "another-value" not in output + errors
    catches_up(shop)
