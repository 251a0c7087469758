"""Layers resolved to values: precedence, references, and the problems that are collected."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest

from envtasks.config import Environment
from envtasks.envfiles import parse_env_file
from envtasks.hydration.layers import Layers, arrange
from envtasks.hydration.resolution import Resolution, decrypt_layers, resolve

LOCAL = Environment("local", Path(), ())


def layers(*texts: str, process: Mapping[str, str] | None = None, windows: bool = False) -> Layers:
    files = [(f"file{number}", parse_env_file(text), False) for number, text in enumerate(texts, 1)]
    return arrange(LOCAL, files, process or {}, windows=windows)


def resolved(
    *texts: str, process: Mapping[str, str] | None = None, secret: Sequence[str] = (), windows: bool = False
) -> Resolution:
    def decrypt(ciphertexts: Sequence[str], _: Sequence[str]) -> list[str | None]:
        return [text.removeprefix("encrypted:") if "bad" not in text else None for text in ciphertexts]

    stack = layers(*texts, process=process, windows=windows)
    return resolve(stack, decrypt_layers(stack, decrypt)[0], secret=secret)


@pytest.mark.parametrize(
    ("texts", "process", "expected"),
    [
        (["A=1", "A=2\nB=3"], {}, {"A": "1", "B": "3"}),
        (["A=1"], {"A": "p"}, {"A": "p"}),
        (["A=1"], {"A": ""}, {"A": ""}),
        (["A=", "A=2"], {}, {"A": ""}),
        (["A=1", "A=2\nB=$A"], {}, {"A": "1", "B": "1"}),
        (["B=$A", "A=2"], {}, {"B": "", "A": "2"}),
        (["P=$P:x"], {"P": "p"}, {"P": "p"}),
        (["A=1\nB=$A\nA=2\nC=$A"], {}, {"A": "2", "B": "1", "C": "2"}),
        (["A='$X'\nX=1\nB=[$A]"], {}, {"A": "$X", "X": "1", "B": "[$X]"}),
        (["A='$X'\nX=1", "B=[$A]"], {}, {"A": "$X", "X": "1", "B": "[1]"}),
    ],
)
def test_precedence(texts: Sequence[str], process: Mapping[str, str], expected: Mapping[str, str]) -> None:
    """The process environment, then the first file; references see what is set before."""
    assert resolved(*texts, process=process).values == expected


def test_collects_unknown_values() -> None:
    """A value that is not decrypted or not run is unknown, and so is one made from it, until it is set again."""
    result = resolved("A=encrypted:bad\nB=x$A\nC=$(x)\nD=$C\nE=1\nA2=$A\nA2=1")
    assert result.unknown == {"A", "B", "C", "D"}
    assert [str(location) for location in result.commands] == ["file1:3"]


def test_taint_follows_values() -> None:
    """A value with a secret in it is secret, across layers, until it is set to something else."""
    assert resolved("A=1\nB=$A\nC=$B\nC=2", "D=$B", secret=["A"]).tainted == {"A", "B", "D"}


def test_collects_decrypted_values_that_are_changed() -> None:
    """A decrypted value with a reference is collected with its location, unless it is in single quotes."""
    result = resolved("A=encrypted:x$y\nB='encrypted:x$y'\nC=encrypted:x")
    assert [str(location) for location in result.changed] == ["file1:1"]


def test_keys_of_earlier_layers_are_used() -> None:
    """A layer is decrypted with the private keys in the layers above it, not with its own."""
    seen = []

    def decrypt(ciphertexts: Sequence[str], keys: Sequence[str]) -> list[str | None]:
        seen.append((list(ciphertexts), list(keys)))
        return ["" for _ in ciphertexts]

    decrypt_layers(layers("DOTENV_PRIVATE_KEY=k1", "A=encrypted:a\nDOTENV_PRIVATE_KEY_B=k2\nB=1"), decrypt)
    assert seen == [(["encrypted:a"], ["k1"])]


def test_only_ciphertexts_that_count_are_decrypted() -> None:
    """What an earlier file or the process environment shadows is not decrypted; a ciphertext of the latter is."""
    seen: list[str] = []

    def decrypt(ciphertexts: Sequence[str], _: Sequence[str]) -> list[str | None]:
        seen.extend(ciphertexts)
        return ["" for _ in ciphertexts]

    process = {"P": "encrypted:p", "Q": "q"}
    texts = [
        "A=1\nP=encrypted:1\nB=encrypted:2\nB=encrypted:3",
        "A=encrypted:4\nQ=encrypted:5\nC=encrypted:6",
    ]
    decrypt_layers(layers(*texts, process=process), decrypt)
    assert seen == ["encrypted:p", "encrypted:2", "encrypted:3", "encrypted:6"]
