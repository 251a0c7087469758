"""Damaged and hostile archives end the audit in bounded time and memory, as not checked or with code 8."""

from __future__ import annotations

import bz2
import gzip
import io
import json
import lzma
import tarfile
import threading
import tracemalloc
import zipfile
import zlib
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from envtasks.audit import Limits, NotChecked, Report
from envtasks.errors import BuildFailed
from tests.audit.images import archive, blob_path, docker_archive, layer, link, oci_archive
from tests.audit.test_audit import SECRET, audited, one_file
from tests.audit.test_packed import LINE, zipped

SECONDS = 60
MIB = 1 << 20


def audited_in_time(image: bytes, **more: Any) -> Report | BuildFailed:
    """The report, or the error with code 8. Fails if there is neither after a minute, or any other error."""
    outcome: list[Report | BaseException] = []

    def run() -> None:
        try:
            outcome.append(audited(image, **more))
        except BaseException as error:
            outcome.append(error)

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    thread.join(SECONDS)
    assert outcome, "the audit did not end"
    found = outcome[0]
    if isinstance(found, Report | BuildFailed):
        return found
    raise found


def report_in_time(image: bytes, **more: Any) -> Report:
    found = audited_in_time(image, **more)
    assert isinstance(found, Report)
    return found


def header(name: str, *, kind: bytes = tarfile.REGTYPE, size: int = 0, field: bytes = b"") -> bytes:
    """The header of a member, with a size field of one's own."""
    member = tarfile.TarInfo(name)
    member.type, member.size = kind, size
    block = bytearray(member.tobuf(tarfile.GNU_FORMAT))
    if field:
        block[124:136] = field
        block[148:156] = b" " * 8
        block[148:156] = b"%06o\0 " % sum(block)
    return bytes(block)


def padded(content: bytes) -> bytes:
    return content + bytes(-len(content) % 512)


def extended(*records: tuple[str, str]) -> bytes:
    """An extended header with these records."""
    text = b"".join(record(name, value) for name, value in records)
    return header("././@PaxHeader", kind=tarfile.XHDTYPE, size=len(text)) + padded(text)


def record(name: str, value: str) -> bytes:
    rest = f" {name}={value}\n".encode("utf-8", "surrogateescape")
    size = len(rest)
    while len(str(size)) + len(rest) != size:
        size = len(str(size)) + len(rest)
    return str(size).encode() + rest


NEGATIVE = (-1024).to_bytes(12, "big", signed=True)
END = bytes(1024)
FIRST = layer({"app/first": LINE})[: 2 * 512]
LEAK = layer({"app/leak": LINE})


@pytest.mark.parametrize(
    "members",
    [
        header("app/odd", field=NEGATIVE),
        header("app/odd", field=(-512).to_bytes(12, "big", signed=True)),
        header("app/odd", field=(-(1 << 80)).to_bytes(12, "big", signed=True)),
        header("app/odd", kind=tarfile.XHDTYPE, field=NEGATIVE) + header("app/next"),
        header("app/odd", kind=tarfile.GNUTYPE_LONGNAME, field=NEGATIVE) + header("app/next"),
        header("app/odd", kind=tarfile.GNUTYPE_SPARSE, field=NEGATIVE),
        header("app/odd", kind=b"?", field=NEGATIVE),
        extended(("size", "-1024")) + header("app/odd"),
        header("././@PaxHeader", kind=tarfile.XGLTYPE, size=512)
        + padded(record("size", "-1024"))
        + header("a"),
    ],
    ids=["1024", "512", "large", "extended", "long name", "sparse", "unknown kind", "PAX", "global PAX"],
)
@pytest.mark.parametrize("before", [b"", FIRST], ids=["first", "second"])
def test_negative_size(members: bytes, before: bytes) -> None:
    """A member that ends before it begins ends the list of members; what follows is searched, and that is told."""
    report = report_in_time(docker_archive(before + members + LEAK))
    assert [found.variable for found in report.findings] == ["DB_PASSWORD"] * (2 if before else 1)
    assert len(report.not_checked) == 1
    assert report.not_checked[0].reason.startswith("the archive cannot be read from byte")


