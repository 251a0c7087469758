"""What is rendered, as Kubernetes' own schemas, kubectl's own YAML reader and kustomize take it."""

from __future__ import annotations

import base64
import json
import subprocess
from pathlib import Path
from typing import Any

import kubernetes_validate  # type: ignore[import-untyped]
import kubernetes_validate.utils as schemas  # type: ignore[import-untyped]
import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from envtasks import kubernetes
from envtasks.kubernetes import manifests
from envtasks.kubernetes.references import read_documents
from tests.fakekube import FakeCluster
from tests.integration.kubernetes.shop import PASSWORD, Shop, kubectls
from tests.kubernetes.deployments import selection, target

pytestmark = [pytest.mark.integration, pytest.mark.kubectl]
RELEASES = sorted({tuple(map(int, version.split(".")[:2])) for version in schemas.all_versions()})[-4:]
REPOSITORY = Path(__file__).parents[3]
VALUES = st.text(st.characters(blacklist_categories=["Cs"], blacklist_characters="\0"), max_size=40)
AWKWARD = {
    "A": "1e3",
    "B": "on",
    "C": "0o17",
    "D": "22:22",
    "E": "null",
    "F": "a: b # c",
    "G": "",
    "H": "x\ny\n",
}
AWKWARD |= {
    "I": "'quoted'",
    "J": '"quoted"',
    "K": "a=b",
    "L": "$HOME ${X} $(Y)",
    "M": "ä€😀\u2028\x85\x1b",
    "N": "\ttab ",
}
AWKWARD |= {name: name for name in ("Y", "NO", "ON", "NULL", "TRUE", "_1", "E3", "NAN", "A.B-C", ".X", "-X")}


@pytest.mark.parametrize("release", RELEASES, ids=lambda release: ".".join(map(str, release)))
def test_everything_rendered_is_valid_in_the_newest_releases(shop: Shop, release: tuple[int, int]) -> None:
    """Secret, ConfigMap and the sample service's manifests hold to the strict schemas of the four newest releases."""
    version = ".".join(map(str, release))
    rendered = list(yaml.safe_load_all(kubernetes.render(shop.inputs(), reveal=True)))
    sample = list(yaml.safe_load_all((REPOSITORY / "deploy/app.yaml").read_text(encoding="utf-8")))
    assert [each["kind"] for each in rendered + sample] == ["Secret", "ConfigMap", "Deployment", "Service"]
    for each in rendered + sample:
        kubernetes_validate.validate(each, version, strict=True)
    with pytest.raises(schemas.ValidationError):
        kubernetes_validate.validate({**rendered[0], "stringdata": {}}, version, strict=True)


