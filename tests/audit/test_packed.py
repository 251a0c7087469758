"""What is packed in an image is unpacked, as far as is sensible, and what is not is told."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import struct
import sys
import tarfile
import zipfile
from collections.abc import Callable

import pytest

from envtasks.audit import Limits, NotChecked
from envtasks.errors import ToolMissing
from tests.audit.images import docker_archive, layer, oci_archive
from tests.audit.test_audit import SECRET, audited, one_file, places

LINE = f"password = '{SECRET}'\n".encode()


def zipped(
    name: str = "acme/settings.py", content: bytes = LINE, *, method: int = zipfile.ZIP_DEFLATED
) -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", method) as archive:
        archive.writestr("acme/__init__.py", b"# nothing\n" * 50)
        archive.writestr(name, content)
        archive.writestr("acme/last.py", b"# nothing\n")
    return stream.getvalue()


class Unseekable(io.RawIOBase):
    """A stream that cannot go back, so that zip writes sizes after the content."""

    def __init__(self) -> None:
        self.content = bytearray()

    def writable(self) -> bool:
        return True

    def write(self, data: bytes) -> int:  # type: ignore[override]
        self.content += data
        return len(data)


def zipped_in_one_go(method: int) -> bytes:
    stream = Unseekable()
    with zipfile.ZipFile(stream, "w", method) as archive:
        archive.writestr("first", b"x" * 700)
        archive.writestr("acme/settings.py", gzip.compress(LINE))
        archive.writestr("last.py", LINE)
    return bytes(stream.content)


def tarred(files: dict[str, bytes]) -> bytes:
    return gzip.compress(layer(files, variant=tarfile.PAX_FORMAT))


@pytest.mark.parametrize(
    ("pack", "via"),
    [(gzip.compress, "gzip"), (bz2.compress, "bzip2"), (lzma.compress, "xz")],
    ids=["gzip", "bzip2", "xz"],
)
def test_compressed_files(pack: Callable[[bytes], bytes], via: str) -> None:
    """A value in a compressed file is found, also in the second of two streams in a row."""
    report = audited(one_file(pack(b"-" * 99) + pack(LINE), "var/log/a.log"))
    assert ("layer 1 of 1", "var/log/a.log", "file content", "DB_PASSWORD", f"plain, in {via}") in places(
        report
    )


def test_zstd_file() -> None:
    """A value in a file compressed by zstd is found."""
    zstandard = pytest.importorskip("zstandard")
    report = audited(one_file(zstandard.ZstdCompressor().compress(LINE * 5000), "a.zst"))
    assert "plain, in zstd" in [found.form for found in report.findings]


@pytest.mark.parametrize("method", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED], ids=["stored", "deflated"])
def test_wheel(method: int) -> None:
    """A value in a wheel is found: with the member's path, if it is compressed there."""
    report = audited(one_file(zipped(method=method), "srv/acme-1.0-py3-none-any.whl"))
    path, form = ("!acme/settings.py", "plain, in zip") if method == zipfile.ZIP_DEFLATED else ("", "plain")
    assert places(report) == [
        ("layer 1 of 1", f"srv/acme-1.0-py3-none-any.whl{path}", "file content", "DB_PASSWORD", form)
    ]


@pytest.mark.parametrize("method", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED], ids=["stored", "deflated"])
def test_zip_of_a_stream(method: int) -> None:
    """A zip archive that tells sizes only after each member is read to its last member."""
    report = audited(one_file(zipped_in_one_go(method), "a.jar"))
    last = ("a.jar!last.py", "plain, in zip") if method else ("a.jar", "plain")
    assert [(found.path, found.form) for found in report.findings] == sorted(
        [("a.jar!acme/settings.py", "plain, in gzip, in zip"), last]
    )


def test_packed_in_packed() -> None:
    """Archives in archives are opened: a jar stored in a jar, an sdist in a zip in a tar."""
    jar = zipped("lib/inner.jar", zipped(), method=zipfile.ZIP_STORED)
    nested = tarred({"wheels/a.zip": zipped("sdist.tar.gz", tarred({"acme/settings.py": LINE}))})
    report = audited(docker_archive(layer({"app.jar": jar, "bundle.tgz": nested})))
    assert places(report) == [
        (
            "layer 1 of 1",
            "app.jar!lib/inner.jar!acme/settings.py",
            "file content",
            "DB_PASSWORD",
            "plain, in zip, in zip",
        ),
        (
            "layer 1 of 1",
            "bundle.tgz!wheels/a.zip!sdist.tar.gz!acme/settings.py",
            "file content",
            "DB_PASSWORD",
            "plain, in gzip, in zip, in gzip",
        ),
    ]


def test_script_with_archive() -> None:
    """A zip archive behind the first line of a script (zipapp, pex) is opened."""
    big = zipped(content=LINE + bytes(range(256)) * 99, method=zipfile.ZIP_DEFLATED)
    report = audited(one_file(b"#!/usr/bin/env python3\n" + big, "usr/bin/tool"))
    assert [found.path for found in report.findings] == ["usr/bin/tool!acme/settings.py"]


def test_forbidden_inside() -> None:
    """An env file in a wheel, and dotenvx in a tar archive, are found by their names."""
    files = {"a.whl": zipped("acme/.env"), "b.tgz": tarred({"bin/dotenvx": b"\x7fELF"})}
    report = audited(docker_archive(layer(files)), secrets={})
    assert [(found.kind, found.path) for found in report.findings] == [
        ("env file", "a.whl!acme/.env"),
        ("dotenvx", "b.tgz!bin/dotenvx"),
    ]


