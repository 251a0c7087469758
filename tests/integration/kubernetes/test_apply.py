"""deploy.apply with the real kubectl: what is sent, when pods restart, what is printed."""

from __future__ import annotations

import dataclasses

import pytest

from envtasks import kubernetes
from envtasks.errors import ClusterFailed, ConfigInvalid, VariableMissing
from envtasks.kubernetes import Difference, rollout
from tests.integration.kubernetes.shop import CONFIG, DEPLOYMENT, PASSWORD, SECRET, Shop, kubectls

pytestmark = [pytest.mark.integration, pytest.mark.kubectl]
APPLIED = [f"{SECRET} applied", f"{CONFIG} applied"]


@pytest.mark.parametrize("program", kubectls())
def test_a_whole_life(shop: Shop, program: str) -> None:
    """First apply, nothing new, a changed value, a removed one: the cluster follows, pods restart only for a change."""
    shop = dataclasses.replace(shop, program=program)
    absent = f"{DEPLOYMENT} is not in the cluster yet, so no pod was restarted"
    assert shop.apply() == [*APPLIED, absent]
    assert (shop.secret(), shop.config()) == (
        {"DB_PASSWORD": PASSWORD},
        {"APP_ENV": "staging", "DB_HOST": "db.example.com"},
    )

    done = [
        *APPLIED,
        f"{DEPLOYMENT} applied",
        "service/shop applied",
        'deployment "shop" successfully rolled out',
    ]
    assert shop.apply(with_manifests=True, wait=True) == done
    assert (shop.started_for(), shop.generation(), shop.diff()) == (shop.digest(), 1, ())

    unchanged = f"{DEPLOYMENT} rollout not needed: its pods have these values"
    assert shop.apply() == [*APPLIED, unchanged]
    assert shop.apply(with_manifests=True) == done[:-1]
    assert shop.generation() == 1

    shop.values("DB_HOST=db2.example.com\nDB_PORT=5432\n", DB_PASSWORD="another-value")
    assert [(each.what, each.name, each.object) for each in shop.diff()] == [
        ("changed", "DB_HOST", CONFIG),
        ("changed", "DB_PASSWORD", SECRET),
        ("added", "DB_PORT", CONFIG),
    ]
    assert shop.apply() == [*APPLIED, f"{DEPLOYMENT} rollout started"]
    assert (shop.secret(), shop.started_for(), shop.generation()) == (
        {"DB_PASSWORD": "another-value"},
        shop.digest(),
        2,
    )

    shop.values("DB_HOST=db2.example.com\n", DB_PASSWORD="another-value")
    shop.apply()
    assert shop.config() == {"APP_ENV": "staging", "DB_HOST": "db2.example.com"}
    assert (shop.diff(), shop.generation()) == ((), 3)


@pytest.mark.parametrize("changed", ["secret", "config"])
def test_a_changed_value_of_equal_length_restarts_the_pods(shop: Shop, changed: str) -> None:
    """A rotated password is as long as the old one, and pods must not go on with the old one."""
    shop.apply(with_manifests=True)
    before = shop.started_for()
    password = "3retnuh-dekram" if changed == "secret" else PASSWORD
    assert len(password) == len(PASSWORD)
    host = "db.example.net" if changed == "config" else "db.example.com"
    shop.values(f"DB_HOST={host}\n", DB_PASSWORD=password)
    assert shop.apply() == [*APPLIED, f"{DEPLOYMENT} rollout started"]
    assert (shop.secret(), shop.config()["DB_HOST"]) == ({"DB_PASSWORD": password}, host)
    assert (shop.generation(), shop.diff()) == (2, ())
    assert before != shop.started_for() == shop.digest()


def test_new_keys_of_the_env_files_restart_nothing(shop: Shop) -> None:
    """Rotation changes every ciphertext and no value, so nothing moves."""
    shop.apply(with_manifests=True)
    shop.values("DB_HOST=db.example.com\n", DB_PASSWORD=PASSWORD)
    shop.apply()
    assert (shop.generation(), shop.diff()) == (1, ())


def test_a_name_that_becomes_secret_moves_and_restarts_nothing(shop: Shop) -> None:
    """The pods get the same value from the other object."""
    shop.apply(with_manifests=True)
    shop.sandbox.write("deploy/env.allowlist", "APP_ENV\nDB_*\nDB_HOST secret\n")
    (moved,) = shop.diff()
    assert (moved.what, moved.name, moved.object, moved.source) == ("moved", "DB_HOST", SECRET, CONFIG)
    shop.apply()
    assert (shop.secret(), shop.config()) == (
        {"DB_HOST": "db.example.com", "DB_PASSWORD": PASSWORD},
        {"APP_ENV": "staging"},
    )
    assert shop.generation() == 1


