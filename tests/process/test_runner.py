"""Commands run in a given environment, with their output redacted, as Invoke promises."""

from __future__ import annotations

import contextlib
import hashlib
import io
import json
import os
import subprocess
import sys
import textwrap
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from invoke.config import Config
from invoke.context import Context
from invoke.exceptions import CommandTimedOut, Failure, UnexpectedExit
from invoke.runners import Promise, Result
from invoke.watchers import FailingResponder, Responder

from envtasks.errors import EnvtasksError, ToolMissing
from envtasks.process import Runner
from envtasks.redaction import Patterns, Redactor
from tests.deadlines import SECONDS, wait_until
from tests.watching import is_running

SECRET = "s3cret-value"
posix = pytest.mark.skipif(sys.platform == "win32", reason="POSIX shells and signals")


def runner(context: Context | None = None, /, *, secrets: Sequence[str] = (SECRET,), **env: str) -> Runner:
    """A runner whose commands see this process's variables and TOKEN."""
    return Runner(
        context or Context(), child_env={**os.environ, "TOKEN": SECRET, **env}, redactor=Redactor(secrets)
    )


def python(code: str, *args: str, using: Runner | None = None, **kwargs: Any) -> Result:
    """Run Python code as a command."""
    return (using or runner()).run_argv(["python", "-c", textwrap.dedent(code), *args], **kwargs)


def test_output_is_redacted_and_the_result_is_real(capfd: pytest.CaptureFixture[str]) -> None:
    """Both streams are printed with the mask in place of the secret; Result holds what the command really printed."""
    result = python(
        "import os, sys; print(os.environ['TOKEN']); print('err', os.environ['TOKEN'], file=sys.stderr)"
    )
    assert (result.stdout, result.stderr, result.exited) == (f"{SECRET}\n", f"err {SECRET}\n", 0)
    assert tuple(map(str.split, capfd.readouterr())) == (["***"], ["err", "***"])


def test_without_a_redactor_output_is_as_it_is(capfd: pytest.CaptureFixture[str]) -> None:
    """No redactor, no mask."""
    python("import os; print(os.environ['TOKEN'])", using=runner(secrets=()))
    assert capfd.readouterr().out.strip() == SECRET


ALTERNATING = """
import os
for i in range(200):
    os.write(1 + i % 2, f"{i}\\n".encode())
"""


@pytest.mark.parametrize("secrets", [(), (SECRET,)])
def test_lines_stay_in_order_where_both_streams_are_one(tmp_path: Path, secrets: tuple[str, ...]) -> None:
    """Where stdout and stderr of this process are one file, lines keep their order, and Result.stdout has them all."""
    code = f"""
        from invoke import Context
        from envtasks.process import Runner
        from envtasks.redaction import Redactor
        result = Runner(Context(), redactor=Redactor({secrets!r})).run_argv(["python", "-c", {ALTERNATING!r}])
        print(len(result.stdout.split()), repr(result.stderr))
    """
    with (tmp_path / "out").open("w+", encoding="utf-8") as out:
        subprocess.run([sys.executable, "-c", textwrap.dedent(code)], stdout=out, stderr=out, check=True)
        out.seek(0)
        assert out.read().split() == [*map(str, range(200)), "200", "''"]


@pytest.mark.parametrize("asked", [{"hide": True}, {"watchers": [Responder("no", "")]}])
def test_capture_that_is_asked_for_keeps_streams_apart(asked: dict[str, Any]) -> None:
    """What a body asks to capture it gets by stream; what it gives one stream for comes in order."""
    both = io.StringIO()
    result = python(ALTERNATING, using=runner(secrets=()), in_stream=False, **asked)
    assert (result.stdout.split()[:2], result.stderr.split()[:2]) == (["0", "2"], ["1", "3"])
    merged = python(ALTERNATING, using=runner(secrets=()), out_stream=both, err_stream=both)
    assert both.getvalue().split() == merged.stdout.split() == [*map(str, range(200))]