def offline(*words: str, stdin: str = "") -> Any:
    """What kubectl itself makes of a manifest, without a server."""
    done = subprocess.run(
        [kubectls()[0], *words], input=stdin, capture_output=True, text=True, encoding="utf-8", check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def as_kubectl_reads(text: str) -> list[dict[str, Any]]:
    """The documents as kubectl's YAML reader gives them."""
    found = offline("label", "--local", "-f", "-", "-o", "json", "read=yes", stdin=text)
    decoder, objects = json.JSONDecoder(), []
    while found.strip():
        one, end = decoder.raw_decode(found.lstrip())
        objects.append(one)
        found = found.lstrip()[end:]
    return objects


def values_of(objects: list[dict[str, Any]]) -> list[dict[str, str]]:
    """The values of a Secret and a ConfigMap as a pod would get them."""
    secret, config = objects
    decoded = {name: base64.b64decode(value).decode() for name, value in secret.get("data", {}).items()}
    return [decoded, config.get("data", {})]


def test_kubectl_reads_awkward_values_as_they_are() -> None:
    """Numbers, booleans, sexagesimals, quotes, line breaks and control characters stay the text they were."""
    text = manifests.to_yaml(manifests.build(target(), selection(AWKWARD, AWKWARD)))
    assert values_of(as_kubectl_reads(text)) == [AWKWARD, AWKWARD]


@settings(max_examples=15)
@given(st.lists(VALUES, min_size=20, max_size=20))
def test_kubectl_reads_any_value_as_it_is(texts: list[str]) -> None:
    """The same for generated text."""
    values = {f"V{number:02}": text for number, text in enumerate(texts)}
    text = manifests.to_yaml(manifests.build(target(), selection(values, values)))
    assert values_of(as_kubectl_reads(text)) == [values, values]


def test_kustomize_makes_the_same_values_under_hashed_names(tmp_path: Path) -> None:
    """Every awkward value arrives, references follow the hashed names, and a new value is a new name."""
    (tmp_path / "rendered").mkdir()
    (tmp_path / "kustomization.yaml").write_text("resources: [rendered, app.yaml]\nnamespace: shop-staging\n")
    (tmp_path / "app.yaml").write_text(
        "apiVersion: v1\nkind: Pod\nmetadata: {name: p}\n"
        "spec: {containers: [{name: c, image: i, envFrom: [{secretRef: {name: shop-env}}]}]}\n"
    )
    names = set()
    # kustomize itself turns U+0085 into a space, and ends with an error for variables named NULL and TRUE
    values = {
        name: text.replace("\x85", "") for name, text in AWKWARD.items() if name not in ("NULL", "TRUE")
    }
    for value in ("one", "two"):
        rendered = manifests.kustomization(target(), selection({**values, "Z": value}, values))
        (tmp_path / "rendered/kustomization.yaml").write_text(rendered, encoding="utf-8")
        built = {each["kind"]: each for each in yaml.safe_load_all(offline("kustomize", str(tmp_path)))}
        secret, pod = built["Secret"], built["Pod"]
        assert values_of([secret, built["ConfigMap"]]) == [{**values, "Z": value}, values]
        assert pod["spec"]["containers"][0]["envFrom"] == [
            {"secretRef": {"name": secret["metadata"]["name"]}}
        ]
        names.add(secret["metadata"]["name"])
    assert len(names) == 2


def test_a_redacted_kustomization_is_refused_by_kustomize(tmp_path: Path) -> None:
    """kubectl kustomize fails and prints nothing to apply."""
    text = manifests.kustomization(target(), selection({"P": "x"}), redact=str)
    (tmp_path / "kustomization.yaml").write_text(text, encoding="utf-8")
    done = subprocess.run(
        [kubectls()[0], "kustomize", str(tmp_path)], capture_output=True, text=True, check=False
    )
    assert (done.returncode, "***" in done.stdout) == (1, False)


def test_the_samples_manifests_ask_for_what_its_environments_render(cluster: FakeCluster) -> None:
    """deploy.status is clean for this repository's staging and local."""
    import os

    from envtasks import settings_class
    from envtasks.config import Project
    from envtasks.hydration import hydrate

    project = Project.load(REPOSITORY)
    secrets = settings_class.secret_names(project)
    for name in ("staging", "local"):
        values = hydrate(project.environment(name), os.environ, secret_names=secrets)
        status = kubernetes.status(kubernetes.read_inputs(project, values, secret_names=secrets))
        assert (status.findings, status.notes) == ((), ())
        assert set(status.secret) >= {"APP_SESSION_SECRET", "AUTH_JWT_SECRET", "CACHE_URL", "DB_PASSWORD"}


def test_rendering_twice_gives_the_same_bytes(shop: Shop) -> None:
    """From ciphertexts that differ, too: nothing of the run or of the keys is in the text."""
    texts = []
    for _ in range(2):
        shop.values("DB_HOST=h\n", DB_PASSWORD=PASSWORD)
        texts.append(
            [kubernetes.render(shop.inputs(), format=form, reveal=True) for form in kubernetes.FORMATS]
        )
    assert texts[0] == texts[1]


MERGES = """
apiVersion: v1
kind: Pod
metadata: {name: app}
left: &x {a: one, b: one, c: one}
right: &y {a: two, b: two, d: two}
before: {a: own, <<: *x}
after: {<<: *x, a: own}
several: {<<: [*x, *y]}
twice: {<<: *x, <<: *y}
nested: &n {<<: *x, a: three}
deeper: {<<: *n, b: own}
twice-own: {a: one, a: two}
"""


def test_merge_keys_are_expanded_as_kubectl_does(shop: Shop) -> None:
    """The manifests are read as kubectl itself reads them, whatever stands before or after `<<`."""
    shop.sandbox.write("deploy/merges.yaml", MERGES)
    document = next(
        each for each in read_documents(shop.sandbox.root, ["deploy/merges.yaml"]).all if each.name == "app"
    )
    done = shop.kubectl("label", "--local", "-f", "-", "k=v", "-o", "json", stdin=MERGES)
    read = json.loads(done.stdout)
    del read["metadata"]["labels"]
    assert document.value == read