def test_negative_size_outside() -> None:
    """A blob with a negative size is an error: what is in the image cannot be told."""
    error = audited_in_time(header("blobs/sha256/a", field=NEGATIVE) + docker_archive(LEAK))
    assert isinstance(error, BuildFailed)
    assert "the archive cannot be read from byte 0 on" in error.message


@pytest.mark.parametrize(
    "records",
    [
        [("size", "many")],
        [("size", "9" * 5000)],
        [("mtime", "nan"), ("uid", "-1e999"), ("gid", "inf")],
        [("GNU.sparse.map", "0,a,5")],
        [("GNU.sparse.map", "0,5,7")],
        [("GNU.sparse.size", "x"), ("GNU.sparse.numblocks", "y")],
        [("GNU.sparse.major", "1"), ("GNU.sparse.minor", "0")],
        [("GNU.sparse.major", "1"), ("GNU.sparse.minor", "0"), ("GNU.sparse.realsize", "-7")],
        [("GNU.sparse.realsize", "-7"), ("GNU.sparse.map", "0,1")],
        [("hdrcharset", "BINARY"), ("path", "\udcff")],
        [("path", "")],
    ],
)
def test_odd_records(records: list[tuple[str, str]]) -> None:
    """Numbers of an extended header that are none do no harm: what follows is searched."""
    report = report_in_time(docker_archive(FIRST + extended(*records) + header("app/odd") + LEAK))
    assert [found.variable for found in report.findings] == ["DB_PASSWORD"] * 2


@pytest.mark.parametrize("length", [b"0", b"1", b"-5", b"99999999999", b"9" * 5000, "٣".encode()])
def test_odd_record_length(length: bytes) -> None:
    """A record of an extended header may say any length of itself."""
    text = length + b" path=a\n"
    members = header("x", kind=tarfile.XHDTYPE, size=len(text)) + padded(text) + header("app/odd")
    report = report_in_time(docker_archive(FIRST + members + LEAK))
    assert [found.variable for found in report.findings] == ["DB_PASSWORD"] * 2


@pytest.mark.parametrize(
    "members",
    [
        header("././@PaxHeader", kind=tarfile.XHDTYPE, size=48 * MIB) + bytes(48 * MIB),
        header("././@LongLink", kind=tarfile.GNUTYPE_LONGNAME, size=48 * MIB) + b"a" * 48 * MIB,
        extended(("comment", ""))[:-512] * 20_000 + header("app/odd"),
    ],
    ids=["extended", "long name", "one after another"],
)
def test_huge_headers(members: bytes) -> None:
    """Headers larger than any archive needs are not read into memory; what follows is searched."""
    image = docker_archive(FIRST + members + LEAK)
    tracemalloc.start()
    report = report_in_time(image)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert [found.variable for found in report.findings] == ["DB_PASSWORD"] * 2
    assert len(report.not_checked) == 1
    assert peak < 40 * MIB


def test_huge_sparse_map() -> None:
    """A sparse file whose map has millions of entries is not read; what follows is searched."""
    sparse = extended(("GNU.sparse.major", "1"), ("GNU.sparse.minor", "0"))
    content = padded(b"9999999\n" + b"1\n" * (4 * MIB))
    image = docker_archive(FIRST + sparse + header("app/odd", size=len(content)) + content + LEAK)
    report = report_in_time(image)
    assert [found.variable for found in report.findings] == ["DB_PASSWORD"] * 2
    assert [gap.what for gap in report.not_checked] == ["layer 1 of 1, app/first"]


def nested(depth: int, *, kind: str) -> bytes:
    opening, closing = ('{"a":', "}") if kind == "object" else ("[", "]")
    return (opening * depth + "1" + closing * depth).encode()


