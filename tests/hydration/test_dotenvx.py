"""The engine that calls the dotenvx command: finding it, calling it, its failures.

The command is a stand-in here, which records how it was called; integration tests call the real one.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from envtasks.config import Environment
from envtasks.errors import DecryptionFailed, EnvFileInvalid, EnvFileMissing, EnvtasksError, ToolMissing
from envtasks.hydration import dotenvx
from envtasks.hydration.dotenvx import Command, locate
from tests.deadlines import wait_until
from tests.watching import is_running

A = "1f" * 32  # a throwaway key, for tests only
posix_only = pytest.mark.skipif(os.name == "nt", reason="the stand-in for dotenvx is a script with a shebang")

STAND_IN = """#!{python}
import json, os, sys, time
from pathlib import Path
if "--version" in sys.argv:
    print({version!r})
    sys.exit()
call = {{"argv": sys.argv[1:], "env": dict(os.environ), "cwd": os.getcwd(), "here": os.listdir()}}
files = [sys.argv[i + 1] for i, word in enumerate(sys.argv) if word == "-f"]
call["files"] = {{file: Path(file).read_text() for file in files}}
call["modes"] = [oct(Path(file).stat().st_mode & 0o777) for file in files]
Path({calls!r}).write_text(json.dumps(call))
{body}
"""


@dataclass
class StandIn:
    """A dotenvx command that does what a test says, and how it was called."""

    folder: Path

    @property
    def path(self) -> Path:
        return self.folder / "bin" / "dotenvx"

    @property
    def env(self) -> dict[str, str]:
        return {"PATH": str(self.path.parent)}

    def answers(self, body: str, *, version: str = "2.38.2", path: Path | None = None) -> None:
        path = path or self.path
        path.parent.mkdir(parents=True, exist_ok=True)
        script = STAND_IN.format(
            python=sys.executable, version=version, calls=str(self.folder / "call.json"), body=body
        )
        path.write_text(script, encoding="utf-8")
        path.chmod(0o755)

    def gives(self, values: Mapping[str, str]) -> None:
        self.answers(f"print({json.dumps(values)!r})")

    @property
    def call(self) -> Any:
        return json.loads((self.folder / "call.json").read_text(encoding="utf-8"))


@pytest.fixture
def stand_in(tmp_path: Path) -> StandIn:
    return StandIn(tmp_path)


@pytest.fixture
def local(tmp_path: Path) -> Environment:
    root = tmp_path / "project"
    root.mkdir()
    (root / ".env.local").write_text("A=1\nB=2\n", encoding="utf-8")
    return Environment("local", root, (root / ".env", root / ".env.local"))


def executable(path: Path, text: str = "") -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    path.chmod(0o755)
    return path


def package(folder: Path, version: str = "2.38.2") -> Path:
    """The script of a new npm package of dotenvx below `folder`."""
    root = folder / "@dotenvx" / "dotenvx"
    script = executable(root / "src" / "cli" / "dotenvx.js")
    (root / "package.json").write_text(json.dumps({"name": "@dotenvx/dotenvx", "version": version}))
    return script


@posix_only
def test_found_on_path_with_its_version(stand_in: StandIn) -> None:
    """The first command on the given PATH is used, and asked for its version."""
    stand_in.answers("", version="2.31.0")
    env = {"PATH": os.pathsep.join([str(stand_in.folder / "nothing"), str(stand_in.path.parent)])}
    assert locate(stand_in.folder, env) == Command((str(stand_in.path),), (2, 31, 0))


@posix_only
def test_the_projects_own_comes_first(stand_in: StandIn) -> None:
    """The version that the project pins in node_modules wins over the one on PATH."""
    stand_in.answers("")
    script = package(stand_in.folder / "node_modules", "2.30.0")
    (stand_in.folder / "node_modules" / ".bin").mkdir()
    own = stand_in.folder / "node_modules" / ".bin" / "dotenvx"
    own.symlink_to(script)
    assert locate(stand_in.folder, stand_in.env) == Command((str(own),), (2, 30, 0))


@pytest.mark.parametrize("path", [None, "", ".", "bin"])
def test_relative_path_entries_are_ignored(
    stand_in: StandIn, monkeypatch: pytest.MonkeyPatch, path: str | None
) -> None:
    """An empty or relative PATH entry means the current folder, whose files are not installed tools."""
    stand_in.answers("")
    executable(stand_in.folder / "dotenvx")
    monkeypatch.chdir(stand_in.folder)
    with pytest.raises(ToolMissing):
        locate(stand_in.folder, {"PATH": path} if path is not None else {"PATH": os.pathsep})


def test_not_installed_says_how_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without the command, the message says where it was searched, the hint how to install it on this system."""
    hints = {}
    for system in ("linux", "darwin", "win32"):
        monkeypatch.setattr("envtasks.hydration.dotenvx.sys.platform", system)
        with pytest.raises(ToolMissing) as caught:
            locate(tmp_path, {"PATH": str(tmp_path)})
        assert caught.value.message == (
            "The dotenvx command is not installed: it is neither in node_modules/.bin nor on PATH."
        )
        hints[system] = caught.value.hint
    native = '; or let envtasks read the files itself: engine = "native"'
    assert hints == {
        "linux": f"npm install -g @dotenvx/dotenvx{native}",
        "darwin": f"brew install dotenvx/brew/dotenvx, or npm install -g @dotenvx/dotenvx{native}",
        "win32": f"winget install dotenvx, or npm install -g @dotenvx/dotenvx{native}",
    }


