"""The audit finds a secret wherever and however an image holds it, and says where without saying what."""

from __future__ import annotations

import base64
import gzip
import html
import io
import json
import tarfile
from collections.abc import Mapping
from importlib.util import find_spec
from typing import Any
from urllib.parse import quote, quote_plus

import pytest

from envtasks.audit import Finding, NotChecked, Report, audit
from envtasks.errors import LeakFound
from tests.audit.images import blob_path, config, docker_archive, layer, link, oci_archive
from tests.redaction.test_table import ROWS, WRITTEN

SECRET = "kQ7&x/Zp 2<wL9+mN4"  # every encoding has something to do with it
SECRETS = {"DB_PASSWORD": SECRET}
ENGINES = pytest.mark.parametrize("fast", [True, False], ids=["hyperscan", "python"])


def audited(image: bytes, **more: Any) -> Report:
    return audit(io.BytesIO(image), **({"secrets": SECRETS, "image": "app:test"} | more))


def places(report: Report) -> list[tuple[str, str, str, str, str]]:
    return [(found.layer, found.path, found.where, found.variable, found.form) for found in report.findings]


def one_file(content: bytes, path: str = "app/settings.py") -> bytes:
    return docker_archive(
        layer({"bin/true": b"\x7fELF" * 999, path: content, "etc/hosts": b"127.0.0.1 localhost\n"})
    )


@ENGINES
def test_clean(fast: bool) -> None:
    """An image without secrets is clean, and the report says how much was looked at."""
    image = one_file(b"PASSWORD = os.environ['DB_PASSWORD']\n")
    report = audited(image, fast=fast)
    engine = "hyperscan" if fast and find_spec("hyperscan") else "python"
    assert report == Report("app:test", (), (), len(image), 1, 1, engine)
    assert report.error() is None


@ENGINES
def test_plain(fast: bool) -> None:
    """A value in a file is found with its layer, the step that made the layer, and its path."""
    content = layer({"app/a": b"-" * 700, "app/settings.py": f"PASSWORD = {SECRET!r}\n".encode()})
    report = audited(docker_archive(layer({"bin/sh": b"#!"}), content), fast=fast)
    assert report.findings == (
        Finding(
            kind="secret",
            layer="layer 2 of 2",
            path="app/settings.py",
            where="file content",
            variable="DB_PASSWORD",
            form="plain",
            step="COPY step 2",
            blob=blob_path(content),
        ),
    )


def encoded(offset: int) -> str:
    return base64.b64encode(b"user:"[:offset] + SECRET.encode() + b"\n").decode()


@ENGINES
@pytest.mark.parametrize(
    ("text", "form"),
    [
        pytest.param(encoded(0), "base64", id="base64"),
        pytest.param(encoded(1), "base64", id="base64, one byte before"),
        pytest.param(encoded(2), "base64", id="base64, two bytes before"),
        pytest.param(encoded(2).replace("+", "-").replace("/", "_"), "base64", id="base64, URL-safe"),
        pytest.param(quote(SECRET, safe=""), "URL-encoded", id="URL-encoded"),
        pytest.param(
            quote(SECRET).replace("%3C", "%3c").replace("%2B", "%2b"), "URL-encoded", id="lower case"
        ),
        pytest.param(quote(SECRET, safe=" +&<"), "URL-encoded", id="URL-encoded by SQLAlchemy"),
        pytest.param("".join(f"%{byte:02x}" for byte in SECRET.encode()), "URL-encoded", id="every byte"),
        pytest.param(quote(quote(SECRET, safe=""), safe=""), "URL-encoded", id="URL-encoded twice"),
        pytest.param(quote_plus(SECRET), "URL-encoded", id="form"),
        pytest.param(quote(encoded(1), safe=""), "base64", id="base64, URL-encoded"),
        pytest.param(html.escape(SECRET), "escaped", id="HTML"),
        pytest.param(json.dumps(SECRET).replace("/", "\\/"), "escaped", id="JSON of PHP"),
        pytest.param(SECRET.replace("&", "\\u0026").replace("<", "\\u003c"), "escaped", id="JSON of Go"),
    ],
)
def test_forms(text: str, form: str, fast: bool) -> None:
    """An encoded value is found, and the finding says how it is encoded."""
    report = audited(one_file(f"x = '{text}'\n".encode()), fast=fast)
    assert places(report) == [("layer 1 of 1", "app/settings.py", "file content", "DB_PASSWORD", form)]


