"""Signals reach the command and everything it started, and nothing is left behind."""

from __future__ import annotations

import ctypes
import os
import signal
import subprocess
import sys
import uuid
from pathlib import Path
from typing import Any

import pytest

if sys.platform == "win32":
    pytest.skip("POSIX process groups and signals", allow_module_level=True)

from envtasks.process import signals
from tests.commands import read_line, start, wait_until_none_is_left, zombies
from tests.deadlines import SECONDS, wait_until

GRACEFUL = """
import signal, sys, time
def end(*_):
    time.sleep(0.3)
    print("ended well", flush=True)
    sys.exit(0)
signal.signal(signal.SIGTERM, end)
print("ready", flush=True)
for _ in range(600):  # not sleep(60): a signal that comes right before a sleep is handled after it, as always in Python
    time.sleep(0.1)
"""


def test_the_suite_resets_signals_that_it_inherits() -> None:
    """Started with `nohup` or `&`, the suite gives signals their usual meaning, or the tests here would hang."""
    code = """
import signal
for number in (signal.SIGINT, signal.SIGHUP, signal.SIGQUIT):
    signal.signal(number, signal.SIG_IGN)
signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM})
from tests.conftest import reset_signals
reset_signals()
print(signal.getsignal(signal.SIGINT) is signal.default_int_handler, signal.getsignal(signal.SIGHUP) is signal.SIG_DFL)
print(signal.pthread_sigmask(signal.SIG_BLOCK, ()))
"""
    root = Path(__file__).parents[2]
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=root, capture_output=True, text=True, check=True, timeout=SECONDS
    )
    assert done.stdout == "True True\nset()\n"


@pytest.fixture
def marker() -> str:
    """A text that only processes of this test have on their command line."""
    return f"marker-{uuid.uuid4().hex}"


@pytest.mark.parametrize("redacted", [True, False])
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT])
def test_a_signal_ends_the_whole_tree(tmp_path: Path, marker: str, number: int, redacted: bool) -> None:
    """TERM, HUP and QUIT sent to us end the shell, its children and theirs; we end after them, with 128+N."""
    line = f"sh -c 'sleep 60; : {marker}' & sh -c 'echo ready; sleep 60; : {marker}'"
    with start(tmp_path, f"run({line!r}, redacted={redacted})") as process:
        os.kill(process.pid, number)
        assert process.wait(SECONDS) == 128 + number
    wait_until_none_is_left(marker)


def test_a_command_that_ends_slowly_is_waited_for(tmp_path: Path) -> None:
    """After TERM we end when the command has, its last words printed, and the task's body does not go on."""
    body = f"""
        runner().run_argv(["python", "-c", {GRACEFUL!r}])
        print("went on")
    """
    with start(tmp_path, body) as process:
        os.kill(process.pid, signal.SIGTERM)
        assert process.communicate(timeout=SECONDS)[0] == b"ended well\n"
        assert process.returncode == 143


def test_those_behind_the_shell_are_waited_for(tmp_path: Path) -> None:
    """A shell dies of TERM at once, and what it has started may need longer: that is waited for as well."""
    program = tmp_path / "graceful.py"
    program.write_text(GRACEFUL, encoding="utf-8")
    with start(tmp_path, f"run('{sys.executable} {program}; echo not reached')") as process:
        os.kill(process.pid, signal.SIGTERM)
        assert process.communicate(timeout=SECONDS)[0] == b"ended well\n"
        assert process.returncode == 143


