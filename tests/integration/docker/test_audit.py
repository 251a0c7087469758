"""Deliberately leaky images, built by the real engine and saved by docker: each is caught, a clean one passes."""

from __future__ import annotations

import base64
import os
import subprocess
import uuid
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from envtasks.audit import Report, audit
from envtasks.docker.client import save_image
from envtasks.envfiles import generate_keys
from envtasks.errors import BuildFailed, ToolMissing
from envtasks.redaction import Redactor

pytestmark = [pytest.mark.integration, pytest.mark.docker]

SECRET = "MARKED-Pa55/w0rd+e9c1"
SECRETS = {"DB_PASSWORD": SECRET}
PRIVATE, PUBLIC = generate_keys()  # made for this run
TRACKED = {"DOTENV_PUBLIC_KEY_PRODUCTION": PUBLIC}
HIDE = Redactor([SECRET])


class Images:
    """Builds images from a Dockerfile's text and files, and audits what `docker save` gives of them."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._made: list[str] = []

    def build(self, dockerfile: str, files: Mapping[str, bytes] | None = None, *options: str) -> str:
        context = self._folder / uuid.uuid4().hex
        context.mkdir()
        for name, content in {"Dockerfile": dockerfile.encode(), **(files or {})}.items():
            path = context / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)
        tag = f"envtasks-test-audit:{uuid.uuid4().hex[:12]}"
        argv = ["docker", "buildx", "build", "--quiet", "--tag", tag, *options, str(context)]
        done = subprocess.run(
            argv, env={**os.environ, **SECRETS}, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stderr
        self._made.append(tag)
        return tag

    def audit(self, tag: str) -> Report:
        with save_image(tag, os.environ, redactor=HIDE) as stream:
            return audit(stream, secrets=SECRETS, public_keys=TRACKED, image=tag)

    def remove(self) -> None:
        if self._made:
            subprocess.run(
                ["docker", "image", "rm", "--force", *self._made], capture_output=True, check=False
            )


@pytest.fixture
def images(engine: str, tmp_path: Path) -> Iterator[Images]:
    made = Images(tmp_path)
    yield made
    made.remove()


def found(report: Report) -> list[tuple[str, str, str, str, str]]:
    """The findings, with layers counted from the top: how many the base image has is its own business."""
    return [
        (_from_top(one.layer), one.path, one.where.rstrip(" 0123456789"), one.variable or one.kind, one.form)
        for one in report.findings
    ]


def _from_top(layer: str) -> str:
    numbers = [int(word) for word in layer.split() if word.isdigit()]
    return ("last layer", "last layer but one")[numbers[1] - numbers[0]] if numbers else layer


BASE = "FROM python:3.12-slim\n"
SCRIPT = base64.b64encode(f"{{'password': '{SECRET}'}}".encode()).decode()
MAKE_WHEEL = (
    "import zipfile as z; a = z.ZipFile('/srv/acme-1.0-py3-none-any.whl', 'w', z.ZIP_DEFLATED); "
    "a.write('/tmp/s', 'acme/s.py'); a.close()"
)
COPIED = "FROM python:3.12-slim AS make\nCOPY s /tmp/s\n"


@pytest.mark.parametrize(
    ("dockerfile", "files", "expected"),
    [
        pytest.param(
            f'{BASE}ENV DB_PASSWORD="{SECRET}"\n',
            {},
            [
                ("config", "", "Env DB_PASSWORD", "DB_PASSWORD", "plain"),
                ("config", "", "history step", "DB_PASSWORD", "plain"),
            ],
            id="ENV",
        ),
        pytest.param(
            f"{BASE}COPY . /app/\n",
            {".env": f"DB_PASSWORD='{SECRET}'\n".encode()},
            [
                ("last layer", "app/.env", "file", "env file", ""),
                ("last layer", "app/.env", "file content", "DB_PASSWORD", "plain"),
            ],
            id="COPY .env",
        ),
        pytest.param(
            f"{BASE}COPY s /tmp/s\nRUN rm /tmp/s\n",
            {"s": SECRET.encode()},
            [("last layer but one", "tmp/s", "file content", "DB_PASSWORD", "plain")],
            id="deleted in a later layer",
        ),
        pytest.param(
            f"{BASE}CMD python -c 'config = \"{SCRIPT}\"'\n",
            {},
            [
                ("config", "", "Cmd", "DB_PASSWORD", "base64"),
                ("config", "", "history step", "DB_PASSWORD", "base64"),
            ],
            id="base64 in the config",
        ),
        pytest.param(
            f'{COPIED}RUN yes "$(cat /tmp/s)" | head -n 50 | gzip > /s.gz\n{BASE}COPY --from=make /s.gz /data/\n',
            {"s": SECRET.encode()},
            [("last layer", "data/s.gz", "file content", "DB_PASSWORD", "plain, in gzip")],
            id="gzip",
        ),
        pytest.param(
            f'{COPIED}RUN python -c "{MAKE_WHEEL}"\n{BASE}COPY --from=make /srv /srv\n',
            {"s": b"x" * 99 + SECRET.encode() + b"x" * 99},
            [
                (
                    "last layer",
                    "srv/acme-1.0-py3-none-any.whl!acme/s.py",
                    "file content",
                    "DB_PASSWORD",
                    "plain, in zip",
                )
            ],
            id="wheel",
        ),
        pytest.param(
            f'{COPIED}RUN mkdir /out && touch "/out/$(base64 < /tmp/s | tr / _)"\n{BASE}COPY --from=make /out /out\n',
            {"s": SECRET.encode()},
            [("last layer", "out/***", "file name", "DB_PASSWORD", "base64")],
            id="file name",
        ),
        pytest.param(
            f'{COPIED}RUN mkdir /out && ln -s "/srv/$(cat /tmp/s)" /out/l\n{BASE}COPY --from=make /out /out\n',
            {"s": SECRET.encode()},
            [("last layer", "out/l", "link", "DB_PASSWORD", "plain")],
            id="link",
        ),
        pytest.param(
            f"{BASE}COPY .env.keys /app/\n",
            {".env.keys": f"DOTENV_PRIVATE_KEY_PRODUCTION={PRIVATE}\n".encode()},
            [
                ("last layer", "app/.env.keys", "file", "key file", ""),
                ("last layer", "app/.env.keys", "file content", "DOTENV_PRIVATE_KEY_PRODUCTION", "plain"),
            ],
            id="key file",
        ),
        pytest.param(
            f"{BASE}RUN echo '{PRIVATE}' > /etc/token\n",
            {},
            [
                ("config", "", "history step", "DOTENV_PRIVATE_KEY_PRODUCTION", "plain"),
                ("last layer", "etc/token", "file content", "DOTENV_PRIVATE_KEY_PRODUCTION", "plain"),
            ],
            id="key alone",
        ),
    ],
)
def test_leaky(
    images: Images,
    dockerfile: str,
    files: Mapping[str, bytes],
    expected: list[tuple[str, str, str, str, str]],
) -> None:
    """A leaky Dockerfile is caught, at the very place, and the error shows no value."""
    report = images.audit(images.build(dockerfile, files))
    assert found(report) == expected
    error = str(report.error()) + report.to_json()
    assert SECRET not in error
    assert PRIVATE not in error


def test_builder_stage(images: Images) -> None:
    """A builder stage that took a credential as build arg is caught when it is tagged; the stage after it is clean."""
    dockerfile = (
        f"{BASE.strip()} AS builder\nARG DB_PASSWORD\nRUN echo ok > /ok\n{BASE}COPY --from=builder /ok /ok\n"
    )
    builder = images.audit(images.build(dockerfile, {}, "--target=builder", "--build-arg=DB_PASSWORD"))
    assert {(one.layer, one.variable) for one in builder.findings} == {("config", "DB_PASSWORD")}
    assert SECRET not in str(builder.error())
    assert images.audit(images.build(dockerfile, {}, "--build-arg=DB_PASSWORD")).findings == ()


def test_dotenvx_from_npm(images: Images) -> None:
    """The dotenvx command as npm installs it is caught, by its package and by the command."""
    package = b'{"name": "@dotenvx/dotenvx", "bin": {"dotenvx": "src/cli/dotenvx.js"}}'
    dockerfile = (
        f"{BASE}COPY m /usr/lib/node_modules/\n"
        "RUN ln -s ../lib/node_modules/@dotenvx/dotenvx/src/cli/dotenvx.js /usr/bin/dotenvx\n"
    )
    files = {
        "m/@dotenvx/dotenvx/package.json": package,
        "m/@dotenvx/dotenvx/src/cli/dotenvx.js": b"#!/usr/bin/env node\n",
    }
    assert [one[1:4] for one in found(images.audit(images.build(dockerfile, files)))] == [
        ("usr/lib/node_modules/@dotenvx/dotenvx/package.json", "file", "dotenvx"),
        ("usr/bin/dotenvx", "file", "dotenvx"),
    ]


def test_dotenvx_from_pip(images: Images) -> None:
    """The dotenvx that pip installs is caught: its metadata, its module and its command."""
    report = images.audit(
        images.build(f"{BASE}RUN pip install --root-user-action=ignore python-dotenvx==2.0.1\n")
    )
    assert {one.kind for one in report.findings} == {"dotenvx"}
    names = {one.path.rpartition("site-packages/")[2] for one in report.findings}
    assert {"python_dotenvx-2.0.1.dist-info/METADATA", "dotenvx/__init__.py"} <= names


def test_clean(images: Images) -> None:
    """An image that used the value as a secret mount, and has the example file, is clean down to its last layer."""
    dockerfile = (
        f"{BASE}COPY .env.example /app/\n"
        'RUN --mount=type=secret,id=DB_PASSWORD,env=DB_PASSWORD,required=true test -n "$DB_PASSWORD" && echo ok > /ok\n'
    )
    tag = images.build(
        dockerfile, {".env.example": b"DB_PASSWORD=\n"}, "--secret=id=DB_PASSWORD,env=DB_PASSWORD"
    )
    report = images.audit(tag)
    assert report.findings == ()
    assert report.bytes > 100_000_000


def test_no_such_image(engine: str) -> None:
    """An image that is not there is docker's own message, in one sentence."""
    name = "envtasks-test-audit:is-not-there"
    with (
        pytest.raises(BuildFailed, match=f"{name} could not be read: .*(does not exist|[Nn]o such image)"),
        save_image(name, os.environ, redactor=HIDE) as stream,
    ):
        audit(stream, secrets=SECRETS, image=name)


def test_no_docker(tmp_path: Path) -> None:
    """Without docker on PATH the error says how to get it."""
    with pytest.raises(ToolMissing), save_image("a", {"PATH": str(tmp_path)}, redactor=HIDE):
        pass
