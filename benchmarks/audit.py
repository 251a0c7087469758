"""What `docker.audit` costs beside `grep -F` for one string over the same bytes, and beside `docker save`, as ratios.

    uv run python benchmarks/audit.py [--size 1024] [--secrets 50] [--runs 5]

Against grep it is CPU time (user plus system, the least of all runs) over an archive that is in memory; starting
Python and importing is not counted. Against `docker save` it is wall-clock time: the same pipe read and thrown away, or
audited. The variants take turns, so that noise meets all of them alike. Memory is the peak of the whole process.
Without docker the last part is left out.
"""

from __future__ import annotations

import argparse
import io
import json
import os
import random
import resource
import shutil
import string
import subprocess
import sys
import sysconfig
import tarfile
import tempfile
import time
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path

from envtasks.audit import audit
from envtasks.docker.client import save_image
from envtasks.redaction import Redactor

MIB = 1 << 20
SMALL_FILES = 150_000
SMALL_SIZE = 900
GREPPED = 24
"""Characters: grep is the faster, the longer the string is."""


def secrets(count: int) -> dict[str, str]:
    """Values such as password generators make."""
    chance = random.Random(7)
    letters = string.ascii_letters + string.digits + "+/!%"
    return {
        f"SECRET_{n}": "".join(chance.choices(letters, k=chance.choice([16, 24, 32, 48])))
        for n in range(count)
    }


