"""The rendered text: what it holds, that YAML gives back every value, and that redacted text cannot be applied."""

from __future__ import annotations

import base64
import binascii
import errno
import os
import sys
from pathlib import Path

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from envtasks.errors import EnvFileInvalid
from envtasks.kubernetes import manifests
from envtasks.redaction import Redactor
from tests.kubernetes.deployments import selection, target

VALUES = st.text(st.characters(blacklist_categories=["Cs"], blacklist_characters="\0"))
AWKWARD = {
    "A": "1e3",
    "B": "on",
    "C": "0o17",
    "D": "22:22",
    "E": "null",
    "F": "a: b # c",
    "G": "",
    "H": "x\ny\n",
    "I": "~",
}


def test_a_secret_and_a_configmap_are_rendered_to_the_byte() -> None:
    """Labels, namespace, base64 `data` and quoted strings: this is all that is in them, and no stringData."""
    chosen = selection({"DB_PASSWORD": "hunter2"}, {"DB_PORT": "5432"})
    assert manifests.to_yaml(manifests.build(target(labels={"team": "a"}), chosen)) == (
        "apiVersion: v1\n"
        "kind: Secret\n"
        "metadata:\n"
        "  name: shop-env\n"
        "  namespace: shop-staging\n"
        "  labels:\n"
        "    app.kubernetes.io/instance: shop-staging\n"
        "    app.kubernetes.io/managed-by: envtasks\n"
        "    app.kubernetes.io/name: shop\n"
        "    team: a\n"
        "type: Opaque\n"
        "data:\n"
        '  DB_PASSWORD: "aHVudGVyMg=="\n'
        "---\n"
        "apiVersion: v1\n"
        "kind: ConfigMap\n"
        "metadata:\n"
        "  name: shop-config\n"
        "  namespace: shop-staging\n"
        "  labels:\n"
        "    app.kubernetes.io/instance: shop-staging\n"
        "    app.kubernetes.io/managed-by: envtasks\n"
        "    app.kubernetes.io/name: shop\n"
        "    team: a\n"
        "data:\n"
        '  DB_PORT: "5432"\n'
    )


def test_text_that_a_yaml_reader_does_not_read_as_a_string_is_quoted() -> None:
    """kubectl reads `N` as a boolean and PyYAML does not, so the quotes are decided here."""
    text = manifests.to_yaml(
        manifests.build(target(app="y", namespace="1e3"), selection({}, {"N": "n", "A.B": "x"}))
    )
    assert '    app.kubernetes.io/name: "y"\n' in text
    assert '  namespace: "1e3"\n' in text
    assert text.endswith('data:\n  "N": "n"\n  A.B: "x"\n')


def test_annotations_go_on_the_secret_alone() -> None:
    """The rollout key is kept where the values are."""
    secret, config = manifests.build(target(), selection(), annotations={"envtasks/rollout-key": "k"})
    assert secret["metadata"]["annotations"] == {"envtasks/rollout-key": "k"}
    assert "annotations" not in config["metadata"]


@given(st.dictionaries(st.from_regex(r"[A-Z][A-Z0-9_]{0,9}", fullmatch=True), VALUES, max_size=5))
def test_every_value_comes_back_from_the_yaml_as_it_was(values: dict[str, str]) -> None:
    """Whatever the text, the ConfigMap holds it as a string, the Secret as its bytes; the same input, the same text."""
    chosen = selection(values, values)
    text = manifests.to_yaml(manifests.build(target(), chosen))
    assert text == manifests.to_yaml(manifests.build(target(), chosen))
    secret, config = yaml.safe_load_all(text)
    assert config["data"] == values
    assert {name: base64.b64decode(value).decode() for name, value in secret["data"].items()} == values


def test_redacted_text_holds_no_secret_and_no_base64() -> None:
    """Secrets are masked also inside config values, and a piped redacted Secret is none that a server would take."""
    chosen = selection({"DB_PASSWORD": "hunter2"}, {"DB_URL": "postgres://app:hunter2@db/app"})
    text = manifests.to_yaml(
        manifests.redacted(manifests.build(target(), chosen), Redactor(["hunter2"]).text)
    )
    secret, config = yaml.safe_load_all(text)
    assert (secret["data"], config["data"]) == (
        {"DB_PASSWORD": "***"},
        {"DB_URL": "postgres://app:***@db/app"},
    )
    with pytest.raises(binascii.Error):
        base64.b64decode(secret["data"]["DB_PASSWORD"], validate=True)


