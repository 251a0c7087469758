"""Generated values in generated files: what is written reads back, and no other byte changes.

ENVTASKS_ROUND_TRIPS sets how many (default 20000); with it they are drawn anew in each run.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from random import Random

import pytest

from envtasks.authoring import (
    Dialogue,
    Editor,
    TargetFile,
    edit_file,
    encrypt_values,
    find_target,
    set_value,
    unset_value,
)
from envtasks.config import Environment
from envtasks.envfiles import EnvFile, decrypt, read_env_file, set_spelled, spell
from envtasks.errors import EnvFileInvalid
from envtasks.hydration import values_of
from tests.dotenv_files import PRIVATE
from tests.integration.authoring import nasty
from tests.integration.dotenvx_npm import Dotenvx

pytestmark = pytest.mark.integration

HEADER = "DOTENV_PUBLIC_KEY_STAGING"
COUNT = int(os.environ.get("ENVTASKS_ROUND_TRIPS", 20_000))
SEED = os.urandom(8).hex() if "ENVTASKS_ROUND_TRIPS" in os.environ else "the same in each run"
# the values that nothing carries (begin with a prefix, NUL, half of a character), and what a plain one does not
UNSTORABLE = re.compile(r"\A(encrypted:|op://|bw://)|\0|[\ud800-\udfff]")
NOT_PLAIN = re.compile(
    r"\r|[^A-Za-z0-9_./:@%+,=~^\\-](?s:.*)\\\Z|\\\Z(?<=[^\w./:@%+,=~^\\-]\\)|(?m:^[<>]{7} )"
)


@pytest.fixture
def it() -> Iterator[TargetFile]:
    """The env file of staging, in memory where there is such a place: each change is synced to the disk."""
    place = "/dev/shm" if os.path.isdir("/dev/shm") else None  # noqa: PTH112
    with tempfile.TemporaryDirectory(dir=place) as name:
        folder = Path(name)
        (folder / ".env.keys").write_text(f"DOTENV_PRIVATE_KEY_STAGING={PRIVATE}\n", encoding="utf-8")
        path = folder / ".env.staging"
        path.touch()
        yield find_target(Environment("staging", folder, (path,)), {})


def generated(target: TargetFile, random: Random) -> EnvFile:
    """A generated file; its header is not part of a value, as happens where a quote is not closed."""
    while True:
        target.path.write_bytes(nasty.text(random).encode("utf-8", "surrogateescape"))
        file = read_env_file(target.path)
        if any(entry.name == HEADER for entry in file.entries):
            return file


def has_open_quote(file: EnvFile) -> bool:
    return any("quote" in sentence for _, sentence in file.warnings)


def values(target: TargetFile) -> dict[str, str]:
    """What a process would get of the file, with the private key."""
    file = read_env_file(target.path)
    ciphertexts = [entry.value for entry in file.entries if entry.encrypted]
    opened = zip(ciphertexts, decrypt(ciphertexts, [PRIVATE]), strict=True)
    return values_of(target.environment, file, {text: plain for text, plain in opened if plain is not None})


def others(file: EnvFile, name: str) -> list[tuple[str, str, str]]:
    return [(entry.name, entry.raw, entry.quote) for entry in file.entries if entry.name != name]


def set_one(target: TargetFile, random: Random, counts: Counter[str]) -> None:
    """Set a generated value in a generated file, and look at every byte."""
    before = generated(target, random)
    name, value, encrypted = random.choice([*nasty.NAMES, "NEW"]), nasty.value(random), random.random() < 0.5
    data = target.path.read_bytes()
    try:
        set_value(target, name, value, encrypted=encrypted)
    except EnvFileInvalid as error:
        assert target.path.read_bytes() == data
        counts[_why_refused(error, before, value, encrypted=encrypted)] += 1
        return
    after = read_env_file(target.path)
    last = next((entry for entry in reversed(before.entries) if entry.name == name), None)
    start, end = (last.value_start, last.value_end) if last else (len(before.text), len(before.text))
    assert after.text.startswith(before.text[:start])
    assert after.text.endswith(before.text[end:])
    assert others(after, name) == others(before, name)
    assert len(after.entries) == len(before.entries) + (last is None)
    assert values(target)[name] == value
    assert [entry.encrypted for entry in after.entries if entry.name == name][-1] == encrypted
    counts["added" if last is None else "replaced"] += 1


def _why_refused(error: EnvFileInvalid, before: EnvFile, value: str, *, encrypted: bool) -> str:
    if UNSTORABLE.search(value):
        return "refused: no spelling carries the value"
    if not encrypted and NOT_PLAIN.search(value):
        return "refused: to be stored encrypted"
    return _because_of_the_file(error.message, before)


def unset_one(target: TargetFile, random: Random, counts: Counter[str]) -> None:
    """Remove a variable of a generated file."""
    before = generated(target, random)
    names = sorted({entry.name for entry in before.entries if not entry.name.startswith("DOTENV_")})
    if not names:
        return
    name, data = random.choice(names), target.path.read_bytes()
    try:
        unset_value(target, name)
    except EnvFileInvalid as error:
        assert target.path.read_bytes() == data
        counts[_because_of_the_file(error.message, before)] += 1
        return
    after = read_env_file(target.path)
    assert [(e.name, e.raw, e.quote) for e in after.entries] == others(before, name)
    counts["removed"] += 1


def encrypt_all(target: TargetFile, random: Random, counts: Counter[str]) -> None:
    """Encrypt every value of a generated file: nothing stays plain, and no value changes."""
    before = generated(target, random)
    was, data = values(target), target.path.read_bytes()
    try:
        encrypt_values(target, [])
    except EnvFileInvalid as error:
        assert target.path.read_bytes() == data
        counts[_why_not_encrypted(error.message, before)] += 1
        return
    plain = [entry.name for entry in read_env_file(target.path).entries if not entry.encrypted]
    assert plain == [HEADER]
    assert values(target) == was
    counts["encrypted"] += 1


class Typist(Editor):
    """An editor in which somebody sets one variable, if at all."""

    spelled: tuple[str, str] | None

    def edit(self, path: Path) -> bool:
        if self.spelled:
            file = set_spelled(read_env_file(path), *self.spelled)
            path.write_bytes(file.encode(file.text))
        return False


def edit_one(target: TargetFile, random: Random, counts: Counter[str]) -> None:
    """Edit a generated file without a change, and then one variable of it; ciphertexts of all others stay."""
    before, data = generated(target, random), target.path.read_bytes()
    person = Typist(("typist",), {})
    dialogue = Dialogue(lambda name: True, lambda error: False, lambda note: None)
    person.spelled = None
    assert not edit_file(target, person, dialogue).written
    assert target.path.read_bytes() == data
    name, value = random.choice(nasty.NAMES), f"typed {random.random()}"
    try:
        person.spelled = (name, spell(name, value))
        edit_file(target, person, dialogue)
    except EnvFileInvalid as error:
        assert target.path.read_bytes() == data
        counts[_because_of_the_file(error.message, before)] += 1
        return
    after = read_env_file(target.path)
    assert others(after, name) == others(before, name)
    assert values(target)[name] == value
    counts["edited"] += 1


def _why_not_encrypted(message: str, before: EnvFile) -> str:
    if "`$(…)` is a command" in message or "text around a ciphertext" in message or "does not end" in message:
        return "refused: this value cannot be encrypted"
    if UNSTORABLE.search("".join(entry.value + "\0" for entry in before.entries)) and "the value" in message:
        return "refused: no spelling carries the value"
    return _because_of_the_file(message, before)


def _because_of_the_file(message: str, before: EnvFile) -> str:
    if "follows a backslash" in message:
        return "refused: a closing quote in the file follows a backslash"
    assert has_open_quote(before), (message, before.text)
    return "refused: a quote in the file is not closed"


def test_round_trips(it: TargetFile, report: Callable[[str], None]) -> None:
    """Whatever file and value: it reads back, no other byte changes, and what is refused is known to be impossible."""
    random, counts = Random(SEED), Counter[str]()

    for _ in range(COUNT):
        set_one(it, random, counts)
    for _ in range(COUNT // 5):
        unset_one(it, random, counts)
        encrypt_all(it, random, counts)
    for _ in range(COUNT // 10):
        edit_one(it, random, counts)

    report(f"round trips ({SEED}): {', '.join(f'{count} {what}' for what, count in sorted(counts.items()))}")
    assert counts["replaced"] + counts["added"] > COUNT * 0.75


@pytest.mark.node
def test_dotenvx_reads_the_same(
    it: TargetFile, report: Callable[[str], None], tmp_path_factory: pytest.TempPathFactory
) -> None:
    """dotenvx's own code gives a process the value that was set, in whatever file."""
    random, counts = Random(SEED), Counter[str]()
    server = Dotenvx(tmp_path_factory.mktemp("server"))
    try:
        for _ in range(COUNT // 10):
            before = generated(it, random)
            name, value = random.choice([*nasty.NAMES, "NEW"]), nasty.value(random)
            try:
                set_value(it, name, value, encrypted=random.random() < 0.5)
            except EnvFileInvalid:
                continue
            found = server.ask([it.path], {"DOTENV_PRIVATE_KEY_STAGING": PRIVATE}, patience=5)
            if found is None:
                assert "$" in before.text  # of another variable
                counts["endless in dotenvx"] += 1
                continue
            assert found.values[name] == value, (it.path.read_bytes(), value)
            counts["the same in dotenvx"] += 1
    finally:
        server.stop()
    report(f"read by dotenvx's code: {dict(counts)}")
    assert counts["the same in dotenvx"] > COUNT // 10 * 0.7


@pytest.mark.node
def test_the_dotenvx_command_reads_the_same(it: TargetFile) -> None:
    """`dotenvx get --strict` and `dotenvx run` of many values in one file, which it then sets and encrypts itself."""
    random = Random(SEED)
    generated(it, Random("a file without open quotes"))
    set_value(it, "OURS", "it's ours", encrypted=True)
    wanted = {"OURS": "it's ours"}
    for number in range(60):
        value = nasty.value(random)
        try:
            set_value(it, f"N{number}", value, encrypted=number % 2 == 0)
        except EnvFileInvalid:
            continue
        wanted[f"N{number}"] = value

    def dotenvx(*args: str) -> str:
        done = subprocess.run(
            [shutil.which("dotenvx") or "dotenvx", *args],
            cwd=it.path.parent,
            env={"PATH": os.environ["PATH"], "HOME": str(it.path.parent), "DOTENVX_NO_NATIVE": "true"},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            encoding="utf-8",
            timeout=60,
            check=False,
        )
        assert done.returncode == 0, done.stderr[:1000]
        return done.stdout

    read = json.loads(dotenvx("get", "--strict", "--format", "json", "-f", ".env.staging"))
    assert {name: read[name] for name in wanted} == wanted

    dotenvx("set", "OURS", "by dotenvx", "-f", ".env.staging")
    dotenvx("encrypt", "-f", ".env.staging")
    wanted["OURS"] = "by dotenvx"
    # `dotenvx encrypt` damages a plain value with an escaped quote
    plain = [
        name for name, value in wanted.items() if "'" in value and name[1:].isdigit() and int(name[1:]) % 2
    ]
    wanted = {name: value for name, value in wanted.items() if name not in plain}
    assert {name: value for name, value in values(it).items() if name in wanted} == wanted
