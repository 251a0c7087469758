"""Layers resolved to values: who wins, what is seen when, what is noted instead of raised."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import pytest

from envtasks.envfiles.document import parse
from envtasks.hydration.layers import Layer, standings
from envtasks.hydration.resolution import Resolution, open_layers, resolve


def layers(*texts: str) -> list[Layer]:
    return [Layer(f"file{number}", parse(text)) for number, text in enumerate(texts, 1)]


def resolved(*texts: str, process: Mapping[str, str] | None = None, secret: Sequence[str] = ()) -> Resolution:
    def decrypt(ciphertexts: Sequence[str], _: Sequence[str]) -> list[str | None]:
        return [text.removeprefix("encrypted:") if "bad" not in text else None for text in ciphertexts]

    stack, env = layers(*texts), process or {}
    opened = open_layers(stack, env, decrypt)
    return resolve(stack, env, opened, secret=secret)


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


def test_notes_what_it_does_not_know() -> None:
    """What is not opened or not run is unknown, and so is what is made of it, until it is set again."""
    result = resolved("A=encrypted:bad\nB=x$A\nC=$(x)\nD=$C\nE=1\nA2=$A\nA2=1")
    assert result.unknown == {"A", "B", "C", "D"}
    assert [place.at for place in result.commands] == ["file1:3"]


def test_taint_follows_values() -> None:
    """What holds a secret is secret, across layers, and no longer so when it is set to something else."""
    assert resolved("A=1\nB=$A\nC=$B\nC=2", "D=$B", secret=["A"]).tainted == {"A", "B", "D"}


def test_notes_decrypted_values_that_are_changed() -> None:
    """A decrypted value with a reference is noted with its place, unless it is in single quotes."""
    result = resolved("A=encrypted:x$y\nB='encrypted:x$y'\nC=encrypted:x")
    assert [place.at for place in result.changed] == ["file1:1"]


def test_keys_of_earlier_layers_are_handed_on() -> None:
    """A layer is opened with the private keys that the layers before it hold, not with its own."""
    seen = []

    def decrypt(ciphertexts: Sequence[str], keys: Sequence[str]) -> list[str | None]:
        seen.append((list(ciphertexts), list(keys)))
        return ["" for _ in ciphertexts]

    stack = layers("DOTENV_PRIVATE_KEY=k1", "A=encrypted:a\nDOTENV_PRIVATE_KEY_B=k2\nB=1")
    open_layers(stack, {}, decrypt)
    assert seen == [(["encrypted:a"], ["k1"])]


def test_standings_tell_winner_and_shadowed() -> None:
    """Of each variable it is known which entry wins, which are shadowed, and whether a baseline has it."""
    stack = [Layer(".env", parse("A=1\nA=2"), overrides=True), *layers("B=1\nA=encrypted:x", "A=3")]
    found = standings(stack)
    assert {
        name: (it.winner.at, [place.at for place in it.shadowed], it.baseline, it.encrypted)
        for name, it in found.items()
    } == {
        "A": (".env:2", ["file1:2", "file2:1"], True, True),
        "B": ("file1:1", [], True, False),
    }
