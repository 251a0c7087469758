"""The engine `dotenvx`: find the dotenvx command, and read the values of an environment with it."""

from __future__ import annotations

import json
import os
import re
import secrets
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from ..config import Environment
from ..envfiles import OBJECT_NAMES
from ..errors import DecryptionFailed, EnvFileInvalid, EnvFileMissing, EnvtasksError, ToolMissing
from ..process import how_to_get

OLDEST: Final = (2, 30)
BELOW: Final = (3, 0)
TIME_LIMIT: Final = 120.0  # seconds; 10,000 plain variables take dotenvx 20
PROVIDERS: Final = ("armor", "native", "1password", "bitwarden")
_REFERENCES: Final = {"op://": "1password", "bw://": "bitwarden"}
_SCRIPT: Final = Path("@dotenvx", "dotenvx", "src", "cli", "dotenvx.js")
_versions: dict[tuple[tuple[str, ...], int], tuple[int, int, int]] = {}


@dataclass(frozen=True, slots=True)
class Command:
    """How to call dotenvx: the first words of the argument list, and the version."""

    argv: tuple[str, ...]
    version: tuple[int, int, int]


def values(
    environment: Environment,
    process_env: Mapping[str, str],
    *,
    names: Collection[str],
    private_keys: Sequence[str] = (),
) -> dict[str, str]:
    """The value of each of `names`, the variables that the env files define, as `dotenvx run` would set it.

    `private_keys` (64 hexadecimal digits each) are all the keys used: no key file is read and no provider is asked
    for one. An `op://` or `bw://` reference is resolved by its provider. No value may contain a `$(command)`. Raises
    ToolMissing, DecryptionFailed, EnvFileMissing, and EnvFileInvalid when dotenvx fails or reads other variables.
    """
    command = locate(environment.root, process_env)
    if unreadable := sorted(OBJECT_NAMES.intersection(names)):
        raise EnvFileInvalid(
            f"dotenvx cannot read an env file that defines {', '.join(unreadable)}: it drops the whole file.",
            hint='rename it, or use engine = "native"',
        )
    # dotenvx would run a command in a variable of the process environment, so it gets a placeholder
    placeholders = {
        name: f"envtasks{secrets.token_hex(8)}" for name in names if "$(" in process_env.get(name, "")
    }
    env = _without_switches(process_env) | placeholders
    env |= {f"DOTENV_PRIVATE_KEY_ENVTASKS_{number}": key for number, key in enumerate(private_keys)}
    with tempfile.TemporaryDirectory(prefix="envtasks-", ignore_cleanup_errors=True) as folder:
        files = [word for path in _files(environment, Path(folder)) for word in ("-f", str(path))]
        options = ["-fk", str(Path(folder, "none.keys")), *files]
        call = _Call(command.argv, options, env, Path(folder))
        parsed = _resolved(call, names) if files else {}
    for name, placeholder in placeholders.items():
        parsed = {key: text.replace(placeholder, process_env[name]) for key, text in parsed.items()}
    # the process environment also wins for a variable that was kept from dotenvx
    return parsed | {name: process_env[name] for name in parsed if name in process_env and name not in env}


def locate(root: Path, process_env: Mapping[str, str], *, windows: bool = os.name == "nt") -> Command:
    """The dotenvx command: the project's own (`node_modules/.bin`), else the first on PATH; never a download.

    On Windows npm installs a batch file, for which cmd.exe would apply its own quoting rules: node is called with the
    script instead. Raises ToolMissing if there is none, or none that is new enough.
    """
    path = next(_installed(root, process_env, windows), None)
    if path is None:
        raise ToolMissing(
            "The dotenvx command is not installed: it is neither in node_modules/.bin nor on PATH.",
            hint=_how_to_install(),
        )
    argv = _without_batch_file(path, process_env) if path.suffix.lower() in (".cmd", ".bat") else (str(path),)
    version = _version(argv, path.stat().st_mtime_ns, process_env)
    if not OLDEST <= version[:2] < BELOW:
        found = ".".join(map(str, version)) if version != (0, 0, 0) else "of an unknown version"
        needed = f"{'.'.join(map(str, OLDEST))} or newer, below {BELOW[0]},"
        raise ToolMissing(
            f"dotenvx at {path} is {found}; {needed} is needed.",
            hint=_how_to_install(),
        )
    return Command(argv, version)


