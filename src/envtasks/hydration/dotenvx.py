"""The engine `dotenvx`: the values of an environment as the dotenvx command gives them."""

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
from ..errors import DecryptionFailed, EnvFileInvalid, EnvFileMissing, EnvtasksError
from .dotenvx_command import locate

TIME_LIMIT: Final = 120.0  # seconds; 10,000 plain variables take dotenvx 20
PROVIDERS: Final = ("armor", "native", "1password", "bitwarden")
_REFERENCES: Final = {"op://": "1password", "bw://": "bitwarden"}

# names that every object of JavaScript has: dotenvx drops a file that defines one
_OBJECT_NAMES: Final = {
    *(
        "__defineGetter__",
        "__defineSetter__",
        "__lookupGetter__",
        "__lookupSetter__",
        "__proto__",
        "constructor",
    ),
    *("hasOwnProperty", "isPrototypeOf", "propertyIsEnumerable", "toLocaleString", "toString", "valueOf"),
}


def values(
    environment: Environment,
    process_env: Mapping[str, str],
    *,
    names: Collection[str],
    private_keys: Sequence[str] = (),
    commands: bool = False,
    time_limit: float = TIME_LIMIT,
) -> dict[str, str]:
    """The value of each of `names`, the variables that the env files define, as `dotenvx run` would set it.

    `private_keys` (64 hexadecimal digits each) are all the keys used: no key file is read, no provider asked.
    A value that is an `op://` or `bw://` reference is followed by its provider. With `commands`, `$(…)` runs
    in the project's root; else the caller has made sure that there is none. Raises ToolMissing, DecryptionFailed,
    EnvFileMissing, and EnvFileInvalid when dotenvx fails or reads other variables than `names`.
    """
    command = locate(environment.root, process_env)
    if unreadable := sorted(_OBJECT_NAMES.intersection(names)):
        raise EnvFileInvalid(
            f"dotenvx cannot read an env file that defines {', '.join(unreadable)}: it drops the whole file.",
            hint='rename it, or use engine = "native"',
        )
    opaque = {
        name: (f"envtasks{secrets.token_hex(8)}", process_env[name])
        for name in names
        if "$(" in process_env.get(name, "")  # dotenvx would run this command
    }
    env = _scrubbed(process_env) | {name: stand_in for name, (stand_in, _) in opaque.items()}
    env |= {f"DOTENV_PRIVATE_KEY_ENVTASKS_{number}": key for number, key in enumerate(private_keys)}
    with tempfile.TemporaryDirectory(prefix="envtasks-", ignore_cleanup_errors=True) as folder:
        files = [word for path in _files(environment, Path(folder)) for word in ("-f", str(path))]
        options = ["-fk", str(Path(folder, "none.keys")), *files]
        call = _Call(command.argv, options, env, environment.root if commands else Path(folder), time_limit)
        parsed = _followed(call, names) if files else {}
    for stand_in, value in opaque.values():
        parsed = {name: text.replace(stand_in, value) for name, text in parsed.items()}
    # of a variable that was scrubbed, the process environment's value wins all the same
    return parsed | {name: process_env[name] for name in parsed if name in process_env and name not in env}


def _followed(call: _Call, names: Collection[str]) -> dict[str, str]:
    """The values, once more with the program asked that a reference among them names, if there is one."""
    parsed = call.values(names)
    needed = {_REFERENCES[value[:5]] for value in parsed.values() if value[:5] in _REFERENCES}
    return call.values(names, providers=needed) if needed else parsed


def _scrubbed(process_env: Mapping[str, str]) -> dict[str, str]:
    """The process environment without what changes dotenvx's ways."""
    return {
        name: value
        for name, value in process_env.items()
        if not name.upper().startswith(("DOTENV_", "DOTENVX_"))
        or name.upper().startswith("DOTENV_PUBLIC_KEY")
    }


def _files(environment: Environment, folder: Path) -> Iterator[Path]:
    for number, path in enumerate(environment.files):
        if not path.exists():
            if environment.optional(path):
                continue
            raise EnvFileMissing(f"{environment.label(path)} is not there.")
        text = str(path)
        if "," in text or text != text.strip():  # dotenvx would take it for a list of files
            copy = folder / str(number) / path.name.replace(",", "_").strip()
            copy.parent.mkdir()
            copy.touch(mode=0o600)
            shutil.copyfile(path, copy)
            path = copy
        yield path


@dataclass(frozen=True, slots=True)
class _Call:
    """One way to call the command, in a folder without an Envfile, which would take part."""

    argv: Sequence[str]
    options: Sequence[str]
    env: Mapping[str, str]
    folder: Path
    time_limit: float

    def values(self, names: Collection[str], *, providers: Collection[str] = ()) -> dict[str, str]:
        """What dotenvx reads; only these providers are on."""
        off = [provider for provider in PROVIDERS if provider not in providers]
        argv = [*self.argv, "-q", "get", "--strict", "--format", "json", *(f"--no-{name}" for name in off)]
        env = {**self.env, **{f"DOTENVX_NO_{name.upper()}": "true" for name in off}}
        return _read(*self._run([*argv, *self.options], env), names)

    def _run(self, argv: Sequence[str], env: Mapping[str, str]) -> tuple[int, bytes, str]:
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
            out, err = process.communicate(timeout=self.time_limit)
        except subprocess.TimeoutExpired:
            raise EnvFileInvalid(
                f"dotenvx was not done after {self.time_limit:g} seconds.",
                hint='use engine = "native", which is faster',
            ) from None
        finally:
            _end(process)
        return process.returncode, out, err.decode("utf-8", "replace")


def _end(process: subprocess.Popen[bytes]) -> None:
    """End what still runs, with whatever it started."""
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


def _read(code: int, out: bytes, err: str, names: Collection[str]) -> dict[str, str]:
    if code != 0:
        raise _failure(code, err, names) from None
    try:
        parsed: dict[str, str] = json.loads(out)
    except ValueError:
        raise EnvFileInvalid("dotenvx printed something that is not JSON.") from None
    if odd := sorted(parsed.keys() ^ set(names)):
        raise EnvFileInvalid(
            f"dotenvx and envtasks read different variables from the env files: {', '.join(odd)}.",
            hint='envtasks env.show lists what envtasks reads; engine = "native" uses that',
        )
    return parsed


def _failure(code: int, err: str, names: Collection[str]) -> EnvtasksError:
    """dotenvx's failure in our words; of its own, which may hold values, only error codes and names."""
    codes = list(dict.fromkeys(re.findall(r"\[([A-Z0-9_]+)\]", err)))
    if "DECRYPTION_FAILED" in codes:
        told = re.search(r"could not decrypt ([\w., -]+?)\.? fix:", err)
        failed = [name for name in (told[1].split(", ") if told else ()) if name in names]
        return DecryptionFailed(f"dotenvx could not decrypt {', '.join(failed) or 'a value'}.")
    if "MISSING_ENV_FILE" in codes:
        return EnvFileMissing("dotenvx did not find one of the env files.")
    reason = f" ({', '.join(codes)})" if codes else ""
    return EnvFileInvalid(f"dotenvx failed with exit code {code}{reason}.")