@ENGINES
@pytest.mark.parametrize("row", [row for row in ROWS if "each of them" not in row])
def test_encodings_of_redaction(row: str, fast: bool) -> None:
    """What docs/redaction.md calls redacted is found in an image too, and what it does not call so is not."""
    value, written = ROWS[row]
    for text in written:
        content = f"see {text}.".encode("utf-8", "surrogateescape")
        found = audited(one_file(content), secrets={"A": value}, fast=fast).findings
        assert bool(found) is WRITTEN[row].startswith("yes"), text


@pytest.mark.parametrize("columns", range(16, 77, 5))
@pytest.mark.parametrize("newline", ["\n", "\r\n", "\n    ", "\\n"])
def test_base64_in_lines(columns: int, newline: str) -> None:
    """Base64 that is broken into lines is found, wherever the break falls."""
    text = base64.b64encode(b"{'user': 'app', 'password': '" + SECRET.encode() + b"', 'host': 'db'}").decode()
    lines = newline.join(text[at : at + columns] for at in range(0, len(text), columns))
    report = audited(one_file(lines.encode()))
    assert [found.form for found in report.findings] == ["base64"]


def test_file_names_in_messages() -> None:
    """A file name of the image writes no line of its own and no escape sequence; JSON has it as it is."""
    name = "app/\x1b]0;owned\x07\n::error::x"
    report = audited(one_file(SECRET.encode(), path=name))
    assert [found.path for found in report.findings] == [name]
    lines = [*report.lines(), str(report.error())]
    assert not [line for line in lines if "\x1b" in line or "\n::" in line]
    assert json.loads(report.to_json())["findings"][0]["path"] == name


def test_deleted_later() -> None:
    """A file that a later layer deletes is still found in the layer that has it."""
    report = audited(docker_archive(layer({"tmp/token": SECRET.encode()}), layer({"tmp/.wh.token": b""})))
    assert places(report) == [("layer 1 of 2", "tmp/token", "file content", "DB_PASSWORD", "plain")]


@pytest.mark.parametrize(
    ("made", "where", "form"),
    [
        ({"config": {"Env": ["PATH=/bin", f"DB_PASSWORD={SECRET}"]}}, "Env DB_PASSWORD", "plain"),
        ({"config": {"Env": [f"DSN={encoded(1)}"]}}, "Env DSN", "base64"),
        ({"config": {"Labels": {"built.with": SECRET}}}, "Label built.with", "plain"),
        ({"config": {"Cmd": ["app", f"--password={SECRET}"]}}, "Cmd", "plain"),
        ({"history": [{"created_by": f"RUN |1 PW={SECRET} /bin/sh -c true"}]}, "history step 1", "plain"),
        ({"comment": SECRET}, "comment", "plain"),
    ],
)
def test_config(made: Mapping[str, Any], where: str, form: str) -> None:
    """A value in the image's config is found, with the part of the config."""
    report = audited(docker_archive(layer({"a": b""}), made={**config(), **made}))
    assert places(report) == [("config", "", where, "DB_PASSWORD", form)]


def test_names() -> None:
    """A value in a file's name, a link's target or an extended attribute is found, and never shown in the path."""
    marked = tarfile.TarInfo("app/marked")
    marked.pax_headers = {"SCHILY.xattr.user.origin": SECRET}
    value = SECRET.replace("/", "-")
    report = audited(
        docker_archive(
            layer(
                {f"app/{value}.txt": b"", "x/" * 70 + value: b""},
                members=[
                    link("app/a", value),
                    link("app/b", f"tmp/{value}", hard=True),
                    link("c", "d/" * 60 + value),
                    marked,
                ],
            )
        ),
        secrets={"DB_PASSWORD": SECRET, "TOKEN": value},
    )
    assert places(report) == [
        ("layer 1 of 1", "app/***.txt", "file name", "TOKEN", "plain"),
        ("layer 1 of 1", "app/a", "link", "TOKEN", "plain"),
        ("layer 1 of 1", "app/b", "link", "TOKEN", "plain"),
        ("layer 1 of 1", "app/marked", "extended attribute", "DB_PASSWORD", "plain"),
        ("layer 1 of 1", "c", "link", "TOKEN", "plain"),
        ("layer 1 of 1", "x/" * 70 + "***", "file name", "TOKEN", "plain"),
    ]


