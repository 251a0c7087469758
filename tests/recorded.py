"""The cases recorded from the real dotenvx command, and the result that each of them must have here.

`policy` of a case: `match` (be equal), `fail_closed` and `error` (dotenvx goes on or hangs, we stop), `refuse` (a
command, which runs only if it is allowed to), `ours` (a bug or a spelling of the command line; `ours_env` is wanted).
The keys in the cases are throwaway keys for fake values.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from envtasks.config import Environment
from envtasks.errors import (
    ConfigInvalid,
    DecryptionFailed,
    EnvFileInvalid,
    EnvFileMissing,
    EnvtasksError,
    KeyMissing,
    VariableMissing,
)
from envtasks.hydration import hydrate

Case = dict[str, Any]

FILE = Path(__file__).parent / "cases" / "dotenvx_cases.json"
# dotenvx runs the command; here a baseline that sets nothing, or requires what is not set, is an error
STRICTER: dict[str, type[EnvtasksError]] = {
    "colon without space": EnvFileInvalid,
    "set prefix": EnvFileInvalid,
    "UTF-16BE BOM": EnvFileInvalid,
    "exp :? error op": VariableMissing,
}
CANNOT_DECRYPT = (KeyMissing, DecryptionFailed)


def recorded() -> list[Case]:
    """All recorded cases."""
    cases: list[Case] = json.loads(FILE.read_text(encoding="utf-8"))
    return cases


def check(case: Case, folder: Path, *, engine: str = "native", path: str = "/usr/bin:/bin") -> None:
    """Assert that a case has the result that its policy asks for."""
    policy, expected = case["policy"], case["expected"]
    write(case, folder)
    if case["name"] in STRICTER:
        with pytest.raises(STRICTER[case["name"]]):
            child(case, folder, engine=engine, path=path)
    elif policy == "match" and expected["exit_code"] != 0:
        with pytest.raises((*CANNOT_DECRYPT, EnvFileMissing)):
            child(case, folder, engine=engine, path=path)
    elif policy == "match":
        assert child(case, folder, engine=engine, path=path) == wanted(case, expected["env"])
    elif policy == "fail_closed":
        with pytest.raises(CANNOT_DECRYPT):
            child(case, folder, engine=engine, path=path)
    elif policy == "refuse":
        with pytest.raises(ConfigInvalid):
            child(case, folder, engine=engine, path=path)
        allowed = child(case, folder, engine=engine, commands=True, path=path)
        assert allowed == wanted(case, expected["env"])
    elif policy == "error":
        with pytest.raises(EnvtasksError):
            child(case, folder, engine=engine, path=path)
    elif "ours_env" in case:
        assert child(case, folder, engine=engine, path=path) == wanted(case, case["ours_env"])
    else:
        with pytest.raises((EnvFileInvalid, EnvFileMissing)):
            child(case, folder, engine=engine, path=path)


def write(case: Case, folder: Path) -> None:
    """Put the files of a case into a folder."""
    for name, content in case["files"].items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        data = base64.b64decode(content["b64"]) if isinstance(content, dict) else content.encode()
        path.write_bytes(data)


def child(
    case: Case, folder: Path, *, engine: str = "native", commands: bool = False, path: str
) -> Mapping[str, str | None]:
    """The case's variables in the child environment; None for one that is not set."""
    flags = case["flags"]
    names, env = _overloaded(case, folder) if case["overload"] else (case["args"], case["env"])
    # dotenvx ignores a missing file unless it is strict: then it is a baseline here
    present = [name for name in names if (folder / name).exists()]
    missing = [name for name in names if name not in present]
    names = missing if missing and ("--strict" in flags or not present) else present
    environment = Environment(
        name="case",
        root=folder,
        files=tuple(folder / name for name in names),
        keys=tuple(folder / flags[at + 1] for at, flag in enumerate(flags) if flag == "-fk"),
    )
    process_env = {"PATH": path, "HOME": str(folder / "home"), "LC_ALL": "C.UTF-8", **env}
    child_env = hydrate(environment, process_env, engine=engine, commands=commands).child_env()
    return {name: child_env.get(name) for name in case["keys"]}


def _overloaded(case: Case, folder: Path) -> tuple[list[str], Mapping[str, str]]:
    """The files and the process environment that give without `--overload` what a case asks for with it.

    envtasks has no such option: the same is a single file, the process environment's values at its top and the
    files one below the other, as a later line of a file wins over an earlier one.
    """
    texts = [f"{name}='{value}'\n" for name, value in case["env"].items()]
    texts += [(folder / name).read_text(encoding="utf-8") for name in case["args"]]
    (folder / ".env.overload").write_text("".join(texts), encoding="utf-8")
    return [".env.overload"], {}


def wanted(case: Case, env: Mapping[str, str]) -> Mapping[str, str | None]:
    """The expected value of each of the case's variables; None for one that must not be set."""
    return {name: env.get(name) for name in case["keys"]}