@posix_only
@pytest.mark.parametrize(
    ("version", "found"),
    [("2.29.9", "2.29.9"), ("1.51.0", "1.51.0"), ("3.0.0", "3.0.0"), ("what?", "of an unknown version")],
)
def test_a_version_out_of_range_is_refused(stand_in: StandIn, version: str, found: str) -> None:
    """A version below 2.30, 3 or newer, or one that cannot be read is refused."""
    stand_in.answers("", version=version)
    with pytest.raises(ToolMissing) as caught:
        locate(stand_in.folder, stand_in.env)
    assert caught.value.message == (
        f"dotenvx at {stand_in.path} is {found}; 2.30 or newer, below 3, is needed."
    )


@posix_only
def test_the_version_is_read_again_when_the_command_changed(stand_in: StandIn) -> None:
    """An upgrade while the process runs is noticed."""
    stand_in.answers("", version="2.30.1")
    assert locate(stand_in.folder, stand_in.env).version == (2, 30, 1)
    stand_in.answers("", version="2.40.0")
    os.utime(stand_in.path, (1, 1))
    assert locate(stand_in.folder, stand_in.env).version == (2, 40, 0)


@pytest.mark.parametrize("shared", [True, False], ids=["global install", "project install"])
def test_the_script_behind_a_batch_file_is_called(tmp_path: Path, shared: bool) -> None:
    """On Windows node runs the script itself: cmd.exe has its own rules for quotes and % in arguments."""
    bin_folder = tmp_path / "npm" if shared else tmp_path / "node_modules" / ".bin"
    script = package(bin_folder / "node_modules" if shared else tmp_path / "node_modules")
    executable(bin_folder / "dotenvx.cmd")
    executable(bin_folder / "dotenvx", "#!/bin/sh")
    node = executable(tmp_path / "nodejs" / "node.exe")
    env = {"PATH": os.pathsep.join([str(tmp_path / "npm"), str(node.parent)])}
    assert locate(tmp_path, env, windows=True) == Command((str(node), str(script)), (2, 38, 2))


@pytest.mark.parametrize("missing", ["the script that it calls", "node.exe"])
def test_a_batch_file_alone_is_refused(tmp_path: Path, missing: str) -> None:
    """A batch file whose script or node is not found is refused, saying which, rather than called."""
    path = executable(tmp_path / "npm" / "dotenvx.cmd")
    if missing == "node.exe":
        package(tmp_path / "npm" / "node_modules")
    with pytest.raises(ToolMissing) as caught:
        locate(tmp_path, {"PATH": str(tmp_path / "npm")}, windows=True)
    assert caught.value.message == (
        f"{path} is a batch file, which cannot be given arguments safely, and {missing} was not found."
    )


@posix_only
def test_how_it_is_called(stand_in: StandIn, local: Environment) -> None:
    """Absolute files, strict, no provider, no key file, quiet, in an empty folder; no key in an argument."""
    stand_in.gives({"A": "1", "B": "2"})
    (local.root / ".env").write_text("A=1\n", encoding="utf-8")
    assert dotenvx.values(local, stand_in.env, names=["A", "B"], private_keys=[A]) == {"A": "1", "B": "2"}
    call = stand_in.call
    assert call["argv"] == [
        *("-q", "get", "--strict", "--format", "json"),
        *("--no-armor", "--no-native", "--no-1password", "--no-bitwarden"),
        *("-fk", f"{call['cwd']}/none.keys"),
        *("-f", str(local.root / ".env"), "-f", str(local.root / ".env.local")),
    ]
    assert call["here"] == []
    assert not Path(call["cwd"]).exists()


