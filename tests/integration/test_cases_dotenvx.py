"""Every case recorded from the real dotenvx command, on the engine that calls it."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

import pytest

from envtasks.errors import EnvFileInvalid
from tests.recorded import Case, check, child, recorded, write

pytestmark = [pytest.mark.integration, pytest.mark.node]

# dotenvx drops a file that defines such a name: nothing that this engine could give is right
LOST = "constructor key"
CASES = {f"{case['group']}: {case['name']}": case for case in recorded()}
Outcomes = Mapping[str, Future[None]]


@pytest.fixture(scope="module")
def outcomes(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Outcomes]:
    """The outcome of each selected case; started together, because each waits for a process or two."""
    folders = [str(Path(shutil.which(tool) or "/usr/bin/x").parent) for tool in ("dotenvx", "node")]
    path = os.pathsep.join(dict.fromkeys([*folders, "/usr/bin", "/bin"]))
    functions = [item for item in request.session.items if isinstance(item, pytest.Function)]
    selected = {item.callspec.params.get("name") for item in functions if hasattr(item, "callspec")}
    pool = ThreadPoolExecutor(os.cpu_count())
    yield {
        name: pool.submit(_check, case, tmp_path_factory.mktemp("case"), path)
        for name, case in CASES.items()
        if name in selected
    }
    pool.shutdown(cancel_futures=True)


def _check(case: Case, folder: Path, path: str) -> None:
    if case["name"] == LOST:
        write(case, folder)
        with pytest.raises(EnvFileInvalid, match="cannot read an env file that defines constructor"):
            child(case, folder, engine="dotenvx", path=path)
    else:
        check(case, folder, engine="dotenvx", path=path)


@pytest.mark.parametrize("name", CASES)
def test_gives_what_its_policy_says(name: str, outcomes: Outcomes) -> None:
    """A recorded case gives the recorded values, or the refusal that its policy asks for."""
    outcomes[name].result()


def test_all_cases_are_here() -> None:
    """All 350 recorded cases are run, under 350 names."""
    assert len(CASES) == len(recorded()) == 350
