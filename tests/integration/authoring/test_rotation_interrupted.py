"""Rotations killed at random moments: no file damaged, no value lost, and the next call goes on at once."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from envtasks.authoring import describe_keys, find_target, rotate
from envtasks.config import Project
from envtasks.envfiles import encrypt, generate_keys
from envtasks.hydration import hydrate
from tests.deadlines import ended

pytestmark = [
    pytest.mark.integration,
    pytest.mark.skipif(sys.platform == "win32", reason="SIGKILL"),
]

KILLS = int(os.environ.get("ENVTASKS_KILLS", "12"))
NAMES = ("a", "b", "c")
VALUES = {f"V{number}": f"value {number} with $ and 'quotes'" for number in range(6)}
ROTATE = """
import sys
from pathlib import Path
from envtasks.authoring import find_target, finish_rotation, prepare_rotation, rotate
from envtasks.config import Project

project = Project.load(Path(sys.argv[1]))
target = find_target(project.environment("b"), {})
rotate(project, target, prepare=True)  # what an earlier process left is done before
print("ready", flush=True)
while True:
    finish_rotation(project, target)
    prepare_rotation(project, target)
    rotate(project, target)
"""


@pytest.fixture
def shop(tmp_path: Path) -> Path:
    """Three environments with six secrets each, all under one key."""
    private, public = generate_keys()
    for name in NAMES:
        lines = [f"DOTENV_PUBLIC_KEY={public}"]
        lines += [f"{key}='{encrypt(value, public)}'" for key, value in VALUES.items()]
        (tmp_path / f".env.{name}").write_text("\n".join(lines) + "\n")
    (tmp_path / ".env.keys").write_text(f"DOTENV_PRIVATE_KEY={private}\n")
    (tmp_path / ".env.keys").chmod(0o600)
    return tmp_path


def values_open(project: Project) -> bool:
    """Whether each environment gives its values with the key file as it is."""
    for name in NAMES:
        hydrated = hydrate(project.environment(name), {})
        if {key: hydrated[key] for key in VALUES} != VALUES:
            return False
    return True


def test_a_rotation_can_be_killed_at_any_moment(shop: Path) -> None:
    """Prepare, rotate and finish run in a loop until they are killed, again and again."""
    project = Project.load(shop)
    moments = random.Random(20261125)
    between = 0
    for _ in range(KILLS):
        process = subprocess.Popen(
            [sys.executable, "-c", ROTATE, str(shop)], stdout=subprocess.PIPE, encoding="utf-8"
        )
        assert process.stdout is not None
        with process.stdout as output:
            assert ended(output.readline) == "ready\n"
            time.sleep(moments.uniform(0, 0.4))
            process.send_signal(signal.SIGKILL)  # type: ignore[attr-defined,unused-ignore]
            process.wait(timeout=60)

        assert values_open(project)
        between += len({describe_keys(project.environment(name), {})[0].public_key for name in NAMES}) > 1

    target = find_target(project.environment("a"), {})
    rotate(project, target, prepare=True)  # the locks are free
    assert len({describe_keys(project.environment(name), {})[0].public_key for name in NAMES}) == 1
    assert values_open(project)
    expected = {".env.keys", ".gitignore", *(f".env.{name}" for name in NAMES)}
    left = sorted({path.name for path in shop.iterdir()} - expected)
    assert [name for name in left if not name.endswith(".envtasks-tmp")] == []
    print(f"{KILLS} kills, {between} of them between two files; left: {left}")