def test_what_ignores_a_signal_is_killed_in_the_end(tmp_path: Path, marker: str) -> None:
    """What the shell has started and does not end on TERM is killed when its time is over."""
    line = f"sh -c 'trap \"\" TERM; echo ready; while :; do sleep 1; done; : {marker}' & sleep 60"
    body = f"""
        from envtasks.process import signals
        signals.GRACE = 0.2
        run({line!r})
    """
    with start(tmp_path, body) as process:
        os.kill(process.pid, signal.SIGTERM)
        assert process.wait(SECONDS) == 143
    wait_until_none_is_left(marker)


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux lets a process adopt orphans")
def test_the_dead_are_not_waited_for(tmp_path: Path) -> None:
    """Where the first process of a container never waits for orphans, their remains do not hold up the end."""
    adopts_orphans = 36
    ctypes.CDLL(None).prctl(adopts_orphans, 1)
    try:
        body = """
            from envtasks.process import signals
            signals.GRACE = 3600
            run('sleep 60 & sleep 60 & echo ready; wait')
        """
        with start(tmp_path, body) as process:
            os.kill(process.pid, signal.SIGTERM)
            assert process.wait(SECONDS) == 143
    finally:
        ctypes.CDLL(None).prctl(adopts_orphans, 0)


def test_cleaning_up_after_a_signal_runs(tmp_path: Path) -> None:
    """A `finally` of the task runs after TERM, and may run commands."""
    body = """
        try:
            run("echo ready; sleep 60")
        finally:
            run("echo cleaned up")
    """
    with start(tmp_path, body) as process:
        os.kill(process.pid, signal.SIGTERM)
        assert process.communicate(timeout=SECONDS)[0] == b"cleaned up\n"
        assert process.returncode == 143


def test_the_body_s_own_signal_handling_is_as_before(tmp_path: Path) -> None:
    """When the command has ended, signals mean what they meant before."""
    body = """
        import signal
        numbers = [signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT, signal.SIGTSTP, signal.SIGCHLD]
        before = [signal.getsignal(n) for n in numbers]
        run("true")
        print("ready")
        print([signal.getsignal(n) for n in numbers] == before, signal.set_wakeup_fd(-1))
    """
    with start(tmp_path, body) as process:
        assert process.communicate(timeout=SECONDS)[0] == b"True -1\n"


COUNTING = """
import signal, sys, time
count = 0
def again(*_):
    global count
    count += 1
    print("interrupt", count, flush=True)
signal.signal(signal.SIGINT, again)
print("ready", flush=True)
end = time.monotonic() + 60
while time.monotonic() < end:
    time.sleep(0.05)
    if count and sys.argv[1] != "on":
        end = min(end, time.monotonic() + 0.3)  # in which a second one would come
sys.exit(5)
"""


LOOP = "while :; do sleep 0.05; done"
CAPTURED = [
    "",
    "hide=True",
    "redacted=True",
    "out_stream=open(os.devnull, 'w')",
    "pty=True",
    "redacted=True, pty=True",
]


@pytest.mark.parametrize("how", CAPTURED)
@pytest.mark.parametrize(
    ("ending", "waiting", "expected"),
    [
        ("trap 'exit 0' INT", LOOP, (b"went on 0\n", 0)),
        ("trap 'exit 5' INT", LOOP, (b"went on 5\n", 0)),
        ("trap 'exit 130' INT", LOOP, (b"", 130)),
        # a shell that waits for a child goes on if that one does not end by SIGINT
        (":", "exec sleep 60", (b"", 130)),
    ],
)
def test_an_interrupt_ends_us_if_it_has_ended_the_command(
    tmp_path: Path, how: str, ending: str, waiting: str, expected: tuple[bytes, int]
) -> None:
    """A command that handles SIGINT and ends by itself lets the body go on, however its output is captured."""
    started = tmp_path / "started"
    line = f"{ending}; : > {started}; {waiting}"  # `touch` would be a child that the shell waits for
    body = f"""
        print("ready", flush=True)
        result = run({line!r}, warn=True, in_stream=False{how and ", " + how})
        print("went on", result.exited)
    """
    with start(tmp_path, body) as process:
        wait_until(started.exists, "the command's trap")
        os.kill(process.pid, signal.SIGINT)
        output = process.communicate(timeout=SECONDS)[0]
        assert (output.replace(b"^C", b"").replace(b"\r", b"")[-10:], process.returncode) == expected


