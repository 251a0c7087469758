"""Invoke's Runner, for commands in a given environment."""

from __future__ import annotations

import os
import shlex
import shutil
import sys
from collections.abc import Mapping, Sequence
from typing import Any

import invoke
from invoke.runners import Local, Result

from .errors import ToolMissing
from .redaction import Redactor


class Runner(Local):
    """Runs one command (a shell line or an argument list) in the child environment."""

    def __init__(
        self,
        context: invoke.Context,
        *,
        child_env: Mapping[str, str] | None = None,
        redactor: Redactor | None = None,
    ) -> None:
        super().__init__(context)
        self._child_env = child_env
        self._redactor = redactor

    def generate_env(self, env: dict[str, Any], replace_env: bool) -> dict[str, Any]:
        base = os.environ if self._child_env is None else self._child_env
        return dict(env) if replace_env else {**base, **env}

    def write_our_output(self, stream: Any, string: str) -> None:
        super().write_our_output(stream, self._redactor.text(string) if self._redactor else string)

    def returncode(self) -> int | None:
        code = super().returncode()
        return 128 - code if code is not None and code < 0 else code

    def run_argv(self, argv: Sequence[str], **kwargs: Any) -> Result:
        """Run a program with arguments and no shell."""
        name = sys.executable if argv[0] == "python" else argv[0]
        env = self.generate_env({}, False)
        if shutil.which(name, path=env.get("PATH")) is None:
            raise ToolMissing(f"{name} was not found.")
        return self.run(shlex.join([name, *argv[1:]]), **kwargs)
