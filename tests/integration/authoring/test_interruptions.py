"""Writers that are killed, and file systems that refuse: the old file or the new one is there, whole.

ENVTASKS_KILLS sets how many times two writers are killed (default 40).
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.guides import REPOSITORY

pytestmark = [
    pytest.mark.integration,
    pytest.mark.skipif(sys.platform != "linux", reason="forks, and mounts file systems in a namespace"),
]
KILLS = int(os.environ.get("ENVTASKS_KILLS", 40))
SET = """
import json, sys
from pathlib import Path
from envtasks.authoring import find_target, set_value
from envtasks.config import Environment
from envtasks.errors import EnvtasksError

folder, length = Path(sys.argv[1]), int(sys.argv[2])
path = folder / ".env.staging"
before = path.read_bytes()
said = ""
try:
    set_value(find_target(Environment("staging", folder, (path,)), {}), "A", "x" * length, encrypted=False)
except EnvtasksError as error:
    said = str(error)
print(json.dumps([said, path.read_bytes() == before, sorted(each.name for each in folder.iterdir())]))
"""


@pytest.fixture
def folder() -> Iterator[Path]:
    """A folder in memory: each change is synced to the disk."""
    with tempfile.TemporaryDirectory(dir="/dev/shm") as name:
        Path(name).chmod(0o777)
        yield Path(name)


def test_killed_writers_lose_nothing(folder: Path, report: Callable[[str], None]) -> None:
    """Of two writers that are killed at a random moment each value is there, and the next ones go on at once."""
    done = subprocess.run(
        [
            sys.executable,
            "-m",
            "tests.integration.authoring.interrupted",
            str(folder),
            str(KILLS),
            os.urandom(4).hex(),
        ],
        cwd=REPOSITORY,
        env={**os.environ, "PYTHONPATH": os.pathsep.join([str(REPOSITORY), str(REPOSITORY / "src")])},
        capture_output=True,
        encoding="utf-8",
        timeout=60 + KILLS,
        check=False,
    )

    assert done.returncode == 0, done.stderr
    counts = json.loads(done.stdout)
    report(f"two writers killed: {counts}")
    assert counts["kills"] == KILLS


def _tried(folder: Path, *mounts: str, length: int = 1) -> tuple[str, bool, list[str]]:
    """What setting a value says where these are mounted; whether the file is as it was; the names in its folder."""
    if shutil.which("unshare") is None:
        pytest.skip("unshare is not installed")
    line = " && ".join([*mounts, 'exec "$@"'])
    done = subprocess.run(
        [
            *("unshare", "--user", "--map-root-user", "--mount", "sh", "-c", line, "sh"),
            *(sys.executable, "-c", SET, str(folder), str(length)),
        ],
        env={**os.environ, "PYTHONPATH": str(REPOSITORY / "src")},
        capture_output=True,
        encoding="utf-8",
        timeout=60,
        check=False,
    )
    if done.stderr.startswith("unshare:"):
        pytest.skip(f"no namespaces here: {done.stderr.strip()}")
    assert done.returncode == 0, done.stderr
    said, unchanged, names = json.loads(done.stdout)
    return said, unchanged, names


def test_a_full_disk_keeps_the_old_file(folder: Path) -> None:
    """What does not fit is not begun: the error says why, and nothing is left beside the file."""
    fill = f"head -c 20000 /dev/zero | tr '\\0' '#' > {folder}/.env.staging"

    said, unchanged, names = _tried(folder, f"mount -t tmpfs -o size=64k none {folder}", fill, length=60_000)

    assert said == ".env.staging cannot be written, and is as it was: No space left on device."
    assert (unchanged, names) == (True, [".env.staging"])


def test_a_read_only_folder_keeps_the_old_file(folder: Path) -> None:
    """One sentence, and no temporary file anywhere."""
    (folder / ".env.staging").write_text("A=1\n", encoding="utf-8")

    said, unchanged, names = _tried(folder, f"mount --bind -o ro {folder} {folder}")

    assert said == ".env.staging cannot be written, and is as it was: Read-only file system."
    assert (unchanged, names) == (True, [".env.staging"])


def test_a_file_that_is_mounted_by_itself_is_not_replaced(folder: Path) -> None:
    """As with `docker run -v ./.env.staging:/app/.env.staging`: the hint says what to mount instead."""
    (folder / ".env.staging").write_text("A=1\n", encoding="utf-8")
    (folder / "outside").write_text("A=2\n", encoding="utf-8")

    said, unchanged, names = _tried(folder, f"mount --bind {folder}/outside {folder}/.env.staging")

    assert said == (
        ".env.staging cannot be written, and is as it was: it is mounted by itself, so it cannot be replaced.\n"
        "  hint: mount its folder instead of the file"
    )
    assert (unchanged, names) == (True, [".env.staging", "outside"])


@pytest.mark.skipif("os.geteuid() != 0", reason="only root can give a file away")
def test_a_file_of_another_user_stays_theirs(folder: Path) -> None:
    """Its owner could not be kept, although everybody may write it."""
    if sys.platform == "win32":
        raise NotImplementedError
    path = folder / ".env.staging"
    path.write_text("A=1\n", encoding="utf-8")
    path.chmod(0o666)
    os.chown(path, 12345, 12345)

    said, unchanged, names = _tried(folder)

    assert said.startswith(
        ".env.staging cannot be written, and is as it was: it belongs to another user or group."
    )
    assert (unchanged, names, path.stat().st_uid) == (True, [".env.staging"], 12345)