@posix_only
def test_the_environment_it_gets(stand_in: StandIn, local: Environment) -> None:
    """The process environment without dotenvx's switches and other keys; the given keys; providers off."""
    stand_in.gives({"A": "1", "B": "2"})
    env = stand_in.env | {
        "USER_X": "x",
        "DOTENV_CONVENTION": "nextjs",
        "DOTENV_FILE": "x",
        "DOTENV_PUBLIC_KEY": "02ab",
        "DOTENV_PRIVATE_KEY_OTHER": "2e" * 32,
        "DOTENVX_ARMOR_TOKEN": "x",
    }
    dotenvx.values(local, env, names=["A", "B"], private_keys=[A])
    got = {name: value for name, value in stand_in.call["env"].items() if name not in ("LC_CTYPE", "PWD")}
    assert got == stand_in.env | {
        "USER_X": "x",
        "DOTENV_PUBLIC_KEY": "02ab",
        "DOTENV_PRIVATE_KEY_ENVTASKS_0": A,
        "DOTENVX_NO_1PASSWORD": "true",
        "DOTENVX_NO_ARMOR": "true",
        "DOTENVX_NO_BITWARDEN": "true",
        "DOTENVX_NO_NATIVE": "true",
    }


@posix_only
def test_a_missing_overrides_file_is_left_out(stand_in: StandIn, local: Environment) -> None:
    """`.env` is optional, and the strict command would fail: it is not passed if it does not exist."""
    stand_in.gives({"A": "1", "B": "2"})
    dotenvx.values(local, stand_in.env, names=["A", "B"])
    assert list(stand_in.call["files"]) == [str(local.root / ".env.local")]


@posix_only
def test_without_any_file_it_is_not_called(stand_in: StandIn, tmp_path: Path) -> None:
    """Called without a file, dotenvx would look for one by itself."""
    stand_in.answers("sys.exit(1)")
    nothing = Environment("dev", tmp_path, (tmp_path / ".env", tmp_path / "more" / ".env"))
    assert dotenvx.values(nothing, stand_in.env, names=[]) == {}
    assert not (tmp_path / "call.json").exists()


@posix_only
def test_a_missing_baseline_stops_before_the_call(stand_in: StandIn, local: Environment) -> None:
    """A missing baseline is named; the command is not called."""
    stand_in.gives({})
    (local.root / ".env.local").unlink()
    with pytest.raises(EnvFileMissing, match=r"^\.env\.local is not there\.$"):
        dotenvx.values(local, stand_in.env, names=["A", "B"])
    assert not (stand_in.folder / "call.json").exists()


@posix_only
@pytest.mark.parametrize(("scheme", "provider"), [("op", "1password"), ("bw", "bitwarden")])
def test_a_reference_is_resolved_by_the_one_provider_it_needs(
    stand_in: StandIn, local: Environment, scheme: str, provider: str
) -> None:
    """If a value is a reference, dotenvx is called again with its provider on and the others off."""
    stand_in.answers(
        f"found = '--no-{provider}' not in sys.argv and 'DOTENVX_NO_{provider.upper()}' not in os.environ\n"
        f"print(json.dumps({{'A': 'found' if found else '{scheme}://vault/item/field', 'B': '2'}}))"
    )
    assert dotenvx.values(local, stand_in.env, names=["A", "B"]) == {"A": "found", "B": "2"}
    assert len([word for word in stand_in.call["argv"] if word.startswith("--no-")]) == 3


@posix_only
def test_a_path_with_a_comma_is_read_from_a_private_copy(stand_in: StandIn, tmp_path: Path) -> None:
    """dotenvx would split the path: it gets a copy that only the user can read, which is removed afterwards."""
    root = tmp_path / "a,b"
    root.mkdir()
    (root / ".env.dev").write_text("A=1\n", encoding="utf-8")
    (root / ".env.dev").chmod(0o644)
    stand_in.gives({"A": "1"})
    dotenvx.values(Environment("dev", root, (root / ".env.dev",)), stand_in.env, names=["A"])
    call = stand_in.call
    assert list(call["files"].items()) == [(f"{call['cwd']}/0/.env.dev", "A=1\n")]
    assert call["modes"] == ["0o600"]
    assert not Path(call["cwd"]).exists()


@posix_only
def test_a_command_in_a_process_value_is_never_seen_by_dotenvx(stand_in: StandIn, local: Environment) -> None:
    """dotenvx runs a `$(…)` in a process variable that a file defines: it gets a placeholder."""
    stand_in.answers("print(json.dumps({'A': os.environ['A'], 'B': '[' + os.environ['A'] + ']'}))")
    env = stand_in.env | {"A": "$(touch x)"}
    assert dotenvx.values(local, env, names=["A", "B"]) == {"A": "$(touch x)", "B": "[$(touch x)]"}
    assert "$(touch x)" not in stand_in.call["env"].values()


