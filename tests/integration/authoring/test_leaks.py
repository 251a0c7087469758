"""Changing env files shows no secret: not in output, argv, the environment of a child, or a file left behind."""

from __future__ import annotations

import base64
import subprocess
from pathlib import Path

import pytest

from tests.projects import Sandbox
from tests.watching import watched_environments, watched_processes

pytestmark = [
    pytest.mark.integration,
    pytest.mark.skipif("not sys.platform.startswith('linux')", reason="samples /proc"),
]
FIRST, SECOND = "hunter2-marked-Zq81/+x", "second-marked-line 'q'\nthird-marked-line"
EDITOR = (
    '#!/bin/sh\nsleep 0.2\nsed \'s/^PLAIN=.*/PLAIN=2/; s/Zq81/Zq82/\' "$1" > "$1.new" && mv "$1.new" "$1"\n'
)


@pytest.fixture
def shop(sandbox: Sandbox) -> Sandbox:
    """A project in a git repository, with an editor that sleeps, so that it is seen."""
    sandbox.environment("staging", "PLAIN=1\n", FIRST="other")
    sandbox.write("bin/mine", EDITOR).chmod(0o755)
    subprocess.run(["git", "init", "-q"], cwd=sandbox.root, check=True)
    (sandbox.root / "tmp").mkdir()
    return sandbox


def _forms() -> list[bytes]:
    values = [FIRST, SECOND, *SECOND.split("\n"), FIRST.replace("Zq81", "Zq82")]
    plain = [value.encode() for value in values]
    return [*plain, *(base64.b64encode(value) for value in plain)]


def test_no_secret_leaves(shop: Sandbox) -> None:
    """Set, edited, encrypted and removed, also with an error, a secret is nowhere but in the env file, encrypted."""
    key = shop.private_keys["staging"]
    env = {
        **shop.env,
        "EDITOR": str(shop.root / "bin" / "mine"),
        "TMPDIR": str(shop.root / "tmp"),
        "XDG_RUNTIME_DIR": str(shop.root / "tmp"),
        "DOTENV_PRIVATE_KEY_STAGING": key,
        "MARKER": str(shop.root),
    }
    steps: list[tuple[list[str], str | None, int]] = [
        (["env.set", "FIRST"], FIRST, 0),
        (["env.set", "SECOND"], SECOND, 0),
        (["env.set", "THIRD", "--plain"], f"{FIRST}\r ", 3),
        (["env.set", "1BAD"], FIRST, 3),
        (["env.edit"], None, 0),
        (["env.encrypt"], None, 0),
        (["env.unset", "SECOND"], None, 0),
    ]
    output = b""
    with watched_processes() as argv, watched_environments(str(shop.root).encode()) as environments:
        for words, value, code in steps:
            done = shop.inv_with_input(value, *words, "--env", "staging", **env)
            assert (words, done.returncode) == (words, code), done.stdout
            output += done.stdout

    children = [text for text in environments if b"EDITOR" in text and key.encode() not in text]
    assert any(b"bin/mine" in line for line in argv), "the sampler saw no editor"
    assert children, "the sampler saw no environment of a child"
    texts = {"output": output, "argv": b"\n".join(argv), "environments": b"\n".join(environments)}
    texts |= {str(path): path.read_bytes() for path in shop.root.rglob("*") if path.is_file()}
    texts |= {str(path): path.read_bytes() for path in Path(env["HOME"]).rglob("*") if path.is_file()}
    found = [(where, form[:4]) for where, text in texts.items() for form in _forms() if form in text]
    assert (found, list((shop.root / "tmp").iterdir())) == ([], [])
    assert shop.inv("env.get", "FIRST", "--env", "staging").stdout == FIRST.replace("Zq81", "Zq82")