def corpus(size: int) -> bytes:
    """What images are full of: this Python's own files, text and binary, and a quarter of noise, as packed data are."""
    content = bytearray()
    while len(content) < size * 3 // 4:
        for path in sorted(Path(sysconfig.get_path("stdlib")).rglob("*")):
            if path.suffix in (".py", ".pyc", ".so", ".a", ".txt") and path.is_file():
                content += path.read_bytes()
            if len(content) >= size * 3 // 4:
                break
    del content[size * 3 // 4 :]
    chance = random.Random(1)
    while len(content) < size:
        content += chance.randbytes(MIB)
    return bytes(content[:size])


def archive(path: Path, files: Iterator[tuple[str, bytes]]) -> Path:
    """An image archive with one layer."""
    layer = path.with_suffix(".layer")
    with tarfile.open(layer, "w") as opened:
        for name, content in files:
            member = tarfile.TarInfo(name)
            member.size = len(content)
            opened.addfile(member, io.BytesIO(content))
    entry = [{"Config": "config.json", "Layers": ["layer.tar"]}]
    with tarfile.open(path, "w") as opened:
        opened.add(layer, "layer.tar")
        for name, document in (("config.json", {"history": []}), ("manifest.json", entry)):
            member = tarfile.TarInfo(name)
            content = json.dumps(document).encode()
            member.size = len(content)
            opened.addfile(member, io.BytesIO(content))
    layer.unlink()
    return path


def one_big_file(path: Path, size: int) -> Path:
    """An archive with one file of zeros, longer than any buffer and without a line break."""
    hole = path.with_suffix(".hole")
    with hole.open("wb") as opened:
        opened.truncate(size)
    with tarfile.open(path, "w") as inner:
        inner.add(hole, "zeros")
    made = path.with_suffix(".image")
    with tarfile.open(made, "w") as outer:
        outer.add(path, "layer.tar")
        for name, content in (
            ("config.json", b"{}"),
            ("manifest.json", b'[{"Config":"config.json","Layers":["layer.tar"]}]'),
        ):
            member = tarfile.TarInfo(name)
            member.size = len(content)
            outer.addfile(member, io.BytesIO(content))
    hole.unlink()
    path.unlink()
    return made


def audit_one(path: str, count: int, *, fast: bool) -> None:
    """Run in a process of its own: audit a file and print what it took."""
    values, tracked = secrets(count), {"DOTENV_PUBLIC_KEY": "02" + "ab" * 32}
    with tempfile.TemporaryDirectory() as folder:  # the first audit imports what it needs
        tiny = archive(Path(folder) / "tiny.tar", iter([("number", b"ab" * 32)]))
        audit(io.BytesIO(tiny.read_bytes()), secrets=values, public_keys=tracked, fast=fast)
    with Path(path).open("rb", buffering=0) as stream:
        began = time.process_time()
        report = audit(stream, secrets=values, public_keys=tracked, fast=fast)
        spent = time.process_time() - began
    print(json.dumps({"cpu": spent, "memory": peak(), "clean": report.clean, "engine": report.engine}))


def peak() -> float:
    """The most memory that this process has had, in MiB (what the parent had at the fork does not count on Linux)."""
    status = Path("/proc/self/status")
    if status.exists():
        return int(status.read_text(encoding="utf-8").split("VmHWM:")[1].split()[0]) / 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / MIB


def child(argv: list[str]) -> tuple[str, float]:
    """A process's output and its CPU seconds."""
    process = subprocess.Popen(argv, stdout=subprocess.PIPE, env={**os.environ, "LC_ALL": "C"})
    assert process.stdout is not None
    output = process.stdout.read().decode()
    _, _, usage = os.wait4(process.pid, 0)
    return output, usage.ru_utime + usage.ru_stime


class Measured:
    """The least CPU time, and the highest peak of memory, of the runs of one variant."""

    def __init__(self) -> None:
        self.cpu = float("inf")
        self.memory = 0.0

    def audit(self, path: Path, count: int, *flags: str) -> None:
        output, _ = child([sys.executable, __file__, "--one", str(path), "--secrets", str(count), *flags])
        told = json.loads(output)
        self.cpu, self.memory = min(self.cpu, told["cpu"]), max(self.memory, told["memory"])

    def grep(self, path: Path) -> None:
        value = next(value for value in secrets(50).values() if len(value) == GREPPED)
        _, cpu = child(["grep", "-c", "-a", "-F", "-e", value, str(path)])
        self.cpu = min(self.cpu, cpu)

    def speed(self, path: Path) -> float:
        return path.stat().st_size / 1e6 / self.cpu


def in_memory(folder: Path, size: int, count: int, runs: int) -> None:
    """Against grep: one big file, many small ones, and the search without hyperscan."""
    content = corpus(max(size * MIB, SMALL_FILES * 1536))
    big = archive(folder / "big.tar", iter([("usr/lib/big", content[: size * MIB])]))
    small = archive(
        folder / "small.tar",
        (
            (f"usr/lib/d{n // 100}/f{n}.py", content[n * 1536 : n * 1536 + SMALL_SIZE])
            for n in range(SMALL_FILES)
        ),
    )
    same = archive(folder / "same.tar", iter([("usr/lib/same", content[: small.stat().st_size - 20_480])]))
    del content
    grep, audit_big, audit_small, audit_same, plain = (Measured() for _ in range(5))
    for run in range(runs):
        grep.grep(big)
        audit_big.audit(big, count)
        audit_small.audit(small, count)
        audit_same.audit(same, count)
        if run == 0:
            plain.audit(same, count, "--no-hyperscan")
    show(f"grep -F, one string, {size} MiB", f"{grep.speed(big):6.0f} MB/s", "")
    show(f"audit, {count} secrets", f"{audit_big.speed(big):6.0f} MB/s", f"peak {audit_big.memory:.0f} MiB")
    show("  against grep", f"{grep.cpu / audit_big.cpu:6.2f} x", "wanted: 0.5 or more")
    show(
        f"audit, {SMALL_FILES:,} files",
        f"{audit_small.speed(small):6.0f} MB/s",
        f"peak {audit_small.memory:.0f} MiB",
    )
    show("  against one file as long", f"{audit_same.cpu / audit_small.cpu:6.2f} x", "")
    show("audit without hyperscan", f"{plain.speed(same):6.0f} MB/s", f"peak {plain.memory:.0f} MiB")


def memory(folder: Path, count: int) -> None:
    """A file of 3 GiB without a line break."""
    path = one_big_file(folder / "zeros.tar", 3 << 30)
    zeros = Measured()
    zeros.audit(path, count)
    show(
        "audit, one file of 3 GiB",
        f"{zeros.speed(path):6.0f} MB/s",
        f"peak {zeros.memory:.0f} MiB, wanted: 100 or less",
    )
    path.unlink()


def from_engine(folder: Path, size: int, count: int, runs: int) -> None:
    """Against `docker save` of an image with this Python's files, once as one file and once as they are."""
    context = folder / "context"
    context.mkdir()
    (context / "big").write_bytes(corpus(size * MIB))
    shutil.copytree(
        sysconfig.get_path("stdlib"), context / "lib", symlinks=True, ignore_dangling_symlinks=True
    )
    (context / "Dockerfile").write_text("FROM python:3.12-slim\nCOPY big lib /srv/\n", encoding="utf-8")
    tag = f"envtasks-benchmark:{uuid.uuid4().hex[:8]}"
    subprocess.run(
        ["docker", "build", "--quiet", "--tag", tag, str(context)], check=True, stdout=subprocess.DEVNULL
    )
    values = secrets(count)

    def save() -> None:
        with save_image(tag, os.environ, redactor=Redactor([])) as stream:
            buffer = bytearray(MIB)
            while stream.readinto(buffer):  # type: ignore[attr-defined]
                pass

    def save_and_audit() -> None:
        with save_image(tag, os.environ, redactor=Redactor([])) as stream:
            audit(stream, secrets=values)

    try:
        alone = audited = float("inf")
        for _ in range(runs):
            alone, audited = min(alone, timed(save)), min(audited, timed(save_and_audit))
    finally:
        subprocess.run(["docker", "image", "rm", "--force", tag], check=True, stdout=subprocess.DEVNULL)
    show("docker save, alone", f"{alone:6.2f} s", "")
    show("docker save, audited", f"{audited:6.2f} s", "")
    show("  against docker save", f"{alone / audited:6.2f} x", "wanted: 0.7 or more")


def timed(call: Callable[[], None]) -> float:
    """Wall-clock seconds of a call."""
    began = time.perf_counter()
    call()
    return time.perf_counter() - began


def show(*columns: str) -> None:
    """One line of the table."""
    print("{:34} {:>14}   {}".format(*columns), flush=True)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--size", type=int, default=1024, help="MiB")
    parser.add_argument("--secrets", type=int, default=50)
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--one", help=argparse.SUPPRESS)
    parser.add_argument("--no-hyperscan", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.one:
        audit_one(options.one, options.secrets, fast=not options.no_hyperscan)
        return
    shared = Path("/dev/shm")  # memory, where there is such a folder
    with tempfile.TemporaryDirectory(dir=shared if shared.is_dir() else None) as folder:
        in_memory(Path(folder), options.size, options.secrets, options.runs)
        memory(Path(folder), options.secrets)
    if shutil.which("docker"):
        with tempfile.TemporaryDirectory() as folder:
            from_engine(Path(folder), options.size // 4, options.secrets, options.runs)


if __name__ == "__main__":
    main()