@pytest.mark.parametrize("depth", [500, 2000, 200_000])
@pytest.mark.parametrize("kind", ["object", "array"])
def test_deep_json_blob(depth: int, kind: str) -> None:
    """A blob that is JSON nested without end is searched as it stands."""
    deep = nested(depth, kind=kind).replace(b"1", json.dumps(SECRET).encode())
    blobs = json.loads(json.dumps({"config": {}}))
    image = io.BytesIO(docker_archive(layer({"a": b"b"}), made=blobs))
    with tarfile.open(fileobj=image, mode="a") as opened:
        member = tarfile.TarInfo("blobs/sha256/deep")
        member.size = len(deep)
        opened.addfile(member, io.BytesIO(deep))
    report = report_in_time(image.getvalue())
    assert [(found.layer, found.variable) for found in report.findings] == [("another blob", "DB_PASSWORD")]


@pytest.mark.parametrize("depth", [2000, 200_000])
def test_deep_json_config(depth: int) -> None:
    """A config nested without end is searched as it stands, and that is told."""
    deep = b'{"a":' + nested(depth, kind="array").replace(b"1", json.dumps(SECRET).encode()) + b"}"
    there = layer({"a": b"b"})
    entry = {"Config": "config.json", "Layers": [blob_path(there)]}
    image = archive(
        {blob_path(there): there, "config.json": deep, "manifest.json": json.dumps([entry]).encode()}
    )
    report = report_in_time(image)
    assert [(found.layer, found.where) for found in report.findings] == [("config", "document")]
    assert report.not_checked == (
        NotChecked("config", "it cannot be read as JSON; it was searched as it stands"),
    )


@pytest.mark.parametrize("name", ["manifest.json", "index.json"])
def test_deep_json_manifest(name: str) -> None:
    """An image whose manifest is nested without end is none."""
    error = audited_in_time(archive({name: nested(200_000, kind="array")}))
    assert isinstance(error, BuildFailed)


NAMES = ["Config", "Layers", "RepoTags", "manifests", "digest", "platform", "os", "annotations", "layers"]
NAMES += ["config", "history", "created_by", "Env", "Labels"]
ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5) | st.just("config.json"),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(NAMES),
            inner,
            max_size=5,
        )
    ),
    max_leaves=12,
)


@settings(max_examples=100)
@given(manifest=ANYTHING, index=ANYTHING, made=ANYTHING)
def test_json_of_any_shape(manifest: Any, index: Any, made: Any) -> None:
    """Whatever JSON stands where a manifest, an index or a config is expected: a report, or code 8."""
    documents = {"manifest.json": manifest, "index.json": index, "config.json": made}
    audited_in_time(archive({name: json.dumps(content).encode() for name, content in documents.items()}))


def test_index_of_itself() -> None:
    """An index that names itself a thousand times is followed once."""
    index = json.dumps({"manifests": [{"digest": "index"}] * 1000}).encode()
    error = audited_in_time(archive({"index.json": index, "blobs/index": index}))
    assert isinstance(error, BuildFailed)


FILES = {
    "app/a.py": LINE,
    "app/" + "long/" * 30 + "name": LINE,
    "b.gz": gzip.compress(LINE * 9),
    "c.whl": zipped(),
    "d.tar": layer({"e": LINE}),
    "f.xz": lzma.compress(LINE),
}
IMAGES = {
    "docker": docker_archive(layer(FILES, members=[link("g", "app/a.py")])),
    "gnu": docker_archive(layer(FILES, variant=tarfile.GNU_FORMAT)),
    "oci": oci_archive(layer(FILES)),
}


@settings(max_examples=150)
@given(
    kind=st.sampled_from(sorted(IMAGES)),
    changes=st.lists(
        st.tuples(st.floats(0, 1, exclude_max=True), st.integers(0, 255)), min_size=1, max_size=8
    ),
)
def test_any_damage(kind: str, changes: list[tuple[float, int]]) -> None:
    """Whatever bytes of an archive are damaged: a report, or code 8."""
    image = bytearray(IMAGES[kind])
    for place, value in changes:
        image[int(place * len(image))] = value
    audited_in_time(bytes(image))