def test_an_image_is_set_in_the_same_step_as_the_values(shop: Shop) -> None:
    """One rollout for both, the other container untouched."""
    shop.apply(with_manifests=True)
    shop.values("DB_HOST=db2.example.com\n", DB_PASSWORD=PASSWORD)
    assert shop.apply(image="registry.example.com/shop:2")[-1] == f"{DEPLOYMENT} rollout started"
    assert shop.images() == ["registry.example.com/shop:2", "registry.example.com/proxy:1"]
    assert (shop.generation(), shop.started_for()) == (2, shop.digest())
    assert shop.apply(image="registry.example.com/shop:3")[-1] == f"{DEPLOYMENT} rollout started"
    unchanged = f"{DEPLOYMENT} rollout not needed: its pods have these values"
    assert shop.apply(image="registry.example.com/shop:3")[-1] == unchanged
    assert shop.generation() == 3


def test_manifests_do_not_undo_an_image(shop: Shop) -> None:
    """An image that --image set stays when the manifests are applied without it, and a line says so."""
    shop.apply(with_manifests=True, image="registry.example.com/shop:1")
    shop.apply(image="registry.example.com/shop:2")
    printed = shop.apply(with_manifests=True)
    assert f"{DEPLOYMENT} keeps the image registry.example.com/shop:2, set by an earlier --image" in printed
    assert shop.images()[0] == "registry.example.com/shop:2"
    shop.apply(with_manifests=True, image="registry.example.com/shop:3")
    assert (shop.images()[0], shop.diff()) == ("registry.example.com/shop:3", ())


def test_a_manifests_own_image_is_applied_where_none_was_set(shop: Shop) -> None:
    """A team that writes the image into the manifest gets what the manifest says."""
    shop.apply(with_manifests=True)
    text = (shop.sandbox.root / "deploy/app.yaml").read_text(encoding="utf-8")
    shop.sandbox.write("deploy/app.yaml", text.replace("shop:file", "shop:next"))
    shop.apply(with_manifests=True)
    assert shop.images()[0] == "registry.example.com/shop:next"


def test_kubectl_reads_the_manifests_itself(shop: Shop) -> None:
    """What YAML 1.1 and kubectl read differently arrives as kubectl reads it."""
    text = (shop.sandbox.root / "deploy/app.yaml").read_text(encoding="utf-8")
    mount = "          envFrom:"
    odd = text.replace(mount, '          args: ["22:22", "1_000"]\n          workingDir: 22:22\n' + mount, 1)
    volume = "      volumes: [{name: v, configMap: {name: shop-config, defaultMode: 0o444}}]\n---"
    shop.sandbox.write("deploy/app.yaml", odd.replace("---", volume, 1))
    shop.apply(with_manifests=True)
    spec = shop.get("Deployment", "shop")["spec"]["template"]["spec"]
    assert spec["volumes"][0]["configMap"]["defaultMode"] == 0o444
    assert (spec["containers"][0]["workingDir"], spec["containers"][0]["args"]) == (
        "22:22",
        ["22:22", "1_000"],
    )


def test_a_rollout_that_fails_is_an_error_with_the_next_command(shop: Shop) -> None:
    """The controller's own words are passed on, then the error with kubectl's next command."""
    shop.apply(with_manifests=True)
    shop.cluster.store.rollouts = "deadline"
    with pytest.raises(ClusterFailed) as caught:
        shop.apply(image="registry.example.com/shop:broken", wait=True)
    assert shop.printed[-1] == 'error: deployment "shop" exceeded its progress deadline'
    assert caught.value.hint == "kubectl describe deployment/shop --context=staging --namespace=shop-staging"


def test_a_rollout_is_followed_for_as_long_as_declared(shop: Shop) -> None:
    """Waiting ends after the declared seconds, each state is printed as it comes."""
    shop.apply(with_manifests=True)
    shop.cluster.store.rollouts = "stuck"
    pyproject = shop.sandbox.root / "pyproject.toml"
    text = pyproject.read_text(encoding="utf-8").replace('"staging"\n', '"staging"\ntimeout = 1\n', 1)
    pyproject.write_text(text, encoding="utf-8")
    with pytest.raises(ClusterFailed, match=r"did not become ready \(waited up to 1 s\)"):
        shop.apply(image="registry.example.com/shop:slow", wait=True)
    assert any(line.startswith('Waiting for deployment "shop" rollout to finish') for line in shop.printed)


