"""An env file is data: whatever text somebody puts into one, reading it and running a command in it runs none of it."""

from __future__ import annotations

import sys

import pytest

from tests.projects import Sandbox

pytestmark = [
    pytest.mark.integration,
    pytest.mark.skipif(sys.platform == "win32", reason="the texts are a POSIX shell's"),
]
TOUCH = "touch pwned"
LINES = [
    f"A=$({TOUCH})",
    f'A="x $({TOUCH}) y"',
    f"A=`{TOUCH}`",
    f"A=${{B:-$({TOUCH})}}",
    f"$({TOUCH})=1",
    f"A=1; {TOUCH}",
    f"A='\n{TOUCH}\n'",
    f"BASH_ENV='$({TOUCH})'",
    f"ENV='$({TOUCH})'",
    f"PS4='$({TOUCH})'",
    f"PROMPT_COMMAND='{TOUCH}'",
    f"BASH_FUNC_echo%%='() {{ {TOUCH}; }}'",
    f"SHELLOPTS=xtrace\nPS4='$({TOUCH})'",
    "LD_PRELOAD=./evil.so",
    "PYTHONSTARTUP=evil.py",
    "PYTHONPATH=evil",
    "PYTHONBREAKPOINT=evil.run",
    f"GIT_PAGER='{TOUCH}'",
    f"GIT_SSH_COMMAND='{TOUCH}'",
    f"GIT_CONFIG_COUNT=1\nGIT_CONFIG_KEY_0=core.fsmonitor\nGIT_CONFIG_VALUE_0='{TOUCH}'",
    "XDG_CONFIG_HOME=evil",
    f"EDITOR='{TOUCH}'",
    f"LESSOPEN='|{TOUCH}'",
    "PERL5OPT=-Mevil",
    "NODE_OPTIONS=--require=./evil.js",
    f"MAKEFLAGS='--eval=$(shell {TOUCH})'",
    f"TAR_OPTIONS='--checkpoint=1 --checkpoint-action=exec={TOUCH}'",
    "INVOKE_RUN_SHELL=./evil.sh",
    "ENVTASKS_ENGINE=dotenvx",
    "PATH=evil",
]
WORK = "echo hi; bash -xc true; git status -s; python -c pass; make -n -f /dev/null; tar cf /dev/null tasks.py; true"


@pytest.mark.parametrize("lines", LINES, ids=range(len(LINES)))
def test_nothing_in_an_env_file_is_run(sandbox: Sandbox, lines: str) -> None:
    """Listing and showing the environment, and commands in it: refused, or none of the text is run."""
    sandbox.write("evil.py", "open('pwned', 'w')\n")
    sandbox.write("evil/sitecustomize.py", "open('pwned', 'w')\n")
    sandbox.write("evil/git/config", f"[core]\n\tfsmonitor = {TOUCH}\n")
    for name in ("evil.sh", "evil/git", "evil/echo", "evil/bash"):
        if not (sandbox.root / name).exists():
            sandbox.write(name, f"#!/bin/sh\n{TOUCH}\n").chmod(0o755)
    sandbox.environment("local", f"KEEP=1\n{lines}\n")

    for argv in (["env.list"], ["env.show", "--env", "local"], ["exec", "--env", "local", WORK]):
        done = sandbox.inv(*argv)
        assert "Traceback" not in done.stderr

    assert not (sandbox.root / "pwned").exists()
