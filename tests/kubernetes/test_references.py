"""The project's own manifests against what is rendered: everything that would keep a pod from starting."""

from __future__ import annotations

import textwrap
from pathlib import Path

import pytest

from envtasks.errors import ConfigInvalid, VariableMissing
from envtasks.kubernetes import references
from envtasks.kubernetes.allowlist import Finding
from envtasks.kubernetes.references import Documents
from tests.kubernetes.deployments import selection, target

FILE = "deploy/app.yaml"
CHOSEN = selection({"DB_PASSWORD": "x", "TOKEN": "x"}, {"DB_HOST": "h"})


def manifests(root: Path, text: str) -> Documents:
    (root / "deploy").mkdir(exist_ok=True)
    (root / FILE).write_text(textwrap.dedent(text), encoding="utf-8")
    return references.read_documents(root, ["deploy/*.yaml"])


def pod(body: str) -> str:
    """A pod manifest of five lines, and this below its container."""
    head = "apiVersion: v1\nkind: Pod\nmetadata: {name: p}\nspec:\n  containers:\n    - name: c\n"
    return head + textwrap.indent(textwrap.dedent(body), "      ")


def found(root: Path, text: str) -> tuple[Finding, ...]:
    return references.find_problems(manifests(root, text), target(), selection=CHOSEN)


def test_references_that_are_met_are_no_findings(tmp_path: Path) -> None:
    """envFrom, key references, volumes and projections of rendered names are fine, optional ones need not be there."""
    text = pod("""\
        envFrom: [{secretRef: {name: shop-env}}, {configMapRef: {name: shop-config}}]
        env:
          - {name: P, valueFrom: {secretKeyRef: {name: shop-env, key: DB_PASSWORD}}}
          - {name: Q, valueFrom: {secretKeyRef: {name: shop-env, key: NOPE, optional: true}}}
          - {name: R, valueFrom: {configMapKeyRef: {name: own, key: k}}}
    """)
    text += "  volumes:\n    - {name: v, secret: {secretName: shop-env, items: [{key: TOKEN, path: t}]}}\n"
    text += "---\napiVersion: v1\nkind: ConfigMap\nmetadata: {name: own}\ndata: {k: v}\n"
    assert found(tmp_path, text) == ()


@pytest.mark.parametrize(
    ("body", "finding"),
    [
        (
            "env:\n  - name: P\n    valueFrom: {secretKeyRef: {name: shop-env, key: DB_PASWORD}}",
            Finding(
                "missing-key",
                FILE,
                9,
                "DB_PASWORD is not in secret/shop-env: did you mean DB_PASSWORD?",
                "correct the name, or add it to the allowlist",
            ),
        ),
        (
            "env:\n  - name: P\n    valueFrom: {configMapKeyRef: {name: shop-config, key: OTHER}}",
            Finding(
                "missing-key",
                FILE,
                9,
                "OTHER is not in configmap/shop-config.",
                "correct the name, or add it to the allowlist",
            ),
        ),
        (
            "env:\n  - name: P\n    valueFrom: {configMapKeyRef: {name: shop-config, key: TOKEN}}",
            Finding(
                "other-object",
                FILE,
                9,
                "TOKEN is in secret/shop-env, not in configmap/shop-config.",
                "use secretKeyRef",
            ),
        ),
        (
            "envFrom:\n  - secretRef: {name: shop-envs}",
            Finding("missing-object", FILE, 8, "There is no secret/shop-envs: did you mean shop-env?"),
        ),
        (
            "envFrom:\n  - secretRef: {name: shop-config}",
            Finding("wrong-kind", FILE, 8, "There is no secret/shop-config.", "shop-config is a ConfigMap"),
        ),
        (
            "env:\n  - {name: TOKEN, value: abc}",
            Finding(
                "literal-secret",
                FILE,
                8,
                "TOKEN is a secret, and its value is written here.",
                "take the entry out",
            ),
        ),
    ],
)
def test_a_reference_that_is_not_met_is_found_with_file_and_line(
    tmp_path: Path, body: str, finding: Finding
) -> None:
    """Misspelt keys, keys of the other object, misspelt objects, wrong kinds, and literal secrets are each named."""
    assert found(tmp_path, pod(body)) == (finding,)


@pytest.mark.parametrize(
    "outer",
    [
        "apiVersion: apps/v1\nkind: StatefulSet\nmetadata: {name: x}\nspec: {template: {spec: POD}}\n",
        "apiVersion: batch/v1\nkind: CronJob\nmetadata: {}\nspec: {jobTemplate: {spec: {template: {spec: POD}}}}\n",
        "apiVersion: v1\nkind: List\nitems: [{apiVersion: v1, kind: Pod, metadata: {name: x}, spec: POD}]\n",
        "apiVersion: argoproj.io/v1alpha1\nkind: Rollout\nmetadata: {name: x}\nspec: {template: {spec: POD}}\n",
    ],
)
def test_pods_are_found_wherever_a_kind_keeps_them(tmp_path: Path, outer: str) -> None:
    """Init containers, cron jobs, lists and custom workloads count too."""
    ref = "{name: P, valueFrom: {secretKeyRef: {name: shop-env, key: NOPE}}}"
    text = outer.replace("POD", "{containers: [], initContainers: [{name: i, env: [" + ref + "]}]}")
    assert [each.sentence for each in found(tmp_path, text)] == ["NOPE is not in secret/shop-env."]


