"""What hiding secrets costs: until the first output, and on 100 MB of output beside `dotenvx run --redact`, as ratios.

    uv run python benchmarks/redaction.py [--runs 5] [--megabytes 100]

Times are CPU seconds (user plus system of the process and its children) and wall seconds; the least of all runs counts,
as everything else on the machine can only add to it. The variants take turns, so that noise meets all of them alike.
dotenvx looks for the values as they are; envtasks looks for them in base64, URL encoding and escaped as well.
"""

from __future__ import annotations

import argparse
import os
import random
import resource
import shutil
import string
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from envtasks.envfiles import encrypt, generate_keys
from envtasks.redaction import Redactor

LINE = b"2026-01-01 12:00:00 INFO app.module GET /api/v1/items/4711 user=alice took 17 ms status=200\n"
COUNTS = (50, 250, 1000)
SECRETS = 50


def text(size: int, letters: str = string.ascii_letters + string.digits) -> str:
    """Random letters, the same in each run."""
    return "".join(random.choices(letters, k=size))


KINDS: dict[str, Callable[[], str]] = {
    "tokens": lambda: text(32),
    "passwords": lambda: text(24, string.ascii_letters + string.digits + "!$%&/()=?+*#,;:<>|\"'"),
    "database URLs": lambda: f"postgresql://{text(6)}:{text(16)}@db.example.com:5432/{text(8)}",
}


def first_output(runs: int) -> None:
    """Print how long a redactor takes to be made and to redact one line, by the kind and the number of secrets."""
    print(
        f"{'until the first output, CPU ms':32}"
        + "".join(f"{count:>8}" for count in COUNTS)
        + "   1000 / 250"
    )
    for kind, make in KINDS.items():
        values = [make() for _ in range(max(COUNTS))]
        least = dict.fromkeys(COUNTS, 99.0)
        for _ in range(runs):
            for count in COUNTS:
                began = time.process_time()
                Redactor(values[:count]).stream().feed(LINE)
                least[count] = min(least[count], time.process_time() - began)
        row = "".join(f"{1000 * least[count]:8.1f}" for count in COUNTS)
        print(f"  {kind:30}{row}{least[1000] / least[250]:13.1f}")


def project(folder: Path, megabytes: int) -> None:
    """A project with as many secrets, and a log to print."""
    private, public = generate_keys()
    lines = [f'DOTENV_PUBLIC_KEY_BENCH="{public}"']
    lines += [f"SECRET_{number}='{encrypt(text(32), public)}'" for number in range(SECRETS)]
    (folder / ".env.bench").write_text("\n".join(lines) + "\n", encoding="utf-8")
    (folder / ".env.keys").touch(mode=0o600)
    (folder / ".env.keys").write_text(f"DOTENV_PRIVATE_KEY_BENCH={private}\n", encoding="utf-8")
    (folder / "pyproject.toml").write_text('[project]\nname = "bench"\n', encoding="utf-8")
    (folder / "log").write_bytes(LINE * (megabytes * 1_000_000 // len(LINE)))


def once(command: list[str], cwd: Path) -> tuple[float, float]:
    """CPU and wall seconds of one run."""
    env = {name: value for name, value in os.environ.items() if not name.startswith(("APP_", "DOTENV"))}
    before, began = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    subprocess.run(command, cwd=cwd, env=env, check=True, stdout=subprocess.DEVNULL)
    wall, after = time.perf_counter() - began, resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime, wall


def much_output(runs: int, megabytes: int) -> None:
    """Print what whole commands that print a log take, start included."""
    ours = [sys.executable, "-m", "envtasks", "exec", "--env", "bench"]
    variants = {
        "envtasks exec --no-mask": [*ours, "--no-mask", "--", "cat", "log"],
        "envtasks exec": [*ours, "--", "cat", "log"],
    }
    if shutil.which("dotenvx"):
        theirs = ["dotenvx", "run", "--quiet", "-f", ".env.bench"]
        variants["dotenvx run"] = [*theirs, "--", "cat", "log"]
        variants["dotenvx run --redact"] = [*theirs, "--redact", "--", "cat", "log"]
    least = dict.fromkeys(variants, (99.0, 99.0))
    with tempfile.TemporaryDirectory() as name:
        project(Path(name), megabytes)
        for _ in range(runs):
            for variant, command in variants.items():
                cpu, wall = once(command, Path(name))
                least[variant] = min(cpu, least[variant][0]), min(wall, least[variant][1])
    reference_cpu, reference_wall = least.get("dotenvx run --redact", least["envtasks exec"])
    print(f"\n{f'{megabytes} MB, {SECRETS} secrets':28}{'CPU s':>8}{'ratio':>7}{'wall s':>9}{'ratio':>7}")
    for variant, (cpu, wall) in least.items():
        print(f"  {variant:26}{cpu:8.2f}{cpu / reference_cpu:7.2f}{wall:9.2f}{wall / reference_wall:7.2f}")


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--megabytes", type=int, default=100)
    arguments = parser.parse_args()
    random.seed(1)
    first_output(arguments.runs)
    much_output(arguments.runs, arguments.megabytes)


if __name__ == "__main__":
    main()