def test_an_interrupt_is_passed_on_once(tmp_path: Path) -> None:
    """SIGINT reaches the command once, and the command is waited for."""
    body = f"""
        result = runner(True).run_argv(["python", "-c", {COUNTING!r}, "one"], warn=True)
        print("ended with", result.exited)
    """
    with start(tmp_path, body) as process:
        os.kill(process.pid, signal.SIGINT)
        assert process.communicate(timeout=SECONDS)[0] == b"interrupt 1\nended with 5\n"


def test_an_end_is_not_forgotten_for_an_interrupt(tmp_path: Path) -> None:
    """TERM after a Ctrl-C that the command has handled ends us all the same."""
    body = """
        run("trap 'echo handled' INT; trap 'exit 0' TERM; echo ready; while :; do sleep 0.05; done", redacted=True)
        print("went on")
    """
    with start(tmp_path, body) as process:
        os.kill(process.pid, signal.SIGINT)
        assert read_line(process) == b"handled\n"
        os.kill(process.pid, signal.SIGTERM)
        assert b"went on" not in process.communicate(timeout=SECONDS)[0]
        assert process.returncode == 143


@pytest.mark.parametrize("how", ["", "redacted=True", "pty=True"])
@pytest.mark.parametrize(
    "numbers",
    [(signal.SIGTERM, signal.SIGTERM), (signal.SIGHUP, signal.SIGTERM), (signal.SIGHUP, signal.SIGHUP)],
)
def test_a_command_that_ignores_two_signals_is_killed(
    tmp_path: Path, marker: str, how: str, numbers: tuple[int, int]
) -> None:
    """After a second TERM or HUP what ignores both is killed once its time is over."""
    started = tmp_path / "started"
    line = f"trap '' TERM HUP; touch {started}; while :; do sleep 0.05; done; : {marker}"
    body = f"""
        from envtasks.process import signals
        signals.GRACE = 0.2
        print("ready", flush=True)
        run({line!r}, in_stream=False{how and ", " + how})
    """
    with start(tmp_path, body) as process:
        wait_until(started.exists, "the command's trap")
        for number in numbers:
            os.kill(process.pid, number)
            wait_until(
                lambda: process.poll() is not None or _sigpending(process.pid) == 0, "the signal's arrival"
            )
        assert process.wait(SECONDS) == 128 + numbers[0]
    wait_until_none_is_left(marker)


