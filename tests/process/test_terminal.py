"""On a terminal a command is where a shell would put it: it has the terminal, Ctrl-C and Ctrl-Z are its own."""

from __future__ import annotations

import os
import shlex
import sys
from pathlib import Path

import pytest

if sys.platform == "win32":
    pytest.skip("POSIX terminals", allow_module_level=True)

from tests.commands import script
from tests.ptys import Typist

SHOW = "import os, sys; print(*(os.isatty(i) for i in range(3)), os.tcgetpgrp(0) == os.getpgrp(), sep=' ')"


def test_a_command_has_the_terminal(tmp_path: Path) -> None:
    """Nothing redacted, nothing captured: the command has the terminal in the foreground, the Result no output."""
    body = f"""
        result = runner().run_argv(["python", "-c", {SHOW!r}])
        print((result.stdout, result.stderr, result.exited), os.tcgetpgrp(0) == os.getpgrp())
    """
    with Typist(script(tmp_path, body)) as typist:
        assert typist.finish() == (0, "True True True True\n('', '', 0) True\n")


@pytest.mark.parametrize("asked", ["hide='err'", "out_stream=sys.stdout", "watchers=[Responder('no', 'no')]"])
def test_what_asks_for_capture_gets_pipes(tmp_path: Path, asked: str) -> None:
    """With `hide`, a stream or watchers the command's output is captured, also on a terminal."""
    body = f"""
        from invoke import Responder
        result = run("test -t 1 || echo piped", {asked})
        print(repr(result.stdout))
    """
    with Typist(script(tmp_path, body)) as typist:
        assert typist.finish() == (0, "piped\n'piped\\n'\n")


def test_a_redactor_redacts_on_a_terminal_too(tmp_path: Path) -> None:
    """`mask = "always"`: with a redactor the command gets pipes, and input still comes from the terminal."""
    body = "run('read word; echo $word $TOKEN', redacted=True)"
    with Typist(script(tmp_path, body)) as typist:
        typist.type("typed\n")
        assert typist.expect("***\n").endswith("typed ***\n")
        assert typist.finish()[0] == 0


def test_ctrl_c_reaches_the_command_once(tmp_path: Path) -> None:
    """The command gets one SIGINT and is waited for; killed by it, it takes us along with 130."""
    code = (
        "import signal, time\n"
        "got = []\n"
        "signal.signal(signal.SIGINT, lambda *_: got.append(print('got one', flush=True)))\n"
        "print('ready', flush=True)\n"
        "end = time.monotonic() + 60\n"
        "while not got and time.monotonic() < end: time.sleep(0.01)\n"
        "time.sleep(0.3)\n"  # in which a second one would come
        "signal.signal(signal.SIGINT, signal.SIG_DFL)\n"
        "print('again', flush=True)\n"
        "time.sleep(60)\n"
    )
    body = f"runner().run_argv(['python', '-c', {code!r}], warn=True); print('went on')"
    with Typist(script(tmp_path, body)) as typist:
        typist.expect("ready\n")
        typist.wait_until_lent()
        typist.type("\x03")
        assert typist.expect("again\n").count("got one") == 1
        typist.type("\x03")
        assert typist.finish() == (130, "^C")


def test_a_command_that_ends_well_on_ctrl_c_lets_the_body_go_on(tmp_path: Path) -> None:
    """A command that takes Ctrl-C as its normal end (a server, a pager) does not end the task."""
    body = "run(\"trap 'exit 0' INT; echo ready; while :; do sleep 0.1; done\"); print('went on')"
    with Typist(script(tmp_path, body)) as typist:
        typist.expect("ready\n")
        typist.wait_until_lent()
        typist.type("\x03")
        assert typist.finish() == (0, "^Cwent on\n")


def test_ctrl_c_reaches_a_piped_command(tmp_path: Path) -> None:
    """With its output redacted the command is not in the foreground: Ctrl-C is passed on, a second one kills."""
    body = "run(\"trap 'echo got one' INT; echo ready; while :; do sleep 0.1; done\", redacted=True)"
    with Typist(script(tmp_path, body)) as typist:
        typist.expect("ready\n")
        typist.type("\x03")
        typist.expect("got one\n")
        typist.type("\x03")
        assert typist.finish()[0] == 130


def shell(tmp_path: Path) -> Typist:
    """An interactive shell with job control."""
    typist = Typist(
        ["bash", "--norc", "--noediting", "-i"], env={**os.environ, "PS1": "$ "}, cwd=str(tmp_path)
    )
    typist.expect("$ ")
    return typist


@pytest.mark.parametrize("redacted", [True, False])
def test_ctrl_z_stops_and_fg_goes_on(tmp_path: Path, redacted: bool) -> None:
    """Ctrl-Z stops us and the command as one job of the shell; `fg` continues both, with the terminal."""
    body = f"""run("echo ready; read word; echo got $word", redacted={redacted})"""
    command = shlex.join(script(tmp_path, body))
    with shell(tmp_path) as typist:
        typist.type(f"{command}\n")
        typist.expect("ready\n")
        typist.type("\x1a")
        typist.expect("Stopped")
        typist.expect("$ ")
        typist.type("fg\n")
        typist.expect("script.py\n")
        typist.type("word\n")
        typist.expect("got word\n")
        typist.expect("$ ")
        typist.type("exit 7\n")
        assert typist.finish()[0] == 7


def test_a_command_in_a_pipeline_can_read_the_terminal(tmp_path: Path) -> None:
    """`inv … | cat`: the rest of the pipeline keeps the terminal until the command wants to read from it."""
    body = "run('echo ready; read word; echo got $word', redacted=True)"
    command = shlex.join(script(tmp_path, body))
    with shell(tmp_path) as typist:
        typist.type(f"{command} | cat\n")
        typist.expect("ready\n")
        typist.type("word\n")
        typist.expect("got word\n")
        typist.expect("$ ")
        typist.type("exit 7\n")
        assert typist.finish()[0] == 7


def test_a_pipeline_keeps_ctrl_c(tmp_path: Path) -> None:
    """`inv … | cat`: Ctrl-C ends the whole pipeline, the command included."""
    command = shlex.join(script(tmp_path, "run('echo ready; sleep 60', redacted=True)"))
    with shell(tmp_path) as typist:
        typist.type(f"{command} | cat; echo code ${{PIPESTATUS[*]}}\n")
        typist.expect("ready\n")
        typist.type("\x03")
        typist.expect("$ ")
        typist.type("exit 7\n")
        assert typist.finish()[0] == 7


def test_a_killed_command_does_not_leave_the_terminal_changed(tmp_path: Path) -> None:
    """After a program that had switched off echo was killed, the terminal echoes again."""
    body = """
        import termios
        runner().run_argv(["sh", "-c", "stty -echo; kill -9 $$"], warn=True)
        print(bool(termios.tcgetattr(0)[3] & termios.ECHO))
    """
    with Typist(script(tmp_path, body)) as typist:
        assert typist.finish() == (0, "True\n")


def test_the_terminal_is_there_for_a_pty_as_well(tmp_path: Path) -> None:
    """With `pty=True` what is typed reaches the command, and so does Ctrl-C."""
    body = "run('echo ready; read word; echo got $word; sleep 60', pty=True, redacted=True)"
    with Typist(script(tmp_path, body)) as typist:
        typist.expect("ready\n")
        typist.wait_until_unbuffered()  # Invoke throws away what was typed before it listens
        typist.type("word\n")
        typist.expect("got word\n")
        typist.type("\x03")
        assert typist.finish()[0] == 130
