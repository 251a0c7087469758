"""Private keys are recognised by the public keys that are tracked, without having them."""

from __future__ import annotations

import base64
import hashlib
import json

import pytest

from envtasks.audit import Limits, NotChecked
from envtasks.envfiles import generate_keys
from tests.audit.images import config, docker_archive, layer
from tests.audit.test_audit import ENGINES, audited, one_file

PRIVATE, PUBLIC = generate_keys()  # made for this run
TRACKED = {"DOTENV_PUBLIC_KEY_PRODUCTION": PUBLIC}
NAME = "DOTENV_PRIVATE_KEY_PRODUCTION"


@ENGINES
@pytest.mark.parametrize(
    ("content", "form"),
    [
        (f'{NAME}="{PRIVATE}"\n', "plain"),
        (f"{PRIVATE}\n", "plain"),
        (f"signing-key: '{PRIVATE.upper()}'", "plain"),
        (f"{NAME}={'ab' * 32},{PRIVATE}", "plain"),
        (base64.b64encode(f"A=1\n{NAME}={PRIVATE}\n".encode()).decode(), "base64"),
        (base64.encodebytes(f"#\n{NAME}={PRIVATE}\n".encode()).decode(), "base64"),
    ],
    ids=["named", "alone", "other name", "second in a list", "base64", "base64 in lines"],
)
def test_found(content: str, form: str, fast: bool) -> None:
    """A tracked private key is found under any name and with none, and told by its own name."""
    report = audited(one_file(content.encode(), "app/a"), secrets={}, public_keys=TRACKED, fast=fast)
    assert ("private key", "app/a", NAME, form) in [
        (found.kind, found.path, found.variable, found.form) for found in report.findings
    ]
    assert PRIVATE not in report.to_json().lower()


def test_in_config() -> None:
    """A private key in the image's config is found."""
    made = config(1, Env=[f"{NAME}={PRIVATE}"])
    report = audited(docker_archive(layer({"a": b""}), made=made), secrets={}, public_keys=TRACKED)
    assert [(found.layer, found.where, found.variable) for found in report.findings] == [
        ("config", f"Env {NAME}", NAME)
    ]
    assert str(report.error()).splitlines()[1:2] == [f"  config, Env {NAME}: the private key {NAME} (plain)"]


def test_at_the_end() -> None:
    """A private key that is the second number of a text, and ends it, is found."""
    made = config(1, Env=[f"TOKENS={'ab' * 32} {PRIVATE}"])
    report = audited(docker_archive(layer({"a": b""}), made=made), secrets={}, public_keys=TRACKED)
    assert [(found.where, found.variable) for found in report.findings] == [("Env TOKENS", NAME)]


def test_untracked_by_name() -> None:
    """A private key that belongs to no tracked file is told if its name stands before it."""
    report = audited(one_file(f"DOTENV_PRIVATE_KEY_CI={'ab' * 32}".encode()), secrets={}, public_keys=TRACKED)
    assert [(found.kind, found.variable) for found in report.findings] == [
        ("private key", "DOTENV_PRIVATE_KEY_CI")
    ]


@pytest.mark.parametrize(
    "content",
    [
        "ab" * 32,
        f"{PRIVATE}0",
        f"x{PRIVATE}",
        "DOTENV_PRIVATE_KEY_PRODUCTION=encrypted:" + "ab" * 50,
        f"0{'0' * 63}",
    ],
)
def test_not_found(content: str) -> None:
    """A number that is no tracked key, or part of something longer, is none."""
    assert audited(one_file(content.encode()), secrets={}, public_keys=TRACKED).findings == ()


def test_checksums_are_not_tried() -> None:
    """Thousands of checksums cost nothing: they are told from keys by what stands around them."""
    sums = [hashlib.sha256(b"%d" % number).hexdigest() for number in range(4000)]
    lines = [f"{digest}  usr/lib/file{number}" for number, digest in enumerate(sums[:1000])]
    lines += [f"--hash=sha256:{digest}" for digest in sums[1000:2000]]
    lines += [json.dumps({"sha256": digest}) for digest in sums[2000:3000]]
    lines += [f"SHA256: {digest}" for digest in sums[3000:]]
    report = audited(
        one_file("\n".join(lines).encode()), secrets={}, public_keys=TRACKED, limits=Limits(keys=0)
    )
    assert report.not_checked == ()


def test_bound() -> None:
    """Numbers beyond the limit are counted, not tried; a named one always is."""
    numbers = "\n".join(hashlib.sha256(b"%d" % number).hexdigest() for number in range(30))
    content = f"{numbers}\n{'-' * 999}\n{NAME}={PRIVATE}\n".encode()
    report = audited(one_file(content), secrets={}, public_keys=TRACKED, limits=Limits(keys=10))
    assert [found.variable for found in report.findings] == [NAME]
    assert report.not_checked == (
        NotChecked("20 numbers of 64 hexadecimal digits", "not tried as private keys: 10 others were"),
    )


@ENGINES
def test_long_run_of_digits(fast: bool) -> None:
    """A file that is nothing but hexadecimal digits holds no key, and does not hide the one after it."""
    content = b"deadbeef" * 50_000 + f"\n{PRIVATE}\n".encode()
    report = audited(one_file(content), secrets={}, public_keys=TRACKED, fast=fast)
    assert [found.variable for found in report.findings] == [NAME]
