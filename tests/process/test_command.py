"""How a process is started on each system, and what is said when it cannot be."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from envtasks.errors import EnvtasksError, ToolMissing
from envtasks.process import command

posix = pytest.mark.skipif(sys.platform == "win32", reason="POSIX file modes")
windows = pytest.mark.skipif(sys.platform != "win32", reason="batch files of Windows")


@pytest.mark.parametrize(
    ("returncode", "code"), [(0, 0), (7, 7), (255, 255), (-9, 137), (-15, 143), (0xC000013A, -1073741510)]
)
def test_exit_codes(returncode: int, code: int) -> None:
    """A code stays, a signal N is 128+N, and an unsigned code of Windows becomes the number that sys.exit takes."""
    assert command.exit_code(returncode) == code


@pytest.mark.parametrize(
    "words",
    [
        ["a b", "it's"],
        ["-c", "print(1)"],
        [""],
        ["a&b", "c|d", "<e>", "^", "(f)"],
        ['say "hi" & echo x', '"', 'q\\"w'],
        ["back\\", "b \\", "x=1,2;3", "!x!", "ü✓"],
    ],
)
def test_a_command_is_shown_as_it_would_be_typed(words: list[str]) -> None:
    """What is echoed can be copied into this system's shell."""
    line = command.shell_quoted([sys.executable, "-c", "import sys; print(ascii(sys.argv[1:]))", *words])
    done = subprocess.run(line, shell=True, capture_output=True, text=True, check=True)
    assert done.stdout == f"{words!a}\n"


def test_a_command_is_shown_for_cmd_on_windows(monkeypatch: pytest.MonkeyPatch) -> None:
    """cmd.exe knows neither single quotes nor a backslash before a double quote."""
    monkeypatch.setattr(sys, "platform", "win32")
    words = ["python", "-c", "print(1)", "it's", 'say "hi" & go', "C:\\a b\\", ".env", "A=1", ""]
    assert command.shell_quoted(words) == (
        r'''python -c "print(1)" "it's" "say ""hi"" & go" "C:\a b\\" .env A=1 ""'''
    )


def test_a_batch_file_is_started_with_every_word_in_quotes(monkeypatch: pytest.MonkeyPatch) -> None:
    """Within quotes cmd.exe changes nothing of & | < > ^ ! ( ), and backslashes at the end do not escape the quote."""
    monkeypatch.setenv("COMSPEC", r"C:\Windows\cmd.exe")
    line = command.batch_line(r"C:\np m\npm.cmd", ["run", "a&b", "c ^ d", "e\\", ""])
    assert line == r'C:\Windows\cmd.exe /d /s /v:off /c ""C:\np m\npm.cmd" "run" "a&b" "c ^ d" "e\\" """'


@pytest.mark.parametrize("word", ['"&calc&rem ', "%PATH%", "two\nlines", "carriage\rreturn"])
def test_what_a_batch_file_cannot_get_is_refused(word: str) -> None:
    """A double quote, a percent sign or a line break cannot be handed to a batch file safely: nothing is started."""
    with pytest.raises(
        EnvtasksError, match=r"^An argument of npm\.cmd holds a double quote, a percent sign"
    ) as caught:
        command.batch_line(r"C:\bin\npm.cmd", ["run", word])
    assert word not in str(caught.value)