@posix_only
def test_a_variable_that_is_kept_from_dotenvx_keeps_the_process_value(
    stand_in: StandIn, local: Environment
) -> None:
    """The process environment also wins for a name that is kept from dotenvx."""
    stand_in.gives({"A": "1", "DOTENV_CONVENTION": "from the file"})
    env = stand_in.env | {"DOTENV_CONVENTION": "nextjs"}
    assert dotenvx.values(local, env, names=["A", "DOTENV_CONVENTION"]) == {
        "A": "1",
        "DOTENV_CONVENTION": "nextjs",
    }


@posix_only
def test_names_that_dotenvx_loses_are_refused_before_it_is_called(
    stand_in: StandIn, local: Environment
) -> None:
    """dotenvx drops a file that defines a member of every JavaScript object: such a name is refused."""
    stand_in.answers("sys.exit(1)")
    with pytest.raises(EnvFileInvalid, match="cannot read an env file that defines __proto__, constructor"):
        dotenvx.values(local, stand_in.env, names=["A", "constructor", "__proto__"])
    assert not (stand_in.folder / "call.json").exists()


def failure(stand_in: StandIn, local: Environment) -> EnvtasksError:
    with pytest.raises(EnvtasksError) as caught:
        dotenvx.values(local, stand_in.env, names=["A", "B"])
    assert "hunter2" not in "".join(map(str, [caught.value, caught.value.__cause__, caught.value.hint]))
    return caught.value


FAILURES: Mapping[str, tuple[str, type[EnvtasksError], str]] = {
    "decryption": (
        "print('x [DECRYPTION_FAILED] could not decrypt A, Z. fix: [hunter2]', file=sys.stderr); sys.exit(1)",
        DecryptionFailed,
        "dotenvx could not decrypt A.",
    ),
    "missing file": (
        "print('x [MISSING_ENV_FILE] missing file (hunter2)', file=sys.stderr); sys.exit(1)",
        EnvFileMissing,
        "dotenvx did not find one of the env files.",
    ),
    "another code": (
        "print('x [1PASSWORD_FAILED] hunter2 [OTHER]', file=sys.stderr); sys.exit(1)",
        EnvFileInvalid,
        "dotenvx failed with exit code 1 (1PASSWORD_FAILED, OTHER).",
    ),
    "no code": (
        "print('hunter2 is not a function', file=sys.stderr); sys.exit(3)",
        EnvFileInvalid,
        "dotenvx failed with exit code 3.",
    ),
    "cut short": (
        """print('{"A": "hunter2')""",
        EnvFileInvalid,
        "dotenvx printed something that is not JSON.",
    ),
    "other variables": (
        """print('{"A": "hunter2", "C": "hunter2"}')""",
        EnvFileInvalid,
        "dotenvx and envtasks read different variables from the env files: B, C.",
    ),
}


@posix_only
@pytest.mark.parametrize(("body", "kind", "message"), FAILURES.values(), ids=FAILURES)
def test_failures_are_errors_without_its_output(
    stand_in: StandIn, local: Environment, body: str, kind: type[EnvtasksError], message: str
) -> None:
    """A failure of the command is one sentence, with the right class, without anything that it printed."""
    stand_in.answers(body)
    error = failure(stand_in, local)
    assert (type(error), error.message) == (kind, message)


@posix_only
def test_a_command_that_does_not_end_is_killed(
    stand_in: StandIn, local: Environment, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After the time limit the command and what it started are killed, and the message says so."""
    pid_file = stand_in.folder / "pid"
    stand_in.answers(
        "import subprocess\n"
        "child = subprocess.Popen(['sleep', '60'], stdout=sys.stdout)\n"
        f"Path({str(pid_file)!r}).write_text(str(child.pid))\n"
        "time.sleep(60)"
    )
    stand_in_env = stand_in.env
    stand_in_env["PATH"] += ":/usr/bin:/bin"
    real = subprocess.Popen.communicate

    def begin_when_started(process: Any, input: Any = None, timeout: Any = None) -> Any:  # noqa: A002 - subprocess'
        if timeout == dotenvx.TIME_LIMIT:
            wait_until(lambda: pid_file.exists() and pid_file.read_text(encoding="utf-8"), "the start")
        return real(process, input, timeout)

    monkeypatch.setattr(subprocess.Popen, "communicate", begin_when_started)
    monkeypatch.setattr(dotenvx, "TIME_LIMIT", 0.2)
    with pytest.raises(EnvFileInvalid, match=r"dotenvx did not finish within 0\.2 seconds\."):
        dotenvx.values(local, stand_in_env, names=["A", "B"])
    pid = int(pid_file.read_text(encoding="utf-8"))
    wait_until(lambda: not is_running(pid), f"the end of process {pid}")
