"""Run the `key-command` of an environment: a program that prints the private key of an env file."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

from .encryption import by_public_key
from .parser import PRIVATE_KEY

PUBLIC_KEY_VARIABLE: Final = "ENVTASKS_PUBLIC_KEY"
_SECONDS: Final = 10.0
_MOST: Final = 8  # numbers of 64 digits in the output that are tried
_DIGITS: Final = re.compile(rb"(?<![0-9A-Fa-f])[0-9A-Fa-f]{64}(?![0-9A-Fa-f])")


def ask_key_command(
    argv: Sequence[str], public: str, process_env: Mapping[str, str], folder: Path
) -> tuple[str, str]:
    """The private key of this public key, empty where the command does not print it, and what the command did.

    No shell is started, nothing of the output is shown or kept, and the command gets no private key.
    """
    variables = {name: value for name, value in process_env.items() if not name.startswith(PRIVATE_KEY)}
    name = argv[0] if os.path.dirname(argv[0]) == "" else str(folder / argv[0])  # noqa: PTH120  (./ is a path)
    program = shutil.which(name, path=process_env.get("PATH", os.defpath))
    if program is None:
        return "", f"{argv[0]} is not installed"
    try:
        process = subprocess.Popen(
            [program, *argv[1:]],
            env={**variables, PUBLIC_KEY_VARIABLE: public},
            cwd=folder,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
        )
    except (OSError, ValueError) as error:
        return "", f"it cannot be started ({getattr(error, 'strerror', None) or 'not an argument list'})"
    return _key_in_output(process, public)


def _key_in_output(process: subprocess.Popen[bytes], public: str) -> tuple[str, str]:
    try:
        output, _ = process.communicate(timeout=_SECONDS)
    except subprocess.TimeoutExpired:
        return "", f"it took more than {_SECONDS:g} seconds"
    finally:
        if process.poll() is None:
            process.kill()
            process.wait()  # not for the end of its output, which a program that it started may hold open
        if (
            process.stdout and os.name == "posix"
        ):  # elsewhere a thread reads it, and closing would wait for that
            process.stdout.close()
    if process.returncode:
        return "", f"exit code {process.returncode} (its output is not shown; run it by hand to see why)"
    found = [match.decode() for match in _DIGITS.findall(output)][:_MOST]
    key = by_public_key(found).get(public, "")
    return key, "a key" if key else "a key, but not of this file" if found else "printed no private key"
