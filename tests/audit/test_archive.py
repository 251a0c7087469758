"""The audit reads archives of any origin and any chunking, and refuses what is not a whole image."""

from __future__ import annotations

import base64
import gzip
import io
import json
import random
import tarfile
from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from envtasks.audit import audit
from envtasks.audit.patterns import PrivateKeys, secret_forms
from envtasks.audit.search import WINDOW, Search
from envtasks.errors import BuildFailed
from tests.audit.images import archive, blob_path, config, docker_archive, layer, link, oci_archive
from tests.audit.test_audit import SECRET, SECRETS, audited, places


class Dripping(io.RawIOBase):
    """A stream that gives its bytes in pieces of odd sizes, as a pipe does."""

    def __init__(self, content: bytes, sizes: Callable[[], int]) -> None:
        self._content, self._sizes, self._at = content, sizes, 0

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
        piece = self._content[self._at : self._at + min(self._sizes(), len(buffer))]
        buffer[: len(piece)] = piece
        self._at += len(piece)
        return len(piece)


FILES = {
    "a/settings.py": b"x" * 600 + SECRET.encode(),
    "b/" + "long/" * 30 + "name": SECRET.encode() + b"y" * 2000,
    "c/data.gz": gzip.compress(b"z" * 3000 + SECRET.encode()),
    "d/.env": b"",
    "e/keys.txt": SECRET.encode() * 2,
}
EXPECTED = [
    ("layer 1 of 1", "a/settings.py", "file content", "DB_PASSWORD", "plain"),
    ("layer 1 of 1", "b/" + "long/" * 30 + "name", "file content", "DB_PASSWORD", "plain"),
    ("layer 1 of 1", "c/data.gz", "file content", "DB_PASSWORD", "plain, in gzip"),
    ("layer 1 of 1", "d/.env", "file", "", ""),
    ("layer 1 of 1", "e/keys.txt", "file content", "DB_PASSWORD", "plain"),
]


@settings(max_examples=40)
@given(st.data())
def test_any_chunks(data: st.DataObject) -> None:
    """However the stream is cut into pieces, the same is found."""
    make = data.draw(st.sampled_from([docker_archive, oci_archive]))
    size = data.draw(st.integers(1, 5000))
    stream = Dripping(make(layer(FILES)), lambda: size)
    assert places(audit(stream, secrets=SECRETS)) == EXPECTED  # type: ignore[arg-type]


@pytest.mark.parametrize("at", [WINDOW, 2 * WINDOW])
@pytest.mark.parametrize("shift", range(-len(SECRET) - 8200, 8200, 331))
@pytest.mark.parametrize("packed", [False, True])
def test_across_windows(at: int, shift: int, packed: bool) -> None:
    """A value that lies across the border of two windows is found once, with the path of its file."""
    before = b"\n" * (at + shift - 2 * 512)  # headers of the file before, and of this one
    files = {
        "a": before[: len(before) & -512],
        "b": before[len(before) & -512 :] + SECRET.encode(),
        "c": b"d",
    }
    image = oci_archive(layer(files)) if packed else docker_archive(layer(files))
    assert places(audited(image)) == [("layer 1 of 1", "b", "file content", "DB_PASSWORD", "plain")]


LONG = "".join(chr(33 + number * 7 % 90) for number in range(300))


