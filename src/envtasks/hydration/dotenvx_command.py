"""The dotenvx command on this machine: where it is, how it is called, whether its version will do."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from ..errors import ToolMissing

OLDEST: Final = (2, 30)
BELOW: Final = (3, 0)
_SCRIPT: Final = Path("@dotenvx", "dotenvx", "src", "cli", "dotenvx.js")
_versions: dict[tuple[tuple[str, ...], int], tuple[int, int, int]] = {}


@dataclass(frozen=True, slots=True)
class Command:
    """How to call dotenvx: the first words of the argument list, and the version that answers."""

    argv: tuple[str, ...]
    version: tuple[int, int, int]


def locate(root: Path, process_env: Mapping[str, str], *, windows: bool = os.name == "nt") -> Command:
    """The dotenvx command: the project's own (`node_modules/.bin`), else the first on PATH; never a download.

    On Windows npm installs a batch file, which cmd.exe would read with quoting of its own: node is then
    called with the script behind it. Raises ToolMissing if there is none, or none that is new enough.
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


def _installed(root: Path, process_env: Mapping[str, str], windows: bool) -> Iterator[Path]:
    names = ("dotenvx.exe", "dotenvx.cmd", "dotenvx.bat") if windows else ("dotenvx",)
    for folder in (root / "node_modules" / ".bin", *_path_folders(process_env)):
        for name in names:
            if (folder / name).is_file() and os.access(folder / name, os.X_OK):
                yield folder / name


def _path_folders(process_env: Mapping[str, str]) -> Iterator[Path]:
    """The folders of PATH; a relative one is passed over: what lies in the current folder is no tool."""
    for text in process_env.get("PATH", os.defpath).split(os.pathsep):
        folder = Path(text.strip('"'))
        if folder.is_absolute():
            yield folder


def _without_batch_file(path: Path, process_env: Mapping[str, str]) -> tuple[str, ...]:
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
    """The version, found once per process and change of the file; (0, 0, 0) if the command does not say."""
    if (argv, changed) not in _versions:
        manifest = Path(argv[-1]).resolve().parents[2] / "package.json"
        text = _manifest_version(manifest) or _printed_version(argv, process_env)
        match = re.match(r"(\d+)\.(\d+)\.(\d+)", text.strip())
        _versions[argv, changed] = (int(match[1]), int(match[2]), int(match[3])) if match else (0, 0, 0)
    return _versions[argv, changed]


def _manifest_version(manifest: Path) -> str:
    """What package.json says: the same as `--version`, without starting node (180 ms)."""
    import json

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
    ways = {
        "darwin": "brew install dotenvx/brew/dotenvx, or npm install -g @dotenvx/dotenvx",
        "win32": "winget install dotenvx, or npm install -g @dotenvx/dotenvx",
    }
    install = ways.get(sys.platform, "npm install -g @dotenvx/dotenvx")
    return f'{install}; or let envtasks read the files itself: engine = "native"'
