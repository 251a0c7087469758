"""What `env.check` costs grows with the env files alone: processes and reads of files do not depend on variables."""

from __future__ import annotations

import os
import subprocess
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from envtasks.check import check
from envtasks.config import Project
from envtasks.envfiles import encryption, read_env_file
from tests.projects import Sandbox

NAMES = ("local", "dev", "test", "staging", "production")


def _project(root: Path, variables: int) -> Project:
    fields = "".join(f"    var_{n}: str\n" for n in range(variables))
    values = "".join(f"VAR_{n}=value-{n}\n" for n in range(variables))
    source = f"from pydantic_settings import BaseSettings\n\nclass Settings(BaseSettings):\n{fields}"
    pyproject = '[project]\nname = "p"\nversion = "1"\n[tool.envtasks]\nsettings = "s:Settings"\n'
    files = {"pyproject.toml": pyproject, "s.py": source, ".env.example": values, ".gitignore": ".env\n"}
    for name, text in {**files, **{f".env.{each}": values for each in NAMES}}.items():
        (root / name).write_text(text, encoding="utf-8")
    subprocess.run(["git", "init", "-q"], cwd=root, check=True)
    subprocess.run(["git", "add", "--all"], cwd=root, check=True)
    return Project.load(root)


def _counted(project: Project, monkeypatch: pytest.MonkeyPatch) -> tuple[int, int]:
    """How many processes a check starts, and how often it reads an env file of an environment."""
    run = subprocess.run
    started, reads = [], []

    def counting_run(*args: Any, **kwargs: Any) -> Any:
        started.append(args)
        return run(*args, **kwargs)

    def counting_read(*args: Any, **kwargs: Any) -> Any:
        reads.append(args)
        return read_env_file(*args, **kwargs)

    with monkeypatch.context() as patched:
        patched.setattr(subprocess, "run", counting_run)
        patched.setattr("envtasks.hydration.layers.read_env_file", counting_read)
        report = check(project, os.environ)
    assert [each.sentence for each in report.findings] == []
    return len(started), len(reads)


def test_neither_processes_nor_reads_depend_on_the_variables(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Five environments of 5 and of 400 variables: the same processes, one for all settings; each file read once."""
    counts = []
    for variables in (5, 400):
        (root := tmp_path / str(variables)).mkdir()
        counts.append(_counted(_project(root, variables), monkeypatch))

    assert counts[0] == counts[1]
    assert counts[0][0] <= 12
    assert counts[0][1] == len(NAMES) + 2  # the overrides of local and dev are looked for


def test_a_value_is_decrypted_once(sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of several keys at hand that of the file opens it, and whether it does is what the check wants to know."""
    for name in NAMES:
        sandbox.environment(name, A=f"{name}-1", B=f"{name}-2")
    decrypt, asked = encryption.decrypt, Counter[str]()

    def counting(ciphertexts: Sequence[str], private_keys: Sequence[str]) -> list[str | None]:
        asked.update(ciphertexts)
        return decrypt(ciphertexts, private_keys)

    monkeypatch.setattr(encryption, "decrypt", counting)
    report = check(Project.load(sandbox.root), sandbox.env)

    assert not [each for each in report.not_checked if each.part == "secrets"]
    assert set(asked.values()) == {1}
    assert len(asked) == 2 * len(NAMES)
