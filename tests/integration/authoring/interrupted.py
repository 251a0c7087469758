"""Kill writers of an env file at random moments, and look at what they leave: `python -m … FOLDER KILLS SEED`.

Two writers work on one file at once, each on variables of its own, and say before and after each step what they do.
Prints counts as JSON; ends with an AssertionError where the file is damaged or a value is lost.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from random import Random
from typing import NoReturn

from envtasks.authoring import (
    Dialogue,
    Editor,
    decrypt_value,
    edit_file,
    encrypt_values,
    find_target,
    set_value,
    unset_value,
)
from envtasks.config import Environment
from envtasks.envfiles import locked
from envtasks.errors import EnvFileInvalid
from envtasks.hydration import hydrate

Values = dict[str, str]
NAMES = 6


class Hand(Editor):
    """An editor that gives one variable another value."""

    name_and_value: tuple[str, str]

    def edit(self, path: Path) -> bool:
        name, value = self.name_and_value
        lines = path.read_text(encoding="utf-8").splitlines(keepends=True)
        path.write_text("".join(line for line in lines if not line.startswith(f"{name}=")), encoding="utf-8")
        with path.open("a", encoding="utf-8") as file:
            file.write(f"{name}={value}\n")
        return False


def step(
    environment: Environment, writer: str, random: Random, values: Values
) -> tuple[Values, Callable[[], object]]:
    """One step of a writer: its variables afterwards, and what does it."""
    target = find_target(environment, {"XDG_RUNTIME_DIR": str(environment.root / "run")})
    name, value = f"{writer}{random.randrange(NAMES)}", f"v{random.randrange(10**6)}"
    kind = random.choice(["set", "set", "plain", "unset", "encrypt", "decrypt", "edit"])
    if kind == "unset" and name in values:
        return {each: values[each] for each in values if each != name}, lambda: unset_value(target, name)
    if kind == "encrypt":
        return values, lambda: encrypt_values(target, [])
    if kind == "decrypt" and name in values:
        return values, lambda: decrypt_value(target, name)
    if kind == "edit":
        hand = Hand(("hand",), {})
        hand.name_and_value = (name, value)
        return {**values, name: value}, lambda: _edit(target, hand)
    return {**values, name: value}, lambda: set_value(target, name, value, encrypted=kind == "set")


def _edit(target: object, hand: Hand) -> None:
    """Edit until the other writer has left the file alone meanwhile."""
    while True:
        try:
            edit_file(target, hand, Dialogue(lambda name: True, lambda error: False, lambda note: None))  # type: ignore[arg-type]
            return
        except EnvFileInvalid as error:
            if "while you edited it" not in error.message:
                raise


def work(environment: Environment, writer: str, seed: str, values: Values, say: int) -> NoReturn:
    """Make one step after another until the process is killed."""
    random = Random(seed)
    while True:
        after, make = step(environment, writer, random, values)
        os.write(say, json.dumps(after).encode() + b"\n")
        make()
        os.write(say, b"done\n")
        values = after


def start(environment: Environment, writer: str, seed: str, values: Values) -> tuple[int, int]:
    """A writer's process, and the pipe on which it says what it does."""
    if sys.platform == "win32":
        raise NotImplementedError
    reader, say = os.pipe()
    process = os.fork()
    if process:
        os.close(say)
        return process, reader
    try:
        os.close(reader)
        work(environment, writer, seed, values, say)
    except BaseException as error:
        os.write(say, b"failed " + repr(error).encode() + b"\n")
    os._exit(1)


def said(reader: int, values: Values) -> tuple[list[Values], int]:
    """What a killed writer may have left: as before its last step, or as after it; and the number of steps it made."""
    with open(reader, "rb") as file:
        lines = file.read().decode().splitlines()
    assert not any(line.startswith("failed") for line in lines), lines[-1]
    states = [values, *(json.loads(line) for line in lines if line != "done")]
    return (states[-1:] if not lines or lines[-1] == "done" else states[-2:]), lines.count("done")


def main(folder: Path, kills: int, seed: str) -> dict[str, int]:
    """Kill two writers together, so many times; the counts."""
    if sys.platform == "win32":
        raise NotImplementedError
    (folder / "run").mkdir()
    environment = Environment("staging", folder, (folder / ".env.staging",))
    counts: Counter[str] = Counter()
    random = Random(seed)
    environment.files[0].write_text("KEEP=1\n", encoding="utf-8")
    for _ in range(20):  # so that a writer has imported everything
        step(environment, "W", random, {})[1]()
    values: dict[str, Values] = {}
    for number in range(kills):
        if number % 20 == 0:  # begin anew, without a key
            environment.files[0].write_text("# the file\nKEEP=1\n", encoding="utf-8")
            (folder / ".env.keys").unlink(missing_ok=True)
            values = {"A": {}, "B": {}}
        writers = {it: start(environment, it, f"{seed} {number} {it}", values[it]) for it in values}
        time.sleep(random.random() * 0.12)
        for process, _ in writers.values():
            os.kill(process, signal.SIGKILL)
            os.waitpid(process, 0)
        with locked(environment.files[0]):  # raises where a killed writer still holds it
            pass
        found = dict(hydrate(environment, {}))
        for it, (_, reader) in writers.items():
            possible, steps = said(reader, values[it])
            own = {name: value for name, value in found.items() if name[0] == it and name[1:].isdigit()}
            assert own in possible, f"{it} has {own}, and may have {possible}"
            counts["steps"] += steps
            counts["steps cut short"] += len(possible) - 1
            values[it] = own
        counts["kills"] += 1
        assert environment.files[0].read_text(encoding="utf-8").startswith("# ")
    expected = (".env.staging", ".env.keys", ".gitignore", "run")
    left = [path.name for path in folder.iterdir() if path.name not in expected]
    assert set(left) <= {f"{name}.envtasks-tmp" for name in (".env.staging", ".env.keys")} | {
        ".env.staging.edited"
    }
    set_and_edit = Hand(("hand",), {})
    set_and_edit.name_and_value = ("LAST", "1")
    counts["decrypted folders left by kills"] = len(list((folder / "run").iterdir()))
    _edit(find_target(environment, {"XDG_RUNTIME_DIR": str(folder / "run")}), set_and_edit)
    assert list((folder / "run").iterdir()) == []
    return dict(counts)


if __name__ == "__main__":
    json.dump(main(Path(sys.argv[1]), int(sys.argv[2]), sys.argv[3]), sys.stdout)