@pytest.mark.parametrize("kind", sorted(IMAGES))
def test_any_cut(kind: str) -> None:
    """Wherever a stream is cut off before its last document, it is code 8, never a report."""
    image = IMAGES[kind]
    last = max(image.find(b"manifest.json"), image.find(b"index.json"))
    for size in range(0, last + 512, 1021):
        assert isinstance(audited_in_time(image[:size]), BuildFailed)


@pytest.mark.parametrize(
    "pack",
    [gzip.compress, bz2.compress, lzma.compress, lambda content: zipped(content=content)],
    ids=["gzip", "bzip2", "xz", "zip"],
)
def test_bomb_in_little_memory(pack: Callable[[bytes], bytes]) -> None:
    """What unpacks to much more than its size is unpacked to the limit, in little memory."""
    image = one_file(pack(bytes(80_000_000)), "bomb")
    tracemalloc.start()
    report = report_in_time(image, limits=Limits(file=40_000_000))
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert [gap.reason for gap in report.not_checked] == ["it unpacks to more than 40,000,000 bytes"]
    assert peak < 25 * MIB


def test_bomb_of_a_layer() -> None:
    """A compressed layer that unpacks to more than the limit is code 8."""
    error = audited_in_time(oci_archive(layer({"a": bytes(3_000_000)})), limits=Limits(layer=2_000_000))
    assert isinstance(error, BuildFailed)
    assert "cannot be unpacked: it unpacks to more than 2,000,000 bytes" in error.message


def test_zip_whose_members_are_one() -> None:
    """A zip archive whose directory names the same bytes many times is a bomb without nesting."""
    content = bytearray(zipped(content=bytes(9_000_000)))
    directory = content.find(b"PK\x01\x02")
    end = content.find(b"PK\x05\x06")
    entries = content[directory:end]
    many = content[:directory] + entries * 300 + content[end:]
    many[-14:-12] = many[-12:-10] = (900).to_bytes(2, "little")
    many[-10:-6] = (len(entries) * 300).to_bytes(4, "little")
    report = report_in_time(one_file(bytes(many), "a.zip"), limits=Limits(file=30_000_000))
    assert [gap.what.partition("!")[0] for gap in report.not_checked][:1] == ["layer 1 of 1, a.zip"]


def test_large_zip_directory() -> None:
    """A zip archive with a directory larger than sensible is not opened, and that is told."""
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as opened:
        opened.writestr("a", b"b")
        opened.comment = b"c"
    content = bytearray(stream.getvalue())
    at = content.find(b"PK\x01\x02")
    content[at:at] = bytes(20 * MIB)
    end = content.find(b"PK\x05\x06")
    content[end + 12 : end + 16] = (end - at).to_bytes(4, "little")
    report = report_in_time(one_file(bytes(content), "a.zip"))
    assert [(gap.what, gap.reason) for gap in report.not_checked] == [
        ("layer 1 of 1, a.zip", "its headers are too large")
    ]


PACKED = {"gzip": gzip.compress(layer({"a": b"", "b": b"", "leak.gz": gzip.compress(LINE)})), "zip": zipped()}


@pytest.mark.parametrize("kind", sorted(PACKED))
def test_members(kind: str) -> None:
    """There is a limit to how many members all archives together may have; what follows is searched."""
    image = docker_archive(layer({"packed": PACKED[kind], "s": LINE, "t.gz": gzip.compress(LINE)}))
    report = report_in_time(image, limits=Limits(members=2))
    assert [found.path for found in report.findings] == ["packed"]
    reasons = [(gap.what, gap.reason.partition(";")[0]) for gap in report.not_checked]
    assert ("layer 1 of 1, packed", "more than 2 members in all archives together") in reasons


def test_many_members_in_little_memory() -> None:
    """The members of an archive are not kept."""
    image = docker_archive(
        layer({f"app/{number}": b"" for number in range(30_000)}, variant=tarfile.GNU_FORMAT)
    )
    tracemalloc.start()
    report_in_time(image)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 12 * MIB