@pytest.mark.parametrize("variant", [tarfile.USTAR_FORMAT, tarfile.GNU_FORMAT, tarfile.PAX_FORMAT])
def test_long_names(variant: int) -> None:
    """A path too long for a header is told in full, and a value that is split between its two fields is found."""
    path = "a/" * 40 + f"{SECRET.replace(' ', '_')}/" + "b" * 85
    image = docker_archive(layer({path: SECRET.encode(), "z": SECRET.encode()}, variant=variant))
    report = audited(image, secrets={"DB_PASSWORD": SECRET, "TOKEN": SECRET.replace(" ", "_")})
    hidden = path.replace(SECRET.replace(" ", "_"), "***")
    assert places(report) == [
        ("layer 1 of 1", hidden, "file content", "DB_PASSWORD", "plain"),
        ("layer 1 of 1", hidden, "file name", "TOKEN", "plain"),
        ("layer 1 of 1", "z", "file content", "DB_PASSWORD", "plain"),
    ]


@pytest.mark.parametrize("packed", [gzip.compress, pytest.param(None, id="zstd")])
def test_oci_layout(packed: Any) -> None:
    """An OCI layout with packed layers is read as well; packing of a layer is not told as packing of the file."""
    if packed is None:
        packed = pytest.importorskip("zstandard").ZstdCompressor().compress
    image = oci_archive(layer({"a": b"x"}), layer({"app/.netrc": SECRET.encode()}), pack=packed)
    assert places(audited(image)) == [("layer 2 of 2", "app/.netrc", "file content", "DB_PASSWORD", "plain")]


def test_error() -> None:
    """The error names each place and variable once, has exit code 9 and a hint; nothing shows a value."""
    content = layer({"app/.env": f"DB_PASSWORD='{SECRET}'".encode()})
    report = audited(docker_archive(content, made=config(1, Env=[f"A={SECRET}"])))
    error = report.error()
    assert isinstance(error, LeakFound)
    assert (error.code, error.message) == (
        9,
        (
            "app:test may not be shipped. It holds:\n"
            "  config, Env A: DB_PASSWORD (plain)\n"
            "  layer 1 of 1 (COPY step 1), app/.env: an env file\n"
            "  layer 1 of 1 (COPY step 1), app/.env, file content: DB_PASSWORD (plain)"
        ),
    )
    assert "secret mount" in error.hint
    assert SECRET not in f"{error}{error!r}{report!r}" + report.to_json()


def test_json() -> None:
    """The report as JSON has every field of its findings and of what was not checked."""
    image = one_file(SECRET.encode(), "a")
    report = audited(image, secrets=SECRETS | {"PIN": "1234"})
    assert json.loads(report.to_json()) == {
        "image": "app:test",
        "clean": False,
        "findings": [
            {
                "kind": "secret",
                "layer": "layer 1 of 1",
                "path": "a",
                "where": "file content",
                "variable": "DB_PASSWORD",
                "form": "plain",
                "step": "COPY step 1",
                "blob": report.findings[0].blob,
            }
        ],
        "not_checked": [{"what": "PIN", "reason": "shorter than 8 characters"}],
        "bytes": len(image),
        "layers": 1,
        "secrets": 1,
        "engine": report.engine,
    }
    assert report.not_checked == (NotChecked("PIN", "shorter than 8 characters"),)


@pytest.mark.parametrize(
    ("path", "kind"),
    [
        ("app/.env", "env file"),
        (".env.production", "env file"),
        ("app/.env.keys", "key file"),
        ("app/.env.staging.keys", "key file"),
        ("usr/local/bin/dotenvx", "dotenvx"),
        ("usr/lib/node_modules/@dotenvx/dotenvx/package.json", "dotenvx"),
        ("venv/lib/python3.12/site-packages/python_dotenvx-2.0.1.dist-info/METADATA", "dotenvx"),
        ("root/.cache/dotenvx-2.38.2.tgz", "dotenvx"),
    ],
)
def test_forbidden_paths(path: str, kind: str) -> None:
    """Env files, key files and dotenvx itself are found by their paths, whatever is in them."""
    report = audited(one_file(b"X=1\n", path))
    assert [(found.kind, found.path, found.where) for found in report.findings] == [(kind, path, "file")]


@pytest.mark.parametrize(
    "path", ["app/.env.example", "app/environment.py", ".environ", "app/dotenvx.md", "a/.wh..env", "b/keys"]
)
def test_allowed_paths(path: str) -> None:
    """The example and files that are merely called alike are allowed; so is a folder called .env."""
    folder = tarfile.TarInfo("venvs/.env")
    folder.type = tarfile.DIRTYPE
    assert audited(docker_archive(layer({path: b"X=1\n"}, members=[folder]))).findings == ()
