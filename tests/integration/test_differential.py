"""Generated env files: the native engine against dotenvx, in its own code and as a command.

ENVTASKS_DIFFERENTIAL sets how many sets of files are compared in each way (default 1000); with it they are drawn
anew in each run, without it they are the same ones.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings

from envtasks.config import Environment
from envtasks.errors import DecryptionFailed, EnvFileInvalid, EnvtasksError, VariableMissing
from envtasks.hydration import hydrate
from tests.integration.dotenvx_npm import Dotenvx
from tests.integration.generated import KEY, Sources, hostile, loose, plausible

pytestmark = [pytest.mark.integration, pytest.mark.node]

EXAMPLES = int(os.environ.get("ENVTASKS_DIFFERENTIAL", 1000))
OPTIONS = settings(
    deadline=None,
    database=None,
    derandomize="ENVTASKS_DIFFERENTIAL" not in os.environ,
    suppress_health_check=list(HealthCheck),
)
DUMP = "import json, os, sys; json.dump(dict(os.environ), sys.stdout)"
Values = dict[str, str]
# what our message says, and what dotenvx does not refuse; docs/dotenvx-compatibility.md lists them
ONLY_OURS = {
    "NUL": "NUL, which only we refuse",
    "run or load code": "a name that runs code, which only we refuse",
    "require what is not set": "${X:?} that is not set, which only we refuse",
    "conflict": "conflict markers, which only we refuse",
}


@pytest.fixture(scope="module")
def dotenvx(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Dotenvx]:
    server = Dotenvx(tmp_path_factory.mktemp("server"))
    yield server
    server.stop()


def written(sources: Sources, folder: Path) -> Environment:
    paths = tuple(folder / f".env.{number}" for number in range(len(sources.files)))
    for path, data in zip(paths, sources.files, strict=True):
        path.write_bytes(data)
    # a baseline without a variable would be refused, which has a test of its own
    return Environment("case", folder, paths, optional_files=paths)


def ours(
    environment: Environment, sources: Sources, engine: str = "native", **env: str
) -> Values | EnvtasksError:
    try:
        process_env = {**sources.env, **env, "DOTENV_PRIVATE_KEY": KEY}
        return dict(hydrate(environment, process_env, engine=engine))
    except EnvtasksError as error:
        return error


def compare(sources: Sources, folder: Path, dotenvx: Dotenvx, counts: Counter[str]) -> None:
    """Assert that both make the same of the sources, and count how that came about."""
    environment = written(sources, folder)
    mine = ours(environment, sources)
    env = {**sources.env, "DOTENV_PRIVATE_KEY": KEY}
    endless = isinstance(mine, EnvFileInvalid) and "does not end" in mine.message
    theirs = dotenvx.ask(environment.files, env, patience=0.4 if endless else 10)
    counts["files"] += len(sources.files)
    if endless:
        assert theirs is None, f"dotenvx ends: {theirs}"
        counts["endless in both"] += 1
    elif isinstance(mine, EnvFileInvalid | VariableMissing):
        counts[next(name for part, name in ONLY_OURS.items() if part in mine.message)] += 1
    elif isinstance(mine, DecryptionFailed):
        assert theirs is not None, "dotenvx hangs"
        if theirs.error is None and loose(sources):
            counts["loose ciphertext, which only we refuse"] += 1
        elif theirs.error is None and any("encrypted:" in value.lower() for value in theirs.values.values()):
            counts["a ciphertext within a value, which only we refuse"] += 1
        else:
            assert theirs.error == "DECRYPTION_FAILED", theirs
            counts["refused by both"] += 1
    else:
        assert theirs is not None, "dotenvx hangs"
        assert (mine, theirs.error) == (theirs.values, None)
        counts["equal"] += 1
        counts["variables"] += len(theirs.values)


def summary(kind: str, counts: Counter[str]) -> str:
    outcomes = [f"{number} {name}" for name, number in counts.items() if name not in ("files", "variables")]
    compared = f"{counts['files']} files compared, {counts['variables']} variables"
    return f"differential: {kind}: {compared}: {', '.join(outcomes)}"


@pytest.mark.parametrize(("kind", "equal"), [("plausible", 0.6), ("hostile", 0.8)])
def test_both_make_the_same_of_generated_files(
    kind: str, equal: float, dotenvx: Dotenvx, tmp_path: Path, report: Callable[[str], None]
) -> None:
    """Whatever the files hold, both give the same values, or both refuse; most of them are no refusals."""
    counts: Counter[str] = Counter()

    @settings(OPTIONS, max_examples=EXAMPLES)
    @given(plausible() if kind == "plausible" else hostile())
    def compared(sources: Sources) -> None:
        compare(sources, tmp_path, dotenvx, counts)

    try:
        compared()
    finally:
        report(summary(kind, counts))
    outcomes = sum(number for name, number in counts.items() if name not in ("files", "variables"))
    assert counts["equal"] > equal * outcomes


def test_the_command_gives_what_the_engines_give(tmp_path: Path, report: Callable[[str], None]) -> None:
    """`dotenvx run` itself, the engine that calls dotenvx, and the native one give the same values."""
    counts: Counter[str] = Counter()
    command = shutil.which("dotenvx") or "dotenvx"
    path = os.pathsep.join([str(Path(command).parent), os.environ["PATH"]])

    @settings(OPTIONS, max_examples=max(EXAMPLES // 125, 1))
    @given(plausible())
    def compared(sources: Sources) -> None:
        environment = written(sources, tmp_path)
        native = ours(environment, sources, PATH=path)
        called = ours(environment, sources, "dotenvx", PATH=path)
        if isinstance(native, EnvtasksError):
            assert isinstance(called, EnvtasksError)
            assert (type(called), called.message) == (type(native), native.message)
            counts["refused by both"] += 1
            return
        files = [word for file in environment.files for word in ("-f", str(file))]
        run = subprocess.run(
            [command, "-q", "run", "--strict", *files, "--", sys.executable, "-I", "-S", "-c", DUMP],
            env={**sources.env, "DOTENV_PRIVATE_KEY": KEY, "PATH": path, "DOTENVX_NO_NATIVE": "true"},
            cwd=tmp_path,
            capture_output=True,
            check=True,
        )
        seen = json.loads(run.stdout)
        assert native == called == {name: seen[name] for name in native}
        counts["equal"] += 1

    compared()
    report(
        f"differential: whole commands: {', '.join(f'{number} {name}' for name, number in counts.items())}"
    )
    assert counts["equal"] > 0
