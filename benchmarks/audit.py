"""What `docker.audit` costs beside `docker save` of the same image, as a ratio of wall-clock times, and its memory.

    uv run --group test --extra docker python benchmarks/audit.py [--size 256] [--secrets 50] [--runs 5]

The image has one big file and this Python's own files (with hyperscan's wheels that is some thousand). The two take
turns, so that noise meets both alike; the least time of each counts. Memory is the peak of the auditing process.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import resource
import shutil
import string
import subprocess
import sys
import sysconfig
import tempfile
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from envtasks.audit import audit
from envtasks.docker.client import save_image
from envtasks.redaction import Redactor

MIB = 1 << 20


def secrets(count: int) -> dict[str, str]:
    """Values such as password generators make."""
    chance = random.Random(7)
    letters = string.ascii_letters + string.digits + "+/!%"
    return {
        f"SECRET_{n}": "".join(chance.choices(letters, k=chance.choice([16, 24, 32, 48])))
        for n in range(count)
    }


def big_file(size: int) -> bytes:
    """What images are full of: this Python's own files, text and binary, and a quarter of noise, as packed data are."""
    content = bytearray()
    while len(content) < size * 3 // 4:
        for path in sorted(Path(sysconfig.get_path("stdlib")).rglob("*")):
            if path.suffix in (".py", ".pyc", ".so", ".a", ".txt") and path.is_file():
                content += path.read_bytes()
            if len(content) >= size * 3 // 4:
                break
    del content[size * 3 // 4 :]
    return bytes(content) + random.Random(1).randbytes(size - len(content))


@contextmanager
def image(size: int) -> Iterator[str]:
    """An image of the engine, for a while."""
    tag = f"envtasks-benchmark:{uuid.uuid4().hex[:8]}"
    with tempfile.TemporaryDirectory() as folder:
        context = Path(folder)
        (context / "big").write_bytes(big_file(size))
        stdlib = sysconfig.get_path("stdlib")
        shutil.copytree(stdlib, context / "lib", symlinks=True, ignore_dangling_symlinks=True)
        dockerfile = "FROM python:3.12-slim\nCOPY big /srv/\nCOPY lib /srv/lib\n"
        (context / "Dockerfile").write_text(dockerfile, encoding="utf-8")
        build = ["docker", "build", "--quiet", "--tag", tag, folder]
        subprocess.run(build, check=True, stdout=subprocess.DEVNULL)
    try:
        yield tag
    finally:
        subprocess.run(["docker", "image", "rm", "--force", tag], check=True, stdout=subprocess.DEVNULL)


def measure(tag: str, count: int) -> None:
    """Run in a process of its own: read an image, and audit it if there are secrets, and print what that took."""
    values = secrets(count)
    began = time.perf_counter()
    size = 0
    with save_image(tag, os.environ, redactor=Redactor([])) as stream:
        if values:
            size = audit(stream, secrets=values, public_keys={"DOTENV_PUBLIC_KEY": "02" + "ab" * 32}).bytes
        else:
            while chunk := stream.read(MIB):
                size += len(chunk)
    print(json.dumps({"seconds": time.perf_counter() - began, "memory": peak(), "size": size}))


def peak() -> float:
    """The most memory that this process has had, in MiB (what the parent had at the fork does not count on Linux)."""
    status = Path("/proc/self/status")
    if status.exists():
        return int(status.read_text(encoding="utf-8").split("VmHWM:")[1].split()[0]) / 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / MIB


def measured(tag: str, count: int) -> dict[str, float]:
    """What `measure` prints."""
    argv = [sys.executable, __file__, "--measure", tag, "--secrets", str(count)]
    found: dict[str, float] = json.loads(subprocess.run(argv, check=True, stdout=subprocess.PIPE).stdout)
    return found


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--size", type=int, default=256, help="MiB of the big file")
    parser.add_argument("--secrets", type=int, default=50)
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--measure", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.measure:
        measure(options.measure, options.secrets)
        return
    with image(options.size * MIB) as tag:
        pairs = [(measured(tag, 0), measured(tag, options.secrets)) for _ in range(options.runs)]
    alone = min(save["seconds"] for save, _ in pairs)
    audited = min(audit["seconds"] for _, audit in pairs)
    memory = max(audit["memory"] for _, audit in pairs)
    print(f"docker save, {pairs[0][0]['size'] / MIB:.0f} MiB  {alone:6.2f} s")
    print(f"audited, {options.secrets} secrets    {audited:6.2f} s")
    print(f"ratio                  {alone / audited:6.2f}     wanted: 0.5 or more")
    print(f"peak of memory         {memory:6.0f} MiB wanted: 100 or less")


if __name__ == "__main__":
    main()