@dataclass(frozen=True, slots=True)
class _Call:
    """How to call `dotenvx get`, in a folder without an Envfile, which dotenvx would read."""

    argv: Sequence[str]
    options: Sequence[str]
    env: Mapping[str, str]
    folder: Path

    def values(self, names: Collection[str], *, providers: Collection[str] = ()) -> dict[str, str]:
        """The values that dotenvx reads, with only these providers switched on."""
        off = [provider for provider in PROVIDERS if provider not in providers]
        argv = [*self.argv, "-q", "get", "--strict", "--format", "json", *(f"--no-{name}" for name in off)]
        env = {**self.env, **{f"DOTENVX_NO_{name.upper()}": "true" for name in off}}
        return _parse(*self._run([*argv, *self.options], env), names)

    def _run(self, argv: Sequence[str], env: Mapping[str, str]) -> tuple[int, bytes, str]:
        """The exit code, the output and the error output of dotenvx."""
        try:
            process = subprocess.Popen(
                argv,
                env=env,
                cwd=self.folder,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                start_new_session=os.name == "posix",
            )
        except OSError as error:
            raise EnvFileInvalid(f"dotenvx could not be started: {error.strerror}.") from None
        try:
            out, err = process.communicate(timeout=TIME_LIMIT)
        except subprocess.TimeoutExpired:
            raise EnvFileInvalid(
                f"dotenvx did not finish within {TIME_LIMIT:g} seconds.",
                hint='use engine = "native", which is faster',
            ) from None
        finally:
            _end(process)
        return process.returncode, out, err.decode("utf-8", "replace")


def _end(process: subprocess.Popen[bytes]) -> None:
    """Kill the process and whatever it started, if it still runs."""
    if process.poll() is not None:
        return
    if sys.platform == "win32":
        process.kill()
    else:
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    for pipe in (process.stdout, process.stderr):
        if pipe is not None:
            pipe.close()


def _resolved(call: _Call, names: Collection[str]) -> dict[str, str]:
    """The values; if there are references among them, read again with their providers switched on."""
    parsed = call.values(names)
    needed = {_REFERENCES[value[:5]] for value in parsed.values() if value[:5] in _REFERENCES}
    return call.values(names, providers=needed) if needed else parsed


def _without_switches(process_env: Mapping[str, str]) -> dict[str, str]:
    """The process environment without the variables that change what dotenvx does."""
    return {
        name: value
        for name, value in process_env.items()
        if not name.upper().startswith(("DOTENV_", "DOTENVX_"))
        or name.upper().startswith("DOTENV_PUBLIC_KEY")
    }


def _files(environment: Environment, folder: Path) -> Iterator[Path]:
    """The env files that are there, copied into a folder if dotenvx would take their path for a list of paths."""
    for number, path in enumerate(environment.files):
        if not path.exists():
            if environment.optional(path):
                continue
            raise EnvFileMissing(f"{environment.label(path)} is not there.")
        text = str(path)
        if "," in text or text != text.strip():
            copy = folder / str(number) / path.name.replace(",", "_").strip()
            copy.parent.mkdir()
            copy.touch(mode=0o600)
            shutil.copyfile(path, copy)
            path = copy
        yield path


def _parse(code: int, out: bytes, err: str, names: Collection[str]) -> dict[str, str]:
    """The values in dotenvx's output."""
    if code != 0:
        raise _failure(code, err, names)
    try:
        parsed: dict[str, str] = json.loads(out)
    except ValueError:
        raise EnvFileInvalid("dotenvx printed something that is not JSON.") from None
    if different := sorted(parsed.keys() ^ set(names)):
        raise EnvFileInvalid(
            f"dotenvx and envtasks read different variables from the env files: {', '.join(different)}.",
            hint='envtasks env.show lists what envtasks reads; engine = "native" uses that',
        )
    return parsed