@windows
@pytest.mark.parametrize(
    "word",
    [
        "a&b",
        "a|b",
        "<a>",
        "a^b",
        "^",
        "!PATH!",
        "(a)",
        "a b",
        "a,b;c=d",
        "back\\",
        "a\\ b\\",
        "'q'",
        "ä",
        "~@#$*?",
    ],
)
def test_words_reach_the_program_behind_a_batch_file(tmp_path: Path, word: str) -> None:
    """A shim like npm's hands every word on as it was given."""
    shim = tmp_path / "a shim.cmd"
    shim.write_text(
        f'@"{sys.executable}" -c "import sys; print(ascii(sys.argv[1:]))" %*\r\n', encoding="utf-8"
    )
    line = command.command_line(str(shim), [word, "last"])
    done = subprocess.run(line, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == ascii([word, "last"])


@windows
def test_a_shim_is_found_and_started(tmp_path: Path) -> None:
    """`npm` finds npm.cmd on the command's own PATH, also beside npm's POSIX script."""
    (tmp_path / "tool").write_text("#!/bin/sh\n", encoding="utf-8")
    (tmp_path / "tool.cmd").write_text("@echo found\r\n", encoding="utf-8")
    found = command.find_program("tool", {"Path": str(tmp_path)})
    assert Path(found).name.lower() == "tool.cmd"


@posix
def test_a_path_to_a_program_is_taken_from_the_command_s_folder(tmp_path: Path) -> None:
    """`./tool` is looked for where the command will run."""
    tool = tmp_path / "tool"
    tool.write_text("#!/bin/sh\n", encoding="utf-8")
    tool.chmod(0o755)
    assert command.find_program("./tool", {}, cwd=str(tmp_path)) == f"{tmp_path}/./tool"


@posix
def test_a_file_that_cannot_be_executed_is_explained(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The hint for a file without the mode bit says how to set it."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "tool").write_text("#!/bin/sh\n", encoding="utf-8")
    with pytest.raises(ToolMissing) as caught:
        command.find_program("./tool", {})
    assert caught.value.hint == (
        "the file is there but cannot be executed: chmod +x ./tool, or start it with its interpreter"
    )


@pytest.mark.parametrize(
    ("system", "hint"),
    [
        (
            "linux",
            "the file is there but cannot be executed: chmod +x args.py, or start it with `python args.py`",
        ),
        ("win32", "the file is there but cannot be executed: start it with `python args.py`"),
    ],
)
def test_a_script_is_started_with_its_interpreter(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, system: str, hint: str
) -> None:
    """Windows has no mode bit to set: there a file of Python is no program."""
    monkeypatch.chdir(tmp_path)
    Path("args.py").touch(mode=0o644)
    monkeypatch.setattr(shutil, "which", lambda name, **_: None)
    monkeypatch.setattr(os, "access", lambda *_: False)
    monkeypatch.setattr(sys, "platform", system)
    with pytest.raises(ToolMissing) as caught:
        command.find_program("args.py", {})
    assert caught.value.hint == hint


@posix
def test_a_program_in_the_command_s_folder_needs_a_path(tmp_path: Path) -> None:
    """A name without a path is looked up on PATH only."""
    (tmp_path / "tool").touch(mode=0o755)
    with pytest.raises(ToolMissing) as caught:
        command.find_program("tool", {"PATH": "/nowhere"}, cwd=str(tmp_path))
    assert caught.value.hint == "the file is in this folder: ./tool"


@pytest.mark.parametrize("system", ["linux", "win32"])
@pytest.mark.parametrize("given", [{}, {"PythonUTF8": "0"}, {"PYTHONIOENCODING": "latin-1"}])
def test_python_commands_print_utf_8_on_windows(
    monkeypatch: pytest.MonkeyPatch, system: str, given: dict[str, str]
) -> None:
    """Unless the environment says how they print; elsewhere nothing is added."""
    monkeypatch.setattr(sys, "platform", system)
    added = {"PYTHONUTF8": "1"} if system == "win32" and not given else {}
    assert command.with_utf8({"A": "1", **given}) == {"A": "1", **given, **added}


def test_a_program_beside_this_python_is_hinted_at(monkeypatch: pytest.MonkeyPatch) -> None:
    """A tool of the virtual environment that is not on PATH is a missing `uv run`."""
    name = next(path.name for path in Path(sys.executable).parent.iterdir() if path.stem == "pytest")
    with pytest.raises(ToolMissing, match="start the task with `uv run`"):
        command.find_program(name, {"PATH": "nowhere"})


@posix
@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("no first line", "is no program that this system can start."),
        (
            "#!/no/such/interpreter\n",
            "could not be started: the interpreter that its first line names is not there.",
        ),
    ],
)
def test_a_file_that_is_no_program_is_explained(tmp_path: Path, text: str, message: str) -> None:
    """A script without or with a wrong first line is said to be that."""
    tool = tmp_path / "tool"
    tool.write_text(text, encoding="utf-8")
    tool.chmod(0o755)
    with pytest.raises(EnvtasksError) as caught, command.start_errors(str(tool), {}, [str(tool)]):
        subprocess.run([str(tool)], check=False)
    assert caught.value.message == f"{tool} {message}"


def test_variables_are_merged_by_name() -> None:
    """The second mapping wins; on Windows whatever the spelling, as names have no case there."""
    merged = command.merge_variables({"Path": "a", "B": "1"}, {"PATH": "b"})
    expected = {"PATH": "b", "B": "1"} if os.name == "nt" else {"Path": "a", "PATH": "b", "B": "1"}
    assert merged == expected


@pytest.mark.parametrize("system", ["linux", "win32"])
def test_private_keys_are_recognised_by_name(monkeypatch: pytest.MonkeyPatch, system: str) -> None:
    """Variables whose name begins with DOTENV_PRIVATE_KEY are taken out; on Windows in any spelling."""
    monkeypatch.setattr(sys, "platform", system)
    variables = {
        "DOTENV_PRIVATE_KEY": "1",
        "DOTENV_PRIVATE_KEY_CI": "2",
        "Dotenv_Private_Key_X": "3",
        "A": "4",
    }
    kept = {"A"} if system == "win32" else {"A", "Dotenv_Private_Key_X"}
    assert command.without_keys(variables).keys() == kept
