"""The nox sessions of a project, each with its environment: nox's own listing, asked for in a process of its own."""

from __future__ import annotations

import io
import json
import subprocess
import sys
from collections.abc import Iterable, Mapping, Sequence
from contextlib import redirect_stdout
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..errors import ConfigInvalid

NOXFILE = "noxfile.py"


@dataclass(frozen=True, slots=True)
class Session:
    """One session: its name, the environment it declares, and the names under which `nox -s` knows its variants."""

    name: str
    environment: str | None
    variants: tuple[str, ...]


def sessions(
    root: Path,
    process_env: Mapping[str, str],
    *,
    wanted: Sequence[str] | None = None,
    every: bool = False,
) -> tuple[Session, ...]:
    """The sessions that `nox` runs by default, or the wanted ones, or `every` one. Raises ConfigInvalid."""
    if not (root / NOXFILE).is_file() or (wanted is not None and not wanted):
        return ()
    # an expression that every name matches: nox lists by default what it runs by default
    chosen = ["-k", "True"] if every else [] if wanted is None else ["-s", *wanted]
    done = subprocess.run(
        [sys.executable, "-m", __name__, "-f", NOXFILE, *chosen],
        cwd=root,
        env={name: value for name, value in process_env.items() if not name.startswith(("NOX", "DOTENV_"))},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        encoding="utf-8",
        errors="replace",
        check=False,
    )
    if done.returncode:
        said = (done.stderr.strip() or done.stdout.strip() or "nox said nothing").splitlines()[-1]
        raise ConfigInvalid(f"{NOXFILE}: its sessions cannot be listed: {said}", hint="nox --list")
    return tuple(_grouped(json.loads(done.stdout.splitlines()[-1])))


def _grouped(rows: Iterable[Mapping[str, Any]]) -> Iterable[Session]:
    found: dict[str, list[Mapping[str, Any]]] = {}
    for row in rows:  # "name" is the function's, "session" what `nox -s` takes: tests-3.12(db='sqlite')
        found.setdefault(row["name"], []).append(row)
    for name, variants in found.items():
        yield Session(name, variants[0]["environment"], tuple(row["session"] for row in variants))


def _list(words: Sequence[str]) -> int:
    """Print nox's JSON listing with the environment that each session declares: run by `sessions`."""
    import nox
    from nox import registry

    shown, code = io.StringIO(), 0
    sys.argv = ["nox", "--list", "--json", *words]
    with redirect_stdout(shown):
        try:
            nox.main()
        except SystemExit as end:
            code = int(end.code or 0)
    if code:
        sys.stderr.write(shown.getvalue())
        return code
    rows = json.loads(shown.getvalue())
    declared = registry.get()
    for row in rows:
        # a session's body carries what `@session` was given
        row["environment"] = getattr(declared.get(row["name"]), "environment", None)
    sys.stdout.write(json.dumps(rows) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(_list(sys.argv[1:]))
