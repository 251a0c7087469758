"""Every error that envtasks raises: what happened, what mends it, and the exit code it ends a command with."""

from __future__ import annotations

import errno
from collections.abc import Iterable
from typing import ClassVar, Final


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """The end of a sentence about an unknown word: `: did you mean staging?`, or a full stop where nothing is near."""
    import difflib

    # the dashes of flags would make any two of them near
    by_letters = {each.lstrip("-"): each for each in known}
    near = difflib.get_close_matches(word.lstrip("-"), list(by_letters), n=1, cutoff=0.5)
    return f": did you mean {by_letters[near[0]]}?" if near else "."


class EnvtasksError(Exception):
    """The root: a message (one sentence, never a secret value), a hint (the command that mends it) and an exit code.

    The boundaries translate it (`invoke.Exit`, `session.error`, `__main__`); nothing else catches it.
    """

    code: ClassVar[int] = 1

    def __init__(self, message: str, *, hint: str = "") -> None:
        super().__init__(message, hint)
        self.message = message
        self.hint = hint

    def __str__(self) -> str:
        return f"{self.message}\n  hint: {self.hint}" if self.hint else self.message


class ConfigInvalid(EnvtasksError):
    """The tables of pyproject.toml, or a task's definition, say something that cannot be."""

    code = 2


class UnknownEnvironment(EnvtasksError):
    """No environment has this name."""

    code = 2


class EnvFileMissing(EnvtasksError):
    """A baseline is not there."""

    code = 3


class EnvFileInvalid(EnvtasksError):
    """An env file cannot be read, or a line of it cannot be used (the message says file:line)."""

    code = 3


class KeyMissing(EnvtasksError):
    """A value is encrypted and no key that could open it was found."""

    code = 4


class DecryptionFailed(EnvtasksError):
    """A key is there but does not open the value: another key, or damaged ciphertext."""

    code = 4


class VariableMissing(EnvtasksError, KeyError):
    """Variables that are needed are not in the environment; the message names all of them.

    A KeyError too, which is what `in` and `get` of a mapping expect of a lookup.
    """

    code = 5


class SettingsInvalid(EnvtasksError):
    """Values do not satisfy the project's settings class; the message names all of them, and no value."""

    code = 5


class Refused(EnvtasksError):
    """A protected environment that is not confirmed, an environment that a task does not allow, a shadowed value."""

    code = 6


class ToolMissing(EnvtasksError):
    """A program is not installed or too old; the hint says how to get it on this system."""

    code = 7


class BuildFailed(EnvtasksError):
    """An image could not be built, run or pushed."""

    code = 8


class StackFailed(EnvtasksError):
    """A compose stack did not come up."""

    code = 8


class LeakFound(EnvtasksError):
    """A secret, a key or an env file is where it may not be; the message says where, never the value."""

    code = 9


class ClusterFailed(EnvtasksError):
    """kubectl or the cluster rejected the request."""

    code = 10


_UNWRITABLE: Final = frozenset(
    getattr(errno, name) for name in ("ENOSPC", "EDQUOT", "EFBIG", "EBADF", "EIO") if hasattr(errno, name)
)


def system_error(error: OSError) -> EnvtasksError | None:
    """The error for a full disk, closed output, a folder that was deleted, too large an environment; else None."""
    if error.errno == errno.E2BIG or getattr(error, "winerror", None) == 206:
        return EnvtasksError(
            "The command line or the environment of a command is too large for this system.",
            hint="keep large values in files, or keep variables out with the task's `needs`",
        )
    if error.errno in _UNWRITABLE:
        return EnvtasksError(f"{error.filename or 'The output'} could not be written: {error.strerror}.")
    if error.errno == errno.ENOENT and error.filename is None:  # os.getcwd()
        return EnvtasksError("The current folder is not there any more.", hint="cd to one that is")
    return None