def test_bomb() -> None:
    """A file that unpacks to more than the limit is searched up to it, and told."""
    bomb = gzip.compress(bytes(3_000_000) + LINE)
    report = audited(one_file(bomb, "bomb.gz"), limits=Limits(file=2_000_000))
    assert report.findings == ()
    assert report.not_checked == (
        NotChecked("layer 1 of 1, bomb.gz", "it unpacks to more than 2,000,000 bytes"),
    )


def test_many_bombs() -> None:
    """There is a limit to what all packed files together unpack to."""
    bomb = gzip.compress(bytes(600_000))
    image = docker_archive(layer({f"{number}.gz": bomb for number in range(4)}))
    report = audited(image, limits=Limits(files=2_000_000))
    reason = "more than 2,000,000 bytes in all packed files together"
    assert report.not_checked == (NotChecked("layer 1 of 1, 3.gz", reason),)


def test_zstd_bomb_in_little_memory() -> None:
    """Zstandard can put 128 KiB into 4 bytes; it does not come out at once."""
    import tracemalloc

    zstandard = pytest.importorskip("zstandard")
    bomb = zstandard.ZstdCompressor(level=19).compress(bytes(300_000_000))
    image = one_file(bomb, "bomb.zst")
    tracemalloc.start()
    report = audited(image, limits=Limits(file=200_000_000))
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert [gap.what for gap in report.not_checked] == ["layer 1 of 1, bomb.zst"]
    assert peak < 60_000_000


def test_too_deep() -> None:
    """Packed more often than the limit, it is told."""
    content = LINE
    for _ in range(4):
        content = gzip.compress(content)
    report = audited(one_file(content, "a.gz"), limits=Limits(depth=3))
    assert report.not_checked == (NotChecked("layer 1 of 1, a.gz", "packed more than 3 times"),)


def marked_zip(offset: int, value: int) -> bytes:
    """A zip archive with a byte set in the headers of acme/settings.py, by its offset in the first of them."""
    content = bytearray(zipped())
    content[content.find(b"PK\x03\x04", 30) + offset] = value
    content[content.find(b"PK\x01\x02", content.find(b"PK\x01\x02") + 4) + offset + 2] = value
    return bytes(content)


@pytest.mark.parametrize(
    ("content", "path", "reason"),
    [
        (gzip.compress(LINE * 99)[:60], "a", "it ends too early"),
        (gzip.compress(LINE) + gzip.compress(LINE * 99)[:60], "a", "it ends too early"),
        (gzip.compress(LINE)[:-6] + b"\xff" * 6, "a", "damaged, or packed with unusual settings (error)"),
        (marked_zip(6, 1), "a!acme/settings.py", "encrypted"),
        (marked_zip(8, 9), "a!acme/settings.py", "compression method 9 of zip"),
        (zipped(method=zipfile.ZIP_LZMA), "a!acme/__init__.py", "compression method 14 of zip"),
        (marked_zip(14, 1), "a!acme/settings.py", "damaged, or packed with unusual settings (BadZipFile)"),
        (zipped()[:110], "a", "damaged, or packed with unusual settings (BadZipFile)"),
        (b"7z\xbc\xaf\x27\x1c" + bytes(99), "a", "packed as 7z, which is not unpacked"),
    ],
    ids=[
        "cut off",
        "second cut off",
        "damaged",
        "encrypted",
        "method",
        "LZMA",
        "checksum",
        "zip cut off",
        "7z",
    ],
)
def test_not_unpacked(content: bytes, path: str, reason: str) -> None:
    """What cannot be unpacked is listed with the reason."""
    report = audited(one_file(content, "a"))
    assert report.not_checked[0] == NotChecked(f"layer 1 of 1, {path}", reason)


@pytest.mark.skipif(
    sys.version_info < (3, 11, 4), reason="zipfile writes other headers: python/cpython#103861"
)
def test_zip64() -> None:
    """A stored member with its size in 64 bits is passed over rightly: the one after it is found."""
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        with archive.open(zipfile.ZipInfo("big"), "w", force_zip64=True) as member:
            member.write(b"PK\x03\x04" * 999)
        archive.writestr("acme/settings.py", LINE, zipfile.ZIP_DEFLATED)
    assert struct.unpack_from("<L", stream.getvalue(), 18) == (0xFFFFFFFF,)
    report = audited(one_file(stream.getvalue(), "a.zip"))
    assert [found.path for found in report.findings] == ["a.zip!acme/settings.py"]


def test_without_module(monkeypatch: pytest.MonkeyPatch) -> None:
    """Python may be built without a module for compressed files: what needs it is told as not checked."""
    image = one_file(lzma.compress(LINE), "a.xz")
    monkeypatch.setitem(sys.modules, "lzma", None)
    assert audited(image).not_checked == (NotChecked("layer 1 of 1, a.xz", "this Python has no module lzma"),)


@pytest.mark.skipif(sys.version_info >= (3, 14), reason="Python has zstd itself")
def test_zstd_without_library(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without the library a zstd file is told as not checked; a zstd layer is an error with what to install."""
    zstandard = pytest.importorskip("zstandard")
    pack = zstandard.ZstdCompressor().compress
    monkeypatch.setitem(sys.modules, "zstandard", None)
    report = audited(one_file(pack(LINE), "a.zst"))
    assert [gap.what for gap in report.not_checked] == ["layer 1 of 1, a.zst"]
    with pytest.raises(ToolMissing, match="zstd is read with the extra") as caught:
        audited(oci_archive(layer({"a": LINE}), pack=pack))
    assert caught.value.hint == "uv add --dev 'envtasks[docker]'"