@pytest.mark.parametrize("name", ["shop", "s" * 200])
def test_labels_are_never_longer_than_kubernetes_accepts(name: str) -> None:
    """63 characters at most, whatever the names."""
    found = manifests.labels(target(app=name, environment="e" * 60))
    assert max(len(value) for value in found.values()) <= 63


def test_a_kustomization_has_generators_for_both() -> None:
    """One literal per name, in a pair of quotes of its own that kustomize removes again."""
    chosen = selection({"P": "it's"}, AWKWARD)
    found = yaml.safe_load(manifests.kustomization(target(), chosen))
    labels = manifests.labels(target())
    assert found == {
        "apiVersion": "kustomize.config.k8s.io/v1beta1",
        "kind": "Kustomization",
        "namespace": "shop-staging",
        "secretGenerator": [
            {"name": "shop-env", "type": "Opaque", "options": {"labels": labels}, "literals": ["P='it's'"]}
        ],
        "configMapGenerator": [
            {
                "name": "shop-config",
                "options": {"labels": labels},
                "literals": [f"{name}='{value}'" for name, value in AWKWARD.items()],
            }
        ],
    }


def test_a_redacted_kustomization_has_secrets_that_are_no_literals() -> None:
    """Without an `=` kustomize refuses the entry, so `***` is never deployed."""
    text = manifests.kustomization(target(), selection({"P": "hunter2"}), redact=Redactor(["hunter2"]).text)
    assert yaml.safe_load(text)["secretGenerator"][0]["literals"] == ["P: ***"]


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such modes")
def test_files_are_for_their_owner_and_not_for_git(tmp_path: Path) -> None:
    """Mode 0600 in a folder of mode 0700 that ignores itself; a second run replaces them."""
    folder = tmp_path / "new" / "rendered"
    for text in ("one\n", "two\n"):
        (path,) = manifests.write_files({"secret.yaml": text}, folder, environment={})
        assert path.read_text(encoding="utf-8") == text
    assert (path.stat().st_mode & 0o777, folder.stat().st_mode & 0o777) == (0o600, 0o700)
    assert (folder / ".gitignore").read_text(encoding="utf-8") == "*\n"


@pytest.mark.skipif(sys.platform == "win32", reason="links need a privilege on Windows")
def test_a_link_is_replaced_and_not_followed(tmp_path: Path) -> None:
    """What it points to may be a file that git sees, or that others can read."""
    folder, other = tmp_path / "rendered", tmp_path / "other.yaml"
    folder.mkdir()
    other.write_text("mine\n", encoding="utf-8")
    (folder / "secret.yaml").symlink_to(other)
    (path,) = manifests.write_files({"secret.yaml": "x\n"}, folder, environment={})
    assert (path.is_symlink(), path.read_text(encoding="utf-8")) == (False, "x\n")
    assert other.read_text(encoding="utf-8") == "mine\n"


@pytest.mark.parametrize("place", ["file", "file/below"])
def test_a_folder_that_cannot_be_made_is_one_sentence(tmp_path: Path, place: str) -> None:
    """The error names what cannot be written, and why, in place of a traceback."""
    (tmp_path / "file").write_text("mine", encoding="utf-8")
    with pytest.raises(EnvFileInvalid, match=r"^\w+ cannot be written, and is as it was: [^:]+\.$"):
        manifests.write_files({"secret.yaml": "x\n"}, tmp_path / place, environment={})
    assert (tmp_path / "file").read_text(encoding="utf-8") == "mine"


def test_a_full_disk_is_one_sentence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing half written stays: neither a file with values nor a .gitignore that ignores nothing."""

    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(EnvFileInvalid, match=os.strerror(errno.ENOSPC)):
        manifests.write_files({"secret.yaml": "x\n"}, tmp_path / "out", environment={})
    assert list((tmp_path / "out").iterdir()) == []