def _failure(code: int, err: str, names: Collection[str]) -> EnvtasksError:
    """The error for a failure of dotenvx; from its own message, which may hold values, only error codes and names."""
    codes = list(dict.fromkeys(re.findall(r"\[([A-Z0-9_]+)\]", err)))
    if "DECRYPTION_FAILED" in codes:
        listed = re.search(r"could not decrypt ([\w., -]+?)\.? fix:", err)
        failed = [name for name in (listed[1].split(", ") if listed else ()) if name in names]
        return DecryptionFailed(f"dotenvx could not decrypt {', '.join(failed) or 'a value'}.")
    if "MISSING_ENV_FILE" in codes:
        return EnvFileMissing("dotenvx did not find one of the env files.")
    reason = f" ({', '.join(codes)})" if codes else ""
    return EnvFileInvalid(f"dotenvx failed with exit code {code}{reason}.")


def _installed(root: Path, process_env: Mapping[str, str], windows: bool) -> Iterator[Path]:
    names = ("dotenvx.exe", "dotenvx.cmd", "dotenvx.bat") if windows else ("dotenvx",)
    for folder in (root / "node_modules" / ".bin", *_path_folders(process_env)):
        for name in names:
            if (folder / name).is_file() and os.access(folder / name, os.X_OK):
                yield folder / name


def _path_folders(process_env: Mapping[str, str]) -> Iterator[Path]:
    """The folders of PATH except relative ones: a file in the current folder is not an installed tool."""
    for text in process_env.get("PATH", os.defpath).split(os.pathsep):
        folder = Path(text.strip('"'))
        if folder.is_absolute():
            yield folder


def _without_batch_file(path: Path, process_env: Mapping[str, str]) -> tuple[str, ...]:
    """The command line that a batch file of npm stands for: node and the script."""
    # npm puts the scripts of a global install below the batch file, those of a project beside `.bin`
    scripts = (path.parent / "node_modules" / _SCRIPT, path.parent.parent / _SCRIPT)
    nodes = (folder / "node.exe" for folder in (path.parent, *_path_folders(process_env)))
    script = next((script for script in scripts if script.is_file()), None)
    node = next((node for node in nodes if node.is_file()), None)
    if script is None or node is None:
        missing = "the script that it calls" if script is None else "node.exe"
        raise ToolMissing(
            f"{path} is a batch file, which cannot be given arguments safely, and {missing} was not found.",
            hint=_how_to_install(),
        )
    return (str(node), str(script))


def _version(argv: tuple[str, ...], changed: int, process_env: Mapping[str, str]) -> tuple[int, int, int]:
    """The version, looked up again only when the file changed; (0, 0, 0) if the command does not print one."""
    if (argv, changed) not in _versions:
        manifest = Path(argv[-1]).resolve().parents[2] / "package.json"
        text = _manifest_version(manifest) or _printed_version(argv, process_env)
        match = re.match(r"(\d+)\.(\d+)\.(\d+)", text.strip())
        _versions[argv, changed] = (int(match[1]), int(match[2]), int(match[3])) if match else (0, 0, 0)
    return _versions[argv, changed]


def _manifest_version(manifest: Path) -> str:
    """The version in package.json: the same as `--version` prints, without starting node (180 ms)."""
    try:
        package = json.loads(manifest.read_bytes())
        return str(package["version"]) if package["name"] == "@dotenvx/dotenvx" else ""
    except (OSError, ValueError, KeyError, TypeError):
        return ""


def _printed_version(argv: tuple[str, ...], process_env: Mapping[str, str]) -> str:
    try:
        return subprocess.run(
            [*argv, "--version"],
            env=dict(process_env),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            encoding="utf-8",
            errors="replace",
            timeout=30,
            check=False,
        ).stdout
    except (OSError, subprocess.TimeoutExpired):
        return ""


def _how_to_install() -> str:
    install = ", or ".join(dict.fromkeys((how_to_get("dotenvx"), "npm install -g @dotenvx/dotenvx")))
    return f'{install}; or let envtasks read the files itself: engine = "native"'
