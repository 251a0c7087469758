"""What `inv TASK --env local` costs beside the same task in plain Invoke, and beside the dotenvx command, as ratios.

    uv run python benchmarks/startup.py [--runs 30]

CPU time is user plus system of the process and its children; the least of all runs counts, as everything else on the
machine can only add to it. The variants take turns, so that noise meets all of them alike. Each has run once before, so
that bytecode is there as it is for a user.
"""

from __future__ import annotations

import argparse
import os
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import envtasks
from envtasks.envfiles import encrypt, generate_keys

TASKS = '''
from {module} import task{more}

@task
def noop(c):
    """Nothing."""

{end}
'''


SETTINGS = """
from pydantic import SecretStr
from pydantic_settings import BaseSettings


class Settings(BaseSettings):
"""


def project(folder: Path, values: int, *, settings: bool = False) -> Path:
    """A project whose local environment has encrypted values, and the same task in plain Invoke."""
    private, public = generate_keys()
    lines = [f'DOTENV_PUBLIC_KEY_LOCAL="{public}"', "APP_ENV=local"]
    lines += [f"SECRET_{n}='{encrypt(f'value-{n}', public)}'" for n in range(values)]
    (folder / "plain").mkdir(parents=True)
    (folder / ".env").write_text("", encoding="utf-8")
    (folder / ".env.local").write_text("\n".join(lines) + "\n", encoding="utf-8")
    (folder / ".env.keys").write_text(f"DOTENV_PRIVATE_KEY_LOCAL={private}\n", encoding="utf-8")
    (folder / ".env.keys").chmod(0o600)
    pyproject = '[project]\nname = "bench"\n'
    if settings:
        pyproject += "[tool.envtasks]\nsettings = 'settings:Settings'\n"
        fields = "".join(f"    SECRET_{n}: SecretStr\n    number_{n}: int = 1\n" for n in range(values))
        (folder / "settings.py").write_text(SETTINGS + fields, encoding="utf-8")
    (folder / "pyproject.toml").write_text(pyproject, encoding="utf-8")
    ours = TASKS.format(module="envtasks", more=", namespace", end="ns = namespace(__name__)")
    (folder / "tasks.py").write_text(ours, encoding="utf-8")
    plain = TASKS.format(module="invoke", more="", end="")
    (folder / "plain" / "tasks.py").write_text(plain, encoding="utf-8")
    return folder


def once(command: list[str], cwd: Path, env: dict[str, str]) -> tuple[float, float]:
    """CPU and wall seconds of one run."""
    before, start = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    subprocess.run(
        command, cwd=cwd, env=env, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    wall, after = time.perf_counter() - start, resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime, wall


def prepared(folder: Path) -> dict[str, tuple[list[str], Path, dict[str, str]]]:
    """What to measure: a command, where it runs, and its environment."""
    small, large = project(folder / "small", 5), project(folder / "large", 30)
    checked = project(folder / "checked", 30, settings=True)
    (folder / "no-fast-core").mkdir()
    (folder / "no-fast-core" / "dotenvx.py").write_text("raise ModuleNotFoundError\n", encoding="utf-8")
    ours = Path(envtasks.__file__).parent
    shutil.copytree(ours, folder / "uncompiled" / "envtasks", ignore=shutil.ignore_patterns("__pycache__"))
    left_out = ("APP_", "DOTENV", "PYTHONDONTWRITEBYTECODE")
    env = {name: value for name, value in os.environ.items() if not name.startswith(left_out)} | {"CI": ""}
    slow = {**env, "PYTHONPATH": str(folder / "no-fast-core")}
    uncompiled = {**env, "PYTHONPATH": str(folder / "uncompiled"), "PYTHONDONTWRITEBYTECODE": "1"}
    task = [sys.executable, "-m", "invoke", "noop"]
    local = [*task, "--env", "local"]
    found = {
        "plain Invoke": (task, small / "plain", env),
        "no environment": (task, small, env),
        "--env local": (local, small, env),
        "--env local, 30 values": (local, large, env),
        "and a settings class": (local, checked, env),
        "--env local, cryptography": (local, small, slow),
        "--env local, uncompiled": (local, small, uncompiled),
    }
    if shutil.which("dotenvx"):
        command = ["dotenvx", "run", "-f", ".env", "-f", ".env.local", "--", "true"]
        found["dotenvx run -- true"] = (command, small, env)
    return found


def main() -> None:
    """Measure and print one line a variant."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--runs", type=int, default=30)
    runs = parser.parse_args().runs
    with tempfile.TemporaryDirectory() as name:
        variants = prepared(Path(name))
        least = dict.fromkeys(variants, (9.9, 9.9))
        for variant in variants.values():
            once(*variant)
        for _ in range(runs):
            for name, variant in variants.items():
                cpu, wall = once(*variant)
                least[name] = min(cpu, least[name][0]), min(wall, least[name][1])
    plain_cpu, plain_wall = least["plain Invoke"]
    print(f"{'':28}{'CPU ms':>8}{'ratio':>7}{'wall ms':>9}{'ratio':>7}")
    for name, (cpu, wall) in least.items():
        print(f"{name:28}{cpu * 1000:8.1f}{cpu / plain_cpu:7.2f}{wall * 1000:9.1f}{wall / plain_wall:7.2f}")


if __name__ == "__main__":
    main()