def test_hide_prints_nothing(capfd: pytest.CaptureFixture[str]) -> None:
    """`hide` keeps the output for the Result alone, one stream or both."""
    code = "import sys; print('out'); print('err', file=sys.stderr)"
    both, err = python(code, hide=True), python(code, hide="err")
    assert [(r.stdout, r.stderr) for r in (both, err)] == [("out\n", "err\n")] * 2
    assert tuple(map(str.strip, capfd.readouterr())) == ("out", "")


@pytest.mark.parametrize("code", [1, 3, 127, 255])
def test_the_exit_code_passes_through(code: int) -> None:
    """A command's own exit code is that of the Result and of UnexpectedExit."""
    assert python(f"raise SystemExit({code})", warn=True).exited == code
    with pytest.raises(UnexpectedExit) as caught:
        python(f"raise SystemExit({code})")
    assert caught.value.result.exited == code


def test_no_message_shows_a_secret() -> None:
    """The text of UnexpectedExit, the Result, its tail, its repr and its command have the mask."""
    with pytest.raises(UnexpectedExit) as caught:
        python(f"import os; print(os.environ['TOKEN']); raise SystemExit('{SECRET}')", hide=True)
    result = caught.value.result
    texts = [str(caught.value), repr(caught.value), str(result), repr(result), result.command]
    texts += [result.tail("stdout"), result.tail("stderr")]
    assert [SECRET in text for text in texts] == [False] * 7
    assert ["***" in text for text in texts] == [True] * 7
    assert result.stdout.strip() == SECRET


def test_a_command_without_output_makes_no_search() -> None:
    """The search for secrets is made when the first output comes, not for each command."""

    class Unused(Redactor):
        def _search(self) -> Patterns:
            raise AssertionError("the search was made")

    using = Runner(Context(), child_env={**os.environ, "TOKEN": SECRET}, redactor=Unused([SECRET]))
    assert python("import sys; sys.exit(3)", SECRET, using=using, warn=True).exited == 3


def test_the_command_of_a_promise_is_redacted() -> None:
    """A Promise, which knows its command, does not show a secret in it."""
    promise = runner().start_argv(["python", "-c", "", SECRET])
    assert (SECRET in repr(promise), "***" in repr(promise)) == (False, True)
    promise.join()