def test_cut_off_inside() -> None:
    """A tar archive in a layer that ends in the middle of a file is searched as far as it goes, and that is told."""
    whole = layer({"a": LINE, "b": LINE + bytes(9000)})
    report = report_in_time(one_file(gzip.compress(whole[: 4 * 512]), "t.tgz"))
    assert [found.path for found in report.findings] == ["t.tgz!a", "t.tgz!b"]
    reason = "the archive ends in the middle of this file; what follows was searched, but not unpacked"
    assert report.not_checked == (NotChecked("layer 1 of 1, t.tgz!b", reason),)


WRAPPERS: dict[str, Callable[[bytes], bytes]] = {
    "gzip": gzip.compress,
    "tar": lambda content: layer({"a": content}),
    "tgz": lambda content: gzip.compress(layer({"a": content})),
    "zip": lambda content: zipped("a", content),
    "stored zip": lambda content: zipped("a", content, method=zipfile.ZIP_STORED),
}


@pytest.mark.parametrize("kind", sorted(WRAPPERS))
def test_nested_without_end(kind: str) -> None:
    """Archives in archives in archives are opened as deep as the limit; that there is more is told."""
    content = LINE
    for _ in range(40):
        content = WRAPPERS[kind](content)
    report = report_in_time(one_file(content, "a"))
    assert [gap.reason for gap in report.not_checked] == ["packed more than 4 times"]


def test_memory_that_xz_asks_for() -> None:
    """A compressed file that asks for much memory is not unpacked."""
    asking = bytearray(lzma.compress(LINE * 99))
    assert asking[12:16] == b"\x02\x00\x21\x01"  # a header of 8 bytes and its checksum; one filter, LZMA2
    asking[16] = 40  # a dictionary of 4 GiB
    asking[20:24] = zlib.crc32(asking[12:20]).to_bytes(4, "little")
    report = report_in_time(one_file(bytes(asking), "a.xz"))
    assert [gap.reason for gap in report.not_checked] == [
        "damaged, or packed with unusual settings (LZMAError)"
    ]


def test_memory_that_zstd_asks_for() -> None:
    """A file compressed by zstd that asks for much memory is not unpacked."""
    zstandard = pytest.importorskip("zstandard")
    asking = zstandard.ZstdCompressionParameters(window_log=26, write_content_size=False)
    pack = zstandard.ZstdCompressor(compression_params=asking).compressobj()
    report = report_in_time(one_file(pack.compress(LINE * 99) + pack.flush(), "a.zst"))
    assert [gap.reason for gap in report.not_checked] == [
        "damaged, or packed with unusual settings (ZstdError)"
    ]


def test_named_numbers() -> None:
    """Thousands of named numbers are told as private keys, and only some are tried."""
    lines = "\n".join(f"DOTENV_PRIVATE_KEY_N{number}={number:064x}" for number in range(1, 5001))
    report = report_in_time(
        one_file(lines.encode()), secrets={}, public_keys={"DOTENV_PUBLIC_KEY": "02" + "ab" * 32}
    )
    assert len(report.findings) == 5000


def test_layer_that_looks_like_json() -> None:
    """A small layer whose first path begins like a JSON document is a layer."""
    report = report_in_time(docker_archive(layer({"[id]/.env": b"", "{a}/b.gz": gzip.compress(LINE)})))
    assert [(found.kind, found.path) for found in report.findings] == [
        ("env file", "[id]/.env"),
        ("secret", "{a}/b.gz"),
    ]


@pytest.mark.parametrize("content", [LINE * 99, b"{}"], ids=["text", "JSON"])
def test_layer_that_is_no_archive(content: bytes) -> None:
    """A layer that is no tar archive is searched as it stands, and that is told."""
    report = report_in_time(docker_archive(LEAK, content))
    assert (
        NotChecked("layer 2 of 2", "it is no tar archive; it was searched as it stands") in report.not_checked
    )


def test_no_space(monkeypatch: pytest.MonkeyPatch) -> None:
    """If there is no room for a layer, the error says where that was."""

    def full(*_args: object, **_more: object) -> object:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("tempfile.SpooledTemporaryFile", full)
    error = audited_in_time(docker_archive(LEAK))
    assert isinstance(error, BuildFailed)
    assert "No space left on device" in error.message
    assert "TMPDIR" in error.hint
