"""Layers: which definition wins, which are shadowed, how names are folded."""

from __future__ import annotations

from pathlib import Path

import pytest

from envtasks.config import Environment
from envtasks.envfiles import parse_env_file
from envtasks.hydration.layers import Layers, arrange, spelling_conflicts
from tests.dotenv_files import encrypted, hydrated

LOCAL = Environment("local", Path(), ())


def layers(*texts: str, windows: bool = False) -> Layers:
    """Overrides with the first text, baselines with the others, under a process environment that sets P."""
    files = [
        (name, parse_env_file(text), name == ".env")
        for name, text in zip((".env", "one", "two"), texts, strict=False)
    ]
    return arrange(LOCAL, files, {"P": "p"}, windows=windows)


def test_definitions_have_winner_and_shadowed() -> None:
    """A definition has the winning assignment, those that it shadows, and whether a baseline has the variable."""
    found = layers("A=1\nA=2\nC=1", "B=1\nA=encrypted:x", "A=3").definitions
    assert {
        name: (str(it.winner), list(map(str, it.shadowed)), it.baseline, it.encrypted)
        for name, it in found.items()
    } == {
        "A": (".env:2", ["one:2", "two:1"], True, True),
        "C": (".env:3", [], False, False),
        "B": ("one:1", [], True, False),
    }


def test_one_layer_decides() -> None:
    """A variable gets its value from the process environment, else from the first file, where every line counts."""
    stack = layers("A=1\nA=2\nP=1", "A=3\nB=1\nP=2")
    deciding = [str(it) for layer in stack.files for it in layer.locations if stack.decides(it)]
    assert deciding == [".env:1", ".env:2", "one:2"]
    assert stack.from_process == {"P"}
    assert stack.without_process().from_process == set()


@pytest.mark.parametrize(("windows", "names"), [(False, ["Path", "PATH", "p"]), (True, ["PATH", "P"])])
def test_names_are_folded_on_windows(windows: bool, names: list[str]) -> None:
    """Names that differ in case only are one variable on Windows, in the spelling of the file that wins."""
    stack = layers("Path=1\n", "PATH=2\np=3\n", windows=windows)
    assert list(stack.definitions) == names
    assert (stack.definitions[names[0]].name, stack.from_process) == ("Path", {"P"} if windows else set())
    assert spelling_conflicts(stack) == (["one:1: PATH is Path (.env:1) on Windows"] if windows else [])


def test_private_keys_are_not_variables() -> None:
    """A private key in an env file has a definition, but is not one of the variables that a process gets."""
    stack = layers("DOTENV_PRIVATE_KEY_X=1\nDOTENV_PUBLIC_KEY=2\nA=1")
    assert list(stack.definitions) == ["DOTENV_PRIVATE_KEY_X", "DOTENV_PUBLIC_KEY", "A"]
    assert list(stack.variables) == ["DOTENV_PUBLIC_KEY", "A"]


def test_the_files_win_for_the_names_of_file_wins(tmp_path: Path) -> None:
    """A name of `file-wins` that a file defines takes the file's value, without a word; others are not touched."""
    result = hydrated(
        tmp_path,
        "PATH=/mine\nB=1",
        {"PATH": "/usr/bin", "B": "2", "C": "3"},
        options={"file_wins": ("PATH", "C")},
    )

    child = result.child_env()
    assert (child["PATH"], child["B"], child["C"]) == ("/mine", "2", "3")
    assert result.warnings == ("the process environment wins over .env.local with another value: B",)


def test_a_file_that_wins_can_add_to_what_it_wins_over(tmp_path: Path) -> None:
    """`PATH=/opt/bin:$PATH` is what `file-wins` is for; a later line sees what the file has set."""
    result = hydrated(
        tmp_path,
        "BEFORE=$PATH\nPATH=/mine:$PATH\nAFTER=${PATH}/x",
        {"PATH": "/usr/bin"},
        options={"file_wins": ("PATH",)},
    )

    assert dict(result) == {"BEFORE": "/usr/bin", "PATH": "/mine:/usr/bin", "AFTER": "/mine:/usr/bin/x"}
    assert result.warnings == ()


def test_the_variable_of_the_environments_name_can_be_another(tmp_path: Path) -> None:
    """`environment-variable` takes the place of APP_ENV: in references, in children, and not from the shell."""
    env = {"ENVIRONMENT": "shell", "APP_ENV": "kept"}
    result = hydrated(tmp_path, "A=$ENVIRONMENT", env, options={"variable": "ENVIRONMENT"})

    assert (result["A"], result.child_env()["ENVIRONMENT"], result.child_env()["APP_ENV"]) == (
        "local",
        "local",
        "kept",
    )


def test_names_of_not_secret_are_not_secret(tmp_path: Path) -> None:
    """Encrypted or in the settings class, a name that `not-secret` lists or matches is shown."""
    text = f"DB_USER={encrypted('shop')}\nAPP_NAME={encrypted('app')}\nTOKEN={encrypted('hush')}\nURL=$DB_USER:$TOKEN\n"
    result = hydrated(tmp_path, text, options={"not_secret": ("DB_USER", "APP_*")}, secret_names=["APP_NAME"])

    assert {name for name in result if result.origin(name).secret} == {"TOKEN", "URL"}