def test_preparing_changes_nothing(shop: Shop) -> None:
    """A dry run asks the server for everything, workload and image included, and writes nothing."""
    shop.apply(with_manifests=True)
    before = len(shop.cluster.writes)
    shop.values("DB_HOST=db2.example.com\n", DB_PASSWORD="x" * 20)
    options = kubernetes.Options(image="registry.example.com/shop:2")
    _, comparison = kubernetes.prepare_apply(shop.inputs(), options, echo=print)
    assert [each.name for each in comparison.differences] == ["DB_HOST", "DB_PASSWORD"]
    assert len(shop.cluster.writes) == before
    dry = [request for request in shop.cluster.requests if request.dry]
    assert {request.path.rsplit("/", 2)[1] for request in dry} >= {"secrets", "configmaps", "deployments"}


def test_five_hundred_names_go_in_one_call(shop: Shop) -> None:
    """All of them in one Secret and one ConfigMap: one PATCH each."""
    plain = {f"DB_PLAIN_{number:03}": f"value {number}" for number in range(250)}
    secret = {f"DB_SECRET_{number:03}": f"secret value {number}" for number in range(250)}
    text = "".join(f"{name}='{value}'\n" for name, value in plain.items())
    text += "".join(f"{name}='{value}'\n" for name, value in secret.items())
    shop.values(text)
    shop.sandbox.write("deploy/env.allowlist", "DB_PLAIN_*\nDB_SECRET_* secret\n")
    (shop.sandbox.root / "deploy/app.yaml").unlink()
    shop.apply()
    assert (shop.secret(), shop.config()) == (secret, plain)
    assert shop.cluster.writes == [
        "PATCH /api/v1/namespaces/shop-staging/secrets/shop-env",
        "PATCH /api/v1/namespaces/shop-staging/configmaps/shop-config",
    ]
    shop.values(text.replace("value 7'", "value seven'"))
    assert len(shop.diff()) == 2


def test_the_rollout_key_is_made_once_and_hides_weak_values(shop: Shop) -> None:
    """The same values in another cluster have another digest, so a guess cannot be tried against a pod."""
    shop.apply(with_manifests=True)
    key, digest = rollout.key_of(shop.get("Secret", "shop-env")), shop.started_for()
    shop.apply()
    assert rollout.key_of(shop.get("Secret", "shop-env")) == key
    shop.kubectl("delete", "secret/shop-env", "deployment/shop")
    shop.apply(with_manifests=True)
    assert rollout.key_of(shop.get("Secret", "shop-env")) != key
    assert shop.started_for() != digest


def test_what_would_keep_a_pod_from_starting_is_refused_before_a_request(shop: Shop) -> None:
    """A reference to a name that is not rendered stops the apply; no request is made."""
    shop.sandbox.write("deploy/env.allowlist", "APP_ENV\n")
    text = (shop.sandbox.root / "deploy/app.yaml").read_text(encoding="utf-8")
    ref = "          env: [{name: P, valueFrom: {secretKeyRef: {name: shop-env, key: DB_PASSWORD}}}]\n"
    shop.sandbox.write("deploy/app.yaml", text.replace("          envFrom", ref + "          envFrom", 1))
    with pytest.raises(VariableMissing, match="DB_PASSWORD is not in secret/shop-env"):
        shop.apply()
    assert shop.cluster.requests == []


def test_an_image_without_a_container_is_refused_before_anything_changes(shop: Shop) -> None:
    """A declared container that the workload does not have."""
    shop.apply(with_manifests=True)
    pyproject = shop.sandbox.root / "pyproject.toml"
    declared = '[tool.envtasks.deploy]\ncontainer = "web"\n\n[tool.envtasks.deploy.env'
    pyproject.write_text(
        pyproject.read_text(encoding="utf-8").replace("[tool.envtasks.deploy.env", declared, 1),
        encoding="utf-8",
    )
    before = len(shop.cluster.writes)
    with pytest.raises(ConfigInvalid, match="deployment/shop has no container 'web'"):
        shop.apply(image="registry.example.com/shop:2")
    assert len(shop.cluster.writes) == before


def test_pending_pods_are_a_difference(shop: Shop) -> None:
    """Pods that were started for other values are listed by diff until an apply restarts them."""
    shop.apply()
    shop.kubectl("apply", "-f", str(shop.sandbox.root / "deploy/app.yaml"))
    assert shop.diff() == (Difference("pending", "", DEPLOYMENT),)
    shop.apply()
    assert shop.diff() == ()