def test_a_manifest_that_defines_a_rendered_object_is_found(tmp_path: Path) -> None:
    """It would undo what was applied."""
    text = "apiVersion: v1\nkind: Secret\nmetadata: {name: shop-env}\n"
    assert [each.id for each in found(tmp_path, text)] == ["defined-twice"]


def test_what_cannot_be_checked_is_noted(tmp_path: Path) -> None:
    """Objects of others and templates are noted, not guessed at."""
    (tmp_path / "deploy").mkdir()
    (tmp_path / "deploy" / "chart.yaml").write_text("{{- if .Values.x }}\na: {{ .b }}: c\n", encoding="utf-8")
    read = manifests(tmp_path, pod("envFrom: [{secretRef: {name: registry-login}}]"))
    assert references.find_problems(read, target(), selection=CHOSEN) == ()
    assert references.unchecked(read, target(), selection=CHOSEN) == (
        "deploy/chart.yaml is a template and was not checked.",
        "Secret registry-login is not rendered here and was not checked.",
    )


def test_yaml_that_cannot_be_read_is_refused_with_its_line(tmp_path: Path) -> None:
    """A manifest that is no YAML is a ConfigInvalid with file and line."""
    with pytest.raises(ConfigInvalid) as caught:
        manifests(tmp_path, "a: b\nc: [\n")
    assert caught.value.message.startswith(f"{FILE}:3: this is not valid YAML: ")


def test_all_findings_are_one_error() -> None:
    """What deploy.apply and deploy.status say holds every finding with its place."""
    references.refuse_findings((), "staging")
    with pytest.raises(VariableMissing) as caught:
        references.refuse_findings(
            (Finding("a", FILE, 3, "One.", "mend it"), Finding("b", FILE, 4, "Two.")), "staging"
        )
    assert caught.value.message == (
        f"The manifests and what staging renders do not agree:\n  {FILE}:3: One. (mend it)\n  {FILE}:4: Two."
    )


def test_the_workloads_to_restart_are_those_that_read_the_objects(tmp_path: Path) -> None:
    """Without a declared list, the manifests tell; jobs are never rolled."""
    body = "spec: {template: {spec: {containers: [{name: c, envFrom: [{secretRef: {name: NAME}}]}]}}}\n"
    one = "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: web}\n" + body.replace("NAME", "shop-env")
    two = "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: other}\n" + body.replace("NAME", "else")
    job = "apiVersion: batch/v1\nkind: Job\nmetadata: {name: once}\n" + body.replace("NAME", "shop-env")
    read = manifests(tmp_path, "---\n".join([one, two, job]))
    assert references.workloads_using(read, target()) == ("deployment/web",)
    assert [document.key for document in read.all] == ["deployment/web", "deployment/other", "job/once"]
    assert "".join(document.text for document in read.all) == one + two + job


BASE = """
apiVersion: apps/v1
kind: Deployment
metadata: {name: app}
x-base: &base
  env:
    - {name: X, valueFrom: {secretKeyRef: {name: shop-env, key: GONE}}}
spec:
  template:
    spec:
      containers:
"""


@pytest.mark.parametrize(
    ("container", "found"),
    [
        ("{<<: *base}", ["GONE"]),
        ("{env: [], <<: *base}", ["GONE"]),
        ("{<<: *base, env: []}", []),
        ("{<<: [{image: x}, *base]}", ["GONE"]),
    ],
)
def test_merge_keys_are_expanded_as_kubectl_does(tmp_path: Path, container: str, found: list[str]) -> None:
    """What `<<` brings into a container counts, unless an entry after it replaces it."""
    text = f"{BASE}        - {container}\n"
    documents = manifests(tmp_path, text)
    assert [reference.key for reference in references.references(documents)] == found


def test_a_name_that_may_have_been_meant_is_looked_for_a_few_times(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Among thousands of names that takes seconds for each; every finding is told all the same."""
    looked: list[str] = []

    def did_you_mean(word: str, known: object) -> str:
        looked.append(word)
        return "."

    monkeypatch.setattr(references, "did_you_mean", did_you_mean)
    variables = [
        f"{{name: K{n}, valueFrom: {{secretKeyRef: {{name: shop-env, key: K{n}}}}}}}" for n in range(50)
    ]
    text = f"apiVersion: v1\nkind: Pod\nspec: {{containers: [{{env: [{', '.join(variables)}]}}]}}\n"
    documents = manifests(tmp_path, text)
    found = references.find_problems(documents, target(), selection=selection({"A": "1"}, {}))
    assert (len(found), len(looked)) == (50, 5)


def test_a_manifest_of_another_encoding_is_one_sentence(tmp_path: Path) -> None:
    """A byte-order mark and line ends of Windows are read; bytes that are no UTF-8 are an error with their place."""
    (tmp_path / "deploy").mkdir()
    (tmp_path / FILE).write_bytes(b"\xef\xbb\xbfapiVersion: v1\r\nkind: Pod\r\nmetadata: {name: p}\r\n")
    (document,) = references.read_documents(tmp_path, ["deploy/*.yaml"]).all
    assert (document.key, document.text) == ("pod/p", "apiVersion: v1\nkind: Pod\nmetadata: {name: p}\n")
    (tmp_path / FILE).write_bytes(b"# caf\xe9\n")
    with pytest.raises(ConfigInvalid, match=r"^app\.yaml: byte 5 is not UTF-8\.$"):
        references.read_documents(tmp_path, ["deploy/*.yaml"])
