"""Keys handed over and rotated are nowhere else: not in output, argv, the environment of a child, or a file."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

from envtasks.authoring import find_target, prepare_rotation
from envtasks.config import Project
from tests.authoring.repositories import commit_all, git, needs_git
from tests.projects import Sandbox
from tests.watching import watched_environments, watched_processes

pytestmark = [
    pytest.mark.integration,
    pytest.mark.skipif("not sys.platform.startswith('linux')", reason="samples /proc"),
    needs_git,
]
VALUE = "hunter2-marked-Zq81"
CUSTODY = "import time; time.sleep(0.3); print(open('store/key').read())\n"


@pytest.fixture
def shop(sandbox: Sandbox) -> Sandbox:
    """A project in a git repository whose key only key-command gives; it is slow, so that it is seen."""
    sandbox.environment("staging", "PLAIN=1\n", FIRST=VALUE)
    sandbox.write("custody.py", CUSTODY)
    sandbox.write("store/key", sandbox.private_keys["staging"])
    sandbox.write(
        "pyproject.toml",
        "[tool.envtasks.environments]\n"
        f"staging = {{ files = ['.env.staging'], key-command = {json.dumps([sys.executable, 'custody.py'])} }}\n",
    )
    (sandbox.root / ".env.keys").unlink()
    sandbox.write(".gitignore", "store/\n.env.keys\n__pycache__/\ntmp/\n")
    (sandbox.root / "tmp").mkdir()
    git(sandbox.root, "init", "-q")
    commit_all(sandbox.root)
    return sandbox


def test_no_key_leaves(shop: Sandbox) -> None:
    """From a look at the keys to the end of a rotation, with a diff and a merge, keys are in key files alone."""
    env = {**shop.env, "TMPDIR": str(shop.root / "tmp"), "MARKER": str(shop.root)}
    other = "1f" * 32
    steps: list[tuple[list[str], str | None, int]] = [
        (["env.git-setup"], None, 0),
        (["env.keys", "--env", "staging"], None, 0),
        (["env.keys", "--env", "staging", "--json"], None, 0),
        (["env.keys", "--env", "staging", "--import"], other, 4),
        (["env.keys", "--env", "staging", "--import"], shop.private_keys["staging"], 0),
        (["env.keys", "--env", "staging", "--export"], None, 6),
        (["env.rotate", "--env", "staging", "--prepare"], None, 0),
        (["env.rotate", "--env", "staging", "--json"], None, 0),
        (["env.rotate", "--env", "staging", "--finish"], None, 6),
        (["env.rotate", "--env", "staging", "--finish", "--keep-old"], None, 0),
        (["env.rotate", "--env", "staging", "--now", "--yes"], None, 0),
        (["env.list"], None, 0),
        (["env.show", "--env", "staging"], None, 0),
    ]
    output = b""
    with watched_processes() as argv, watched_environments(str(shop.root).encode()) as environments:
        for words, value, code in steps:
            done = shop.inv_with_input(value, *words, **env)
            assert (words, done.returncode) == (words, code), done.stdout
            output += done.stdout
        output += git(shop.root, "diff").encode()

    key_file = (shop.root / ".env.keys").read_text()
    keys = {word for line in key_file.splitlines() for word in line.partition("=")[2].split(",") if word}
    assert len(keys) == 3
    assert any(b"custody.py" in line for line in argv), "the sampler saw no key-command"
    texts = {"output": output, "argv": b"\n".join(argv), "environments": b"\n".join(environments)}
    left = [*shop.root.rglob("*"), *Path(env["HOME"]).rglob("*")]
    places = (shop.root / ".env.keys", shop.root / "store" / "key")
    texts |= {str(path): path.read_bytes() for path in left if path.is_file() and path not in places}
    secret = [*keys, other, shop.private_keys["staging"], VALUE]
    found = [(where, form[:4]) for where, text in texts.items() for form in secret if form.encode() in text]
    assert (found, list((shop.root / "tmp").iterdir())) == ([], [])


def test_an_exported_key_is_in_the_named_file_alone(shop: Sandbox) -> None:
    """Neither argv nor output has a key that goes into a file, and nothing but the key goes into a pipe."""
    target = find_target(Project.load(shop.root).environment("staging"), dict(shop.env))
    prepare_rotation(Project.load(shop.root), target)

    with watched_processes() as argv:
        done = shop.inv("env.keys", "--env", "staging", "--export", "store/out")
        piped = shop.inv("env.keys", "--env", "staging", "--export", "-")

    written = (shop.root / "store" / "out").read_text()
    keys = written.split("\n")
    assert (len(keys), piped.stdout, piped.stderr) == (2, written, "")
    assert not any(key in done.stdout + done.stderr for key in keys)
    assert not any(key.encode() in line for key in keys for line in argv)
