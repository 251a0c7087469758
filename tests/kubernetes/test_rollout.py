"""The rollout digest and its key, and the image that a rollout sets."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from typing import Any

import pytest

from envtasks.errors import ConfigInvalid
from envtasks.kubernetes import rollout
from tests.kubernetes.deployments import live

KEY = base64.b64encode(bytes(range(32))).decode()


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


def test_a_fingerprint_depends_on_the_key_and_the_value() -> None:
    """Without the key it cannot be compared with the fingerprints of guessed values."""
    prints = {
        rollout.fingerprint(KEY, b"hunter2"),
        rollout.fingerprint(KEY, b"hunter3"),
        rollout.fingerprint(rollout.new_key(), b"hunter2"),
    }
    assert {len(each) for each in prints} == {8}
    assert len(prints) == 3


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
    assert rollout.container_of(deployment("a", "b"), "deployment/x", declared="b", app="a") == "b"
    assert rollout.container_of(deployment("a", "b"), "deployment/x", declared=None, app="a") == "a"
    assert rollout.container_of(deployment("z"), "deployment/x", declared=None, app="a") == "z"
    for declared, containers in ((None, ("y", "z")), ("w", ("z",))):
        with pytest.raises(ConfigInvalid) as caught:
            rollout.container_of(deployment(*containers), "deployment/x", declared=declared, app="a")
        assert caught.value.message.endswith(f"it has {', '.join(containers)}.")


def test_only_an_image_that_was_set_and_still_runs_is_kept() -> None:
    """An image that somebody changed later is not kept: the manifest's own is applied."""
    annotations = {rollout.IMAGE: "i:2"}
    assert rollout.kept_image(deployment("a", image="i:2", annotations=annotations), "a") == "i:2"
    assert rollout.kept_image(deployment("a", image="i:3", annotations=annotations), "a") is None
    assert rollout.kept_image(deployment("a", image="i:2"), "a") is None
    assert rollout.kept_image(deployment("a", image="i:2", annotations=annotations), "b") is None
    assert rollout.kept_image(None, "a") is None


def test_a_patch_without_an_image_leaves_containers_alone_and_one_with_an_image_merges_them() -> None:
    """A merge patch replaces lists as a whole, so an image goes by a strategic merge patch."""
    assert rollout.template_patch("c1") == (
        "--type=merge",
        "-p",
        '{"spec":{"template":{"metadata":{"annotations":{"envtasks/content":"c1"}}}}}',
    )
    kind, _, patch = rollout.template_patch("c1", image="i:2", container="a")
    assert (kind, '"containers":[{"name":"a","image":"i:2"}]' in patch) == ("--type=strategic", True)


@pytest.mark.parametrize("image", ["", "a b", "-x", "$(x)"])
def test_what_is_not_the_name_of_an_image_is_refused(image: str) -> None:
    """Before anything is asked of the cluster."""
    with pytest.raises(ConfigInvalid, match="is not the name of an image"):
        rollout.check_image(image)