@pytest.mark.parametrize(
    ("secret", "content"),
    [
        (SECRET, SECRET.encode()),
        (LONG, LONG.encode()),
        (SECRET, base64.encodebytes(b"-" * 60 + SECRET.encode() + b"-" * 60)),
    ],
    ids=["short", "long", "base64 in lines"],
)
def test_across_small_windows(secret: str, content: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    """A value is found in a file, also in lines of base64, wherever the windows end."""
    monkeypatch.setattr("envtasks.audit.search.WINDOW", 100)
    search = Search(secret_forms({"A": secret}, {}).forms, PrivateKeys({}, most=0))
    for before in range(4000, 4101):
        whole = b"x" * before + content + b"x" * 4000
        assert {hit.variable for hit in search.in_file(io.BytesIO(whole), len(whole))} == {"A"}


def test_after_the_end() -> None:
    """What stands in a layer behind the end of its archive is in no file, but shipped: it is searched."""
    report = audited(docker_archive(layer({"a": b"b"}) + b"rubbish" * 99 + SECRET.encode()))
    assert places(report) == [("layer 1 of 1", "a", "after the file's end", "DB_PASSWORD", "plain")]
    assert report.not_checked == ()


def test_headers_across_windows() -> None:
    """Paths stay right when headers, and extended headers, lie across the border of two windows."""
    expected = []
    files: dict[str, bytes] = {}
    for number in range(3000):
        path = f"{number:04}/" + "x" * (150 if number % 3 else 5)
        files[path] = b"-" * (number % 700) + (SECRET.encode() if number % 7 == 0 else b"")
        if number % 7 == 0:
            expected.append(("layer 1 of 1", path, "file content", "DB_PASSWORD", "plain"))
    assert places(audited(docker_archive(layer(files)))) == expected


def test_older_docker_archive() -> None:
    """The archive of docker before 25 is read: a folder for each layer, a link where a layer comes twice."""
    first, second = layer({"a": b"b"}), layer({"app/token": SECRET.encode()})
    entry = {"Config": "c.json", "RepoTags": None, "Layers": ["1/layer.tar", "2/layer.tar", "3/layer.tar"]}
    image = archive(
        {
            "1/layer.tar": first,
            "1/json": b'{"id": "1"}',
            "2/layer.tar": second,
            "c.json": json.dumps(config(3)).encode(),
            "manifest.json": json.dumps([entry]).encode(),
        },
        link("3/layer.tar", "../1/layer.tar"),
    )
    report = audited(image)
    assert places(report) == [("layer 2 of 3", "app/token", "file content", "DB_PASSWORD", "plain")]
    assert report.layers == 2


def test_several_images() -> None:
    """Of an archive with several images each finding names the image."""
    leaky, clean = layer({"t": SECRET.encode()}), layer({"a": b"b"})
    document = json.dumps(config(1)).encode()
    entries = [
        {"Config": blob_path(document), "RepoTags": [f"app:{name}"], "Layers": [blob_path(content)]}
        for name, content in (("one", clean), ("two", leaky))
    ]
    blobs = {blob_path(content): content for content in (leaky, clean, document)}
    report = audited(archive({**blobs, "manifest.json": json.dumps(entries).encode()}))
    assert places(report) == [("app:two: layer 1 of 1", "t", "file content", "DB_PASSWORD", "plain")]


def test_unknown_blobs() -> None:
    """A blob that no manifest names is searched too: it is shipped."""
    image = io.BytesIO(docker_archive(layer({"a": b"b"})))
    with tarfile.open(fileobj=image, mode="a") as opened:
        member = tarfile.TarInfo("blobs/sha256/feed")
        member.size = len(SECRET)
        opened.addfile(member, io.BytesIO(SECRET.encode()))
    assert places(audited(image.getvalue())) == [("another blob", "", "file content", "DB_PASSWORD", "plain")]


@pytest.mark.parametrize("share", [0.1, 0.5, 0.8])
@pytest.mark.parametrize("make", [docker_archive, oci_archive])
def test_cut_off(make: Callable[[bytes], bytes], share: float) -> None:
    """A stream that ends too early is an error that says so, never a clean report."""
    image = make(layer({f"f{number}": random.Random(number).randbytes(40_000) for number in range(9)}))
    with pytest.raises(
        BuildFailed, match=r"app:test could not be audited: the archive ends in the middle"
    ) as caught:
        audited(image[: int(len(image) * share)])
    assert "save it again" in caught.value.hint


@pytest.mark.parametrize(
    "content", [b"", b"no tar at all" * 99, archive({"a": b"b"}), archive({"manifest.json": b"[]"})]
)
def test_no_image(content: bytes) -> None:
    """What is no image is an error, never a clean report."""
    with pytest.raises(BuildFailed, match="app:test could not be audited"):
        audited(content)


def test_layer_not_there() -> None:
    """A layer that the manifest names and the archive lacks is an error."""
    document = json.dumps(config(2)).encode()
    there = layer({"a": b"b"})
    entry = {"Config": blob_path(document), "Layers": [blob_path(there), "blobs/sha256/gone"]}
    blobs = {blob_path(there): there, blob_path(document): document}
    with pytest.raises(BuildFailed, match="not in the archive: layer 2 of 2"):
        audited(archive({**blobs, "manifest.json": json.dumps([entry]).encode()}))


def test_damaged_layer() -> None:
    """A packed layer that cannot be unpacked is an error, never a clean report."""
    image = oci_archive(layer({"a": b"b" * 5000}), pack=lambda content: gzip.compress(content)[:-30])
    with pytest.raises(BuildFailed, match=r"blobs/sha256/\w+ cannot be unpacked: it ends too early"):
        audited(image)


def test_damaged_header() -> None:
    """Behind a damaged header in a layer all is still searched; that paths are not known is told."""
    content = bytearray(layer({"a": b"b", "b": b"c", "c": SECRET.encode()}))
    content[1024 : 1024 + 512] = b"?" * 512
    report = audited(docker_archive(bytes(content)))
    assert [found.variable for found in report.findings] == ["DB_PASSWORD"]
    assert [gap.what for gap in report.not_checked] == ["layer 1 of 1, a"]
    assert report.not_checked[0].reason.startswith("the archive cannot be read from byte 1024 on")


def test_sparse() -> None:
    """The file after a sparse file of GNU tar, whose map goes on in more blocks, has its own path."""
    sparse = tarfile.TarInfo("big")
    sparse.type, sparse.size = tarfile.GNUTYPE_SPARSE, len(SECRET)
    header = bytearray(sparse.tobuf(tarfile.GNU_FORMAT))
    header[482] = 1
    header[148:156] = b" " * 8
    header[148:156] = b"%06o\0 " % sum(header)
    more, last = bytearray(512), bytes(512)
    more[504] = 1
    content = bytes(header + more + last + SECRET.encode().ljust(512, b"\0")) + layer(
        {"after": SECRET.encode()}
    )
    assert places(audited(docker_archive(content))) == [
        ("layer 1 of 1", "after", "file content", "DB_PASSWORD", "plain"),
        ("layer 1 of 1", "big", "file content", "DB_PASSWORD", "plain"),
    ]


def test_step_hides_values() -> None:
    """The build step that a finding names shows no value, no key, and none of the build args in front of it."""
    step = f"RUN |2 PIN=1234 PASSWORD={SECRET} /bin/sh -c echo {SECRET} {'ab' * 32} > t # buildkit"
    made = config() | {"history": [{"created_by": step}, {"created_by": "ENV A=B", "empty_layer": True}]}
    report = audited(docker_archive(layer({"t": SECRET.encode()}), made=made))
    assert [found.step for found in report.findings if found.path == "t"] == ["RUN echo *** … > t"]


def test_many_places() -> None:
    """The error shows twenty places and counts the rest; the report has all of them."""
    report = audited(docker_archive(layer({f"{number:02}": SECRET.encode() for number in range(50)})))
    error = report.error()
    assert error is not None
    lines = error.message.splitlines()
    assert (len(report.findings), len(lines), lines[-1]) == (50, 22, "  and 30 more places")


def test_copies_of_the_config() -> None:
    """What docker repeats of the config for its older versions is told only if the config does not have it."""
    config_with = config(1, Env=[f"A={SECRET}"])
    image = io.BytesIO(docker_archive(layer({"a": b"b"}), made=config_with))
    with tarfile.open(fileobj=image, mode="a") as opened:
        for name, text in (
            ("old", f'{{"config": {{"Env": ["A={SECRET}"]}}}}'),
            ("new", '{"token": "t0k3n-of-ci"}'),
        ):
            member = tarfile.TarInfo(f"blobs/sha256/{name}")
            member.size = len(text)
            opened.addfile(member, io.BytesIO(text.encode()))
    assert places(audited(image.getvalue(), secrets=SECRETS | {"TOKEN": "t0k3n-of-ci"})) == [
        ("another blob", "", "token", "TOKEN", "plain"),
        ("config", "", "Env A", "DB_PASSWORD", "plain"),
    ]