def test_echo_redacts_and_dry_runs_nothing(capfd: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    """`echo` prints the command with the mask; `dry` prints it and starts nothing."""
    python("import sys; open(sys.argv[1], 'w')", str(tmp_path / "made"), SECRET, dry=True)
    assert not (tmp_path / "made").exists()
    python("import sys; open(sys.argv[1], 'w')", str(tmp_path / "made"), SECRET, echo=True)
    assert (tmp_path / "made").exists()
    out = capfd.readouterr().out
    assert (out.count("***"), SECRET in out) == (2, False)


def test_a_command_gets_exactly_the_child_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is only in this process's environment does not reach the command; `env=` is put on top."""
    monkeypatch.setenv("ONLY_HERE", "1")
    given = {name: os.environ[name] for name in ("PATH", "SYSTEMROOT") if name in os.environ} | {
        "A": "1",
        "B": "",
    }
    using = Runner(Context(), child_env=given)
    shown = python(
        "import json, os; print(json.dumps(dict(os.environ)))", using=using, env={"A": "2"}, hide=True
    )
    got = json.loads(shown.stdout)
    expected = {**given, "A": "2"} | ({"PYTHONUTF8": "1"} if sys.platform == "win32" else {})
    assert {name: got.get(name) for name in {*expected, "ONLY_HERE"}} == {**expected, "ONLY_HERE": None}


@pytest.mark.parametrize("replace_env", [False, True])
def test_a_variable_that_is_none_is_removed(replace_env: bool) -> None:
    """`env={"NAME": None}` takes the variable from the command's environment."""
    code = "import os; print('TOKEN' in os.environ, os.environ.get('B'))"
    path = {name: os.environ[name] for name in ("PATH", "SYSTEMROOT") if name in os.environ}
    env = {"TOKEN": None, "B": "1", **path}
    shown = python(code, env=env, replace_env=replace_env, hide=True)
    assert shown.stdout == "False 1\n"


def test_replace_env_leaves_only_what_is_given() -> None:
    """`replace_env=True` means the call's own `env` and nothing else."""
    env = {name: os.environ[name] for name in ("PATH", "SYSTEMROOT") if name in os.environ} | {"A": "1"}
    shown = python(
        "import os; print('TOKEN' in os.environ, os.environ['A'])", env=env, replace_env=True, hide=True
    )
    assert shown.stdout == "False 1\n"


def test_without_a_child_environment_a_command_gets_this_process_s(monkeypatch: pytest.MonkeyPatch) -> None:
    """A plain task's commands see `os.environ`, as in plain Invoke."""
    monkeypatch.setenv("ONLY_HERE", "1")
    assert (
        python("import os; print(os.environ['ONLY_HERE'])", using=Runner(Context()), hide=True).stdout
        == "1\n"
    )


@pytest.mark.parametrize("source", ["process", "child_env", "env", "replace_env"])
def test_no_command_gets_a_private_key(monkeypatch: pytest.MonkeyPatch, source: str) -> None:
    """Private keys of env files are taken out of a command's environment, wherever it comes from."""
    keys = {"DOTENV_PRIVATE_KEY": "a" * 64, "DOTENV_PRIVATE_KEY_STAGING": "b" * 64}
    for name, value in keys.items() if source == "process" else ():
        monkeypatch.setenv(name, value)
    child_env = {**os.environ, **keys} if source == "child_env" else None
    given = {**os.environ, **keys} if source.endswith("env") and child_env is None else {}
    code = "import os; print([name for name in os.environ if name.upper().startswith('DOTENV_PRIVATE_KEY')])"
    using = Runner(Context(), child_env=child_env)
    assert (
        python(code, using=using, env=given, replace_env=source == "replace_env", hide=True).stdout == "[]\n"
    )


def test_arguments_arrive_as_they_are() -> None:
    """No shell reads the arguments of `run_argv`: blanks, quotes, $, *, backslashes and line breaks stay."""
    words = [
        "",
        "a b",
        "$HOME",
        "*",
        "'x'",
        '"y"',
        "back\\slash\\",
        "two\nlines",
        "%PATH%",
        "ä✓",
        "&",
        "--",
        "-c",
    ]
    shown = python("import sys, json; print(json.dumps(sys.argv[1:]))", *words, hide=True)
    assert json.loads(shown.stdout) == words


def test_python_is_this_interpreter() -> None:
    """`python` starts the interpreter that runs the tasks, whatever PATH says."""
    assert (
        python("import sys; print(sys.prefix)", using=runner(PATH=""), hide=True).stdout.strip() == sys.prefix
    )


def test_a_missing_program_is_named() -> None:
    """A program that is not on the command's own PATH is a ToolMissing that names it."""
    with pytest.raises(ToolMissing) as caught:
        runner().run_argv(["no-such-program", "x"])
    assert (
        caught.value.message == "The program no-such-program was not found on the PATH of this environment."
    )


@posix
def test_programs_are_looked_up_on_the_path_of_the_command(tmp_path: Path) -> None:
    """PATH of the environment counts, not that of this process."""
    program = tmp_path / "only-there"
    program.write_text("#!/bin/sh\necho found\n", encoding="utf-8")
    program.chmod(0o755)
    assert runner(PATH=f"{tmp_path}").run_argv(["only-there"], hide=True).stdout == "found\n"


@posix
def test_a_shell_line_is_the_shell_s(capfd: pytest.CaptureFixture[str]) -> None:
    """`run` gives the line to a shell: variables and pipes work, and an unknown command is the shell's 127."""
    assert runner().run("echo $TOKEN | tr s S", hide=True).stdout == "S3cret-value\n"
    assert runner().run("no-such-program", warn=True, hide=True).exited == 127


@posix
def test_a_shell_that_is_not_there_is_named() -> None:
    """An absent shell is a ToolMissing with what to do, not a traceback."""
    with pytest.raises(
        ToolMissing, match=r"The shell /no/such/shell, which c.run\(\) starts, is not on this system"
    ):
        runner().run("true", shell="/no/such/shell")


def test_output_that_is_no_text_does_no_harm(capfd: pytest.CaptureFixture[str]) -> None:
    """Bytes that are no UTF-8 become replacement characters in the Result; a character that is cut in two stays whole.

    On Windows they are taken for characters of its code page.
    """
    result = python(r"import os; [os.write(1, b) for b in (b'\xff\xfe \xc3', b'\xa4', b'\r\n')]", hide=True)
    replaced, character = result.stdout.split()
    assert (sys.platform == "win32" or replaced == "\ufffd\ufffd", character) == (True, "ä")


def test_much_output_arrives_whole() -> None:
    """Twenty megabytes with secrets in them come through, none lost."""
    out = io.StringIO()
    result = python(
        "import os; [print('x' * 990, os.environ['TOKEN']) for _ in range(20_000)]", out_stream=out
    )
    line = "x" * 990 + " "
    assert result.stdout == f"{line}{SECRET}\n" * 20_000
    assert out.getvalue().replace("\r\n", "\n") == f"{line}***\n" * 20_000


def test_an_output_stream_of_the_caller_gets_the_redacted_text() -> None:
    """What is put into `out_stream` and `err_stream` is redacted as well."""
    out, err = io.StringIO(), io.StringIO()
    code = "import os, sys; print(os.environ['TOKEN']); print(os.environ['TOKEN'] * 2, file=sys.stderr)"
    python(code, out_stream=out, err_stream=err)
    assert (out.getvalue().strip(), err.getvalue().strip()) == ("***", "******")


def test_a_stream_of_the_author_gets_the_real_output() -> None:
    """With `real_streams` a stream gets what the Result has; what is our stdout or stderr stays redacted."""
    using = Runner(
        Context(),
        child_env={**os.environ, "TOKEN": SECRET},
        redactor=Redactor([SECRET]),
        real_streams=True,
    )
    out = io.StringIO()
    code = "import os, sys; print(os.environ['TOKEN']); print(os.environ['TOKEN'], file=sys.stderr)"
    with contextlib.redirect_stderr(io.StringIO()) as err:
        result = python(code, using=using, out_stream=out, err_stream=err)
    assert (out.getvalue().strip(), err.getvalue().strip()) == (result.stdout.strip(), "***")


def test_an_output_stream_of_another_encoding_does_no_harm(tmp_path: Path) -> None:
    """A character that a stream cannot hold becomes a question mark."""
    with (tmp_path / "log").open("w", encoding="ascii") as log:
        python("print('ä✓')", out_stream=log, env={"PYTHONUTF8": "1"})
    assert (tmp_path / "log").read_text(encoding="ascii").strip() == "??"


def test_line_ends_are_not_translated_on_the_way(tmp_path: Path) -> None:
    """A text stream that makes CRLF of its line ends, as those of Windows do, leaves a command's own as they are."""
    code = "import sys; sys.stdout.buffer.write('a\\r\\nä\\nend'.encode())"
    with (tmp_path / "log").open("w", encoding="latin-1", newline="\r\n") as log:
        python(code, out_stream=log)
    assert (tmp_path / "log").read_bytes() == "a\r\nä\nend".encode("latin-1")


def test_commands_of_cmd_are_read_in_its_code_page() -> None:
    """`echo %X%` prints in the code page of the console, beside programs that print UTF-8."""
    import ctypes

    if sys.platform != "win32" or not ctypes.windll.kernel32.GetConsoleOutputCP():
        pytest.skip("no console of Windows")
    result = Runner(Context(), child_env={**os.environ, "X": "Grüße é"}).run("echo %X%", hide=True)
    assert result.stdout.strip() == "Grüße é"


def test_input_comes_from_a_given_stream() -> None:
    """`in_stream` is carried to the command, to its end."""
    text = "one\n" + "x" * 100_000 + "\n"
    result = python("import sys; print(len(sys.stdin.read()))", in_stream=io.StringIO(text), hide=True)
    assert int(result.stdout) == len(text)


def test_bytes_of_a_given_stream_stay_as_they_are(tmp_path: Path) -> None:
    """What a pipe given as `in_stream` holds reaches the command byte for byte, text or not."""
    data = b"\xff\xfe" + "ä✓".encode() * 50_000
    reader, writer = os.pipe()

    def write() -> None:
        for i in range(0, len(data), 999):
            os.write(writer, data[i : i + 999])
        os.close(writer)

    thread = threading.Thread(target=write)
    thread.start()
    code = "import sys, hashlib; print(hashlib.sha256(sys.stdin.buffer.read()).hexdigest())"
    with os.fdopen(reader, "r", encoding="utf-8") as stream:
        result = python(code, in_stream=stream, hide=True)
    thread.join(SECONDS)
    assert result.stdout.strip() == hashlib.sha256(data).hexdigest()


def test_no_input_is_an_end_of_file() -> None:
    """With `in_stream=False` a command that reads gets the end at once."""
    assert python("import sys; print(repr(sys.stdin.read()))", in_stream=False, hide=True).stdout == "''\n"


def test_watchers_answer_prompts() -> None:
    """A watcher sees what the command prints, and its answer reaches the command's stdin."""
    answer = Responder(r"name\? ", "Ada\n")
    result = python("print('hello', input('name? '))", watchers=[answer], in_stream=False, hide=True)
    assert result.stdout == "name? hello Ada\n"


def test_a_watcher_that_gives_up_ends_the_command(tmp_path: Path) -> None:
    """When a watcher fails, Failure is raised and the command, which still waits, is ended."""
    code = """
        import os, sys, time
        open(sys.argv[1], 'w').write(str(os.getpid()))
        input('password: ')
        print('Sorry', flush=True)
        time.sleep(60)
    """
    refuses = FailingResponder(r"password: ", "wrong\n", sentinel="Sorry")
    with pytest.raises(Failure) as caught:
        python(code, str(tmp_path / "pid"), watchers=[refuses], in_stream=False, hide=True)
    assert type(caught.value.reason).__name__ == "ResponseNotAccepted"
    pid = int((tmp_path / "pid").read_text())
    wait_until(lambda: not is_running(pid), f"the end of process {pid}")


CHILD = "import os, sys, time; open(sys.argv[1], 'w').write(str(os.getpid()) + '.'); time.sleep(60)"
PARENT = f"import subprocess, sys; subprocess.call([sys.executable, '-c', {CHILD!r}, sys.argv[1]])"


def test_a_timeout_ends_the_command_and_its_children(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """After `timeout` seconds CommandTimedOut is raised and the whole process tree is gone."""
    started, raised = tmp_path / "pid", threading.Event()

    class Timer(threading.Timer):
        """Is up as soon as the tree has started, however long that takes, and needs time to end."""

        def run(self) -> None:
            wait_until(lambda: started.exists() and started.read_text().endswith("."), "the start")
            self.function()
            raised.wait(SECONDS)

    monkeypatch.setattr("invoke.runners.threading.Timer", Timer)
    with pytest.raises(CommandTimedOut):
        python(PARENT, str(started), timeout=5, hide=True)
    raised.set()
    pid = int(started.read_text().rstrip("."))
    wait_until(lambda: not is_running(pid), f"the end of process {pid}")


WAIT = f"""
import os, sys, time
end = time.monotonic() + {SECONDS}
while not os.path.exists(sys.argv[1]):
    time.sleep(0.01)
    if time.monotonic() > end:
        sys.exit(1)
"""


def test_an_asynchronous_command_is_joined(tmp_path: Path) -> None:
    """`asynchronous=True` returns at once with a Promise; its join gives the Result or raises."""
    promise = python(f"{WAIT}print('done')", str(tmp_path / "go"), asynchronous=True)
    assert isinstance(promise, Promise)
    (tmp_path / "go").touch()
    assert promise.join().stdout == "done\n"
    failing = python("raise SystemExit(3)", asynchronous=True)
    assert isinstance(failing, Promise)
    with pytest.raises(UnexpectedExit):
        failing.join()


def test_a_started_command_is_waited_for_at_the_end_of_with(tmp_path: Path) -> None:
    """`start_argv` gives a Promise whose streams are written to meanwhile, also when the body fails."""
    out, using = io.StringIO(), runner()
    argv = ["python", "-c", f"{WAIT}print(os.environ['TOKEN'])", str(tmp_path / "go")]

    def body() -> None:
        with using.start_argv(argv, out_stream=out):
            assert not using.process_is_finished
            (tmp_path / "go").touch()
            raise KeyError

    with pytest.raises(KeyError):
        body()
    assert (out.getvalue().strip(), using.returncode()) == ("***", 0)


def test_output_need_not_be_kept() -> None:
    """With `capture=False` output is copied, and the Result's is empty."""
    out = io.StringIO()
    using = Runner(Context(), child_env={**os.environ, "TOKEN": SECRET}, capture=False)
    result = python("import os; print(os.environ['TOKEN'])", using=using, out_stream=out)
    assert (out.getvalue().strip(), result.stdout) == (SECRET, "")


def test_a_command_of_ours_ignores_invoke_s_configuration_files() -> None:
    """`run: {warn: true}` of the user's invoke.yaml is for tasks, not for what an integration starts."""
    (Path.home() / ".invoke.yaml").write_text("run: {warn: true}\n", encoding="utf-8")
    using = Runner.outside_task(os.environ)
    with pytest.raises(UnexpectedExit):
        python("raise SystemExit(1)", using=using, hide=True)


def test_a_disowned_command_lives_on(tmp_path: Path) -> None:
    """`disown=True` returns at once with a Result that knows the process id and nothing else."""
    code = f"{WAIT}open(sys.argv[2], 'w').write('done')"
    result = python(code, str(tmp_path / "go"), str(tmp_path / "made"), disown=True)
    assert str((result.exited, result.disowned)) == "(None, True)"
    (tmp_path / "go").touch()
    wait_until((tmp_path / "made").exists, "the command's end")


def test_commands_run_in_threads() -> None:
    """A task's own threads can run commands at the same time."""
    results: list[str] = []
    threads = [
        threading.Thread(target=lambda i=i: results.append(python(f"print({i})", hide=True).stdout))
        for i in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(SECONDS)
    assert sorted(results) == ["0\n", "1\n", "2\n", "3\n"]


def test_a_child_left_behind_does_not_hold_up(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """A background process that keeps the output open is not waited for, and what it prints later is redacted too."""
    later = f"{WAIT}print('later', os.environ['TOKEN'])"
    go = tmp_path / "go"
    start = f"subprocess.Popen([sys.executable, '-c', {later!r}, {str(go)!r}])"
    result = python(f"import subprocess, sys; print('now', flush=True); {start}")
    assert result.stdout == "now\n"
    go.touch()
    pieces: list[str] = []

    def printed() -> str:
        pieces.append(capfd.readouterr().out)
        return "".join(pieces)

    wait_until(lambda: "later" in printed(), "late output")
    assert printed().split() == ["now", "later", "***"]


def test_cd_is_the_command_s_folder(tmp_path: Path) -> None:
    """`c.cd` sets the folder of an argument list as well, blanks included; a missing one is said."""
    context = Context(Config())
    (tmp_path / "a b").mkdir()
    with context.cd(tmp_path), context.cd("a b"):
        shown = python("import os; print(os.path.basename(os.getcwd()))", using=runner(context), hide=True)
    assert shown.stdout == "a b\n"
    with (
        context.cd(tmp_path / "gone"),
        pytest.raises(EnvtasksError, match=r"^The folder .*gone does not exist\.$"),
    ):
        python("", using=runner(context))


def test_prefix_is_refused_without_a_shell() -> None:
    """`c.prefix` is a shell's, so an argument list under it is refused rather than run without it."""
    context = Context(Config())
    with (
        context.prefix("source activate"),
        pytest.raises(EnvtasksError, match=r"c.prefix\(\) puts a shell line"),
    ):
        python("", using=runner(context))


@posix
@pytest.mark.parametrize("size", [200_000, 3_000_000])
def test_an_environment_that_is_too_large_is_said_by_name(size: int) -> None:
    """The largest variables are named with their sizes, and no value is shown."""
    count = 30 if size > 1_000_000 else 1
    env = {f"PART_{i}": "x" * (size // count - i) for i in range(count)}
    with pytest.raises(EnvtasksError) as caught:
        python("", env=env)
    assert caught.value.message.startswith("The environment is too large for this system: ")
    assert f"{next(iter(env))} (" in caught.value.message
    assert "xxx" not in str(caught.value)


@posix
def test_a_command_line_that_is_too_long_is_said() -> None:
    """Too many arguments are not blamed on the environment."""
    with pytest.raises(
        EnvtasksError, match=r"^The command line is too long for this system: 3,[0-9,]+ characters\."
    ):
        python("", *["x" * 99_999] * 30)


@pytest.mark.parametrize(
    ("env", "message"),
    [
        ({"PORT": 8000}, "The variable PORT is a int; variables are text."),
        ({"BAD": "a\0b"}, "The variable BAD holds a NUL character, which no environment can hold."),
    ],
)
def test_a_variable_that_cannot_be_is_named(env: dict[str, Any], message: str) -> None:
    """A value that is no text, or holds a NUL, is said by the variable's name."""
    with pytest.raises(EnvtasksError) as caught:
        python("", env=env)
    assert caught.value.message == message


@posix
def test_sudo_answers_the_password(tmp_path: Path) -> None:
    """`c.sudo` works: the password that Invoke's configuration holds is typed at sudo's prompt."""
    sudo = tmp_path / "sudo"
    sudo.write_text('#!/bin/sh\nprintf "%s" "$3"; read word; echo "got $word, $5 $6"\n', encoding="utf-8")
    sudo.chmod(0o755)
    context = Context(Config(overrides={"sudo": {"password": "open"}}))
    using = runner(context, PATH=f"{tmp_path}{os.pathsep}{os.environ['PATH']}")
    result = context._sudo(using, "-- id -u", hide=True, in_stream=False)
    assert result.stdout == "[sudo] password: got open, id -u\n"


@posix
def test_a_pty_is_a_terminal() -> None:
    """With `pty=True` the command sees a terminal, and its exit code and output are as ever."""
    code = "import os, sys; print(sys.stdin.isatty(), sys.stdout.isatty(), os.environ['TOKEN']); raise SystemExit(3)"
    out = io.StringIO()
    result = python(code, pty=True, fallback=False, warn=True, out_stream=out, in_stream=False)
    assert (result.stdout, result.exited) == (f"True True {SECRET}\r\n", 3)
    assert out.getvalue() == "True True ***\r\n"


def test_an_echoed_command_has_no_colours_in_a_pipe(capsys: pytest.CaptureFixture[str]) -> None:
    """Invoke's echo is bold on a terminal; a log gets the text alone."""
    runner().run_argv(["python", "-c", "pass"], echo=True)

    assert capsys.readouterr().out.splitlines() == ["python -c pass"]