def _sigpending(pid: int) -> int:
    """The signals that a process has yet to take."""
    status = Path(f"/proc/{pid}/status").read_text(encoding="utf-8")
    return int(status.partition("ShdPnd:")[2].split()[0], 16)


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="/proc")
def test_a_process_that_ends_while_all_are_looked_at_is_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    """Linux answers ESRCH, not ENOENT, for a file of a process that ends just then."""
    real = os.stat

    def ended(path: Any, **options: Any) -> os.stat_result:
        if str(path).endswith("/stat"):
            raise ProcessLookupError(3, "No such process", path)
        return real(path, **options)

    monkeypatch.setattr(os, "stat", ended)
    assert os.getpgrp() in [group for _, group in signals._process_states()]


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="/proc")
def test_without_proc_no_process_is_known(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where /proc is not mounted, as in some chroots, a signal ends a command without an error of ours."""

    def missing(path: object) -> list[str]:
        raise FileNotFoundError(2, "No such file or directory", path)

    monkeypatch.setattr(os, "listdir", missing)
    assert list(signals._process_states()) == []


def test_one_signal_leaves_a_command_all_its_time(tmp_path: Path) -> None:
    """A command that needs longer than the grace period to end after one TERM is waited for."""
    body = """
        from envtasks.process import signals
        signals.GRACE = 0.1
        run("trap 'sleep 0.5; echo ended well; exit 0' TERM; echo ready; while :; do sleep 0.05; done", redacted=True)
    """
    with start(tmp_path, body) as process:
        os.kill(process.pid, signal.SIGTERM)
        assert process.communicate(timeout=SECONDS)[0].endswith(b"ended well\n")


def test_a_second_interrupt_kills(tmp_path: Path, marker: str) -> None:
    """A command that goes on after SIGINT is killed by the next one."""
    with start(
        tmp_path, f"runner(True).run_argv(['python', '-c', {COUNTING!r}, 'on', {marker!r}])"
    ) as process:
        os.kill(process.pid, signal.SIGINT)
        assert read_line(process) == b"interrupt 1\n"
        os.kill(process.pid, signal.SIGINT)
        assert process.wait(SECONDS) == 130
    wait_until_none_is_left(marker)


def test_a_signal_while_the_body_works_ends_background_commands(tmp_path: Path, marker: str) -> None:
    """TERM while asynchronous commands run and the body does something else ends both."""
    body = f"""
        promise = run("sh -c 'sleep 60; : {marker}'", asynchronous=True)
        print("ready")
        for _ in range(600):
            time.sleep(0.1)
    """
    with start(tmp_path, body) as process:
        os.kill(process.pid, signal.SIGTERM)
        assert process.wait(SECONDS) == 143
    wait_until_none_is_left(marker)


def test_commands_in_threads_are_ended_too(tmp_path: Path, marker: str) -> None:
    """TERM while the body's threads run commands ends those commands, if something runs in the main thread."""
    body = f"""
        import threading
        line = "sh -c 'touch {tmp_path}/started; sleep 60; : {marker}'"
        threading.Thread(target=run, args=(line,), daemon=True).start()
        run("until test -e {tmp_path}/started; do sleep 0.01; done; echo ready; sleep 60")
    """
    with start(tmp_path, body) as process:
        os.kill(process.pid, signal.SIGTERM)
        assert process.wait(SECONDS) == 143
    wait_until_none_is_left(marker)


def test_what_is_ignored_stays_ignored(tmp_path: Path) -> None:
    """Under nohup a hangup reaches neither us nor the command."""
    body = f"""
        import signal
        signal.signal(signal.SIGHUP, signal.SIG_IGN)
        run("echo ready; until test -e {tmp_path}/sent; do sleep 0.01; done; sleep 0.1; echo still here")
    """
    with start(tmp_path, body) as process:
        os.kill(process.pid, signal.SIGHUP)
        (tmp_path / "sent").touch()
        assert process.communicate(timeout=SECONDS)[0] == b"still here\n"
        assert process.returncode == 0


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGSEGV])
def test_a_command_that_a_signal_has_killed_gives_128_and_its_number(tmp_path: Path, number: int) -> None:
    """The exit code for a killed command is a shell's: 128+N."""
    with start(tmp_path, f"run('echo ready; kill -{number} $$')") as process:
        assert process.wait(SECONDS) == 128 + number


def test_no_zombie_is_left_while_we_run(tmp_path: Path) -> None:
    """Commands that have ended, disowned ones too, are waited for."""
    body = """
        run("true"); run("true", disown=True); run("true", asynchronous=True).join()
        print("ready")
        time.sleep(60)
    """
    with start(tmp_path, body) as process:
        wait_until(lambda: not zombies(process.pid), "the end of all zombies")
        process.kill()


def test_a_stopped_reader_of_our_output_stops_the_command(tmp_path: Path, marker: str) -> None:
    """`inv … | head -1`: when nobody reads any more the command ends by SIGPIPE, and nobody complains."""
    with start(tmp_path, f"run('echo ready; yes {marker}', redacted=True)") as process:
        assert process.stdout is not None
        process.stdout.close()
        assert process.wait(SECONDS) == 141
    wait_until_none_is_left(marker)
