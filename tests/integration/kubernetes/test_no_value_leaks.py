"""Values on stdin only: no argument, no output, no error, no file of kubectl's ever holds one."""

from __future__ import annotations

import base64
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest

from envtasks import kubernetes
from envtasks.errors import ClusterFailed
from tests.fakekube import Fail, Request
from tests.integration.kubernetes.shop import Shop
from tests.watching import process_files

pytestmark = [
    pytest.mark.integration,
    pytest.mark.kubectl,
    pytest.mark.skipif(sys.platform != "linux", reason="arguments of all processes are read from /proc"),
]
MARK = "MARKED-ca7e60"
FORMS = (
    MARK,
    base64.b64encode(MARK.encode()).decode().rstrip("="),
    "TUFSS0VELW",
    "1BUktFRC1jY",
    "NQVJLRUQtY2",
)

KINDS: tuple[dict[str, Any], ...] = (
    {},
    {"with_manifests": True},
    {"adopt": True},
    {"image": "i:2", "wait": True},
)


@contextmanager
def arguments() -> Iterator[dict[str, bytes]]:
    """Every command line of every process that runs while the block does, by its text, with its environment."""
    seen: dict[str, bytes] = {}
    done = threading.Event()

    def sample() -> None:
        while not done.wait(0.001):
            for folder, words in process_files("cmdline"):
                line = words.replace(b"\0", b" ").decode(errors="replace")
                if line and line not in seen:
                    with suppress(OSError):
                        seen[line] = (folder / "environ").read_bytes() if "kubectl" in line else b""

    thread = threading.Thread(target=sample)
    thread.start()
    try:
        yield seen
    finally:
        done.set()
        thread.join()


def test_no_process_gets_a_value_as_an_argument(shop: Shop) -> None:
    """All command lines, sampled during applies of every kind; kubectl's environment has no value either."""
    with arguments() as seen:
        for number, options in enumerate(KINDS):
            shop.values(f"DB_HOST=host-{MARK}\n", DB_PASSWORD=f"{MARK}-{number}")
            shop.apply(**options)
        shop.diff()
    kubectl = [line for line in seen if line.startswith(shop.program)]
    assert {word for line in kubectl for word in line.split()[1:2]} >= {"apply", "patch", "get", "config"}
    assert [line for line in seen if any(form in line for form in FORMS)] == []
    assert [line for line in kubectl if any(form.encode() in seen[line] for form in FORMS)] == []
    assert [line for line in kubectl if b"DOTENV_PRIVATE_KEY" in seen[line]] == []


def test_no_file_of_kubectl_holds_a_value(shop: Shop) -> None:
    """Neither its discovery cache nor anything else below the home folder or the project, but the env files."""
    shop.values("DB_HOST=h\n", DB_PASSWORD=MARK)
    shop.apply(with_manifests=True, adopt=True)
    places = [Path(shop.env["HOME"]), shop.sandbox.root]
    files = [path for place in places for path in place.rglob("*") if path.is_file()]
    assert files
    assert [path for path in files if any(form.encode() in path.read_bytes() for form in FORMS)] == []


def test_an_error_that_quotes_the_request_is_hidden(shop: Shop) -> None:
    """A server or webhook may repeat what it was sent; plain and encoded values are masked."""
    shop.values("DB_HOST=h\n", DB_PASSWORD=MARK)

    def quote(request: Request) -> Fail | None:
        if request.method != "PATCH":
            return None
        return Fail(400, "BadRequest", f"denied: {MARK} {request.body.decode(errors='replace')}")

    shop.cluster.interfere = quote
    with pytest.raises(ClusterFailed) as caught:
        shop.apply()
    assert "denied: ***" in caught.value.message
    assert [form for form in FORMS if form in caught.value.message] == []


def test_a_hidden_render_is_no_use_to_kubectl_and_a_revealed_one_is(shop: Shop) -> None:
    """Piping the hidden text is refused by kubectl; the revealed text applies as documented."""
    words = ("apply", "--server-side", "-f", "-")
    refused = shop.kubectl(*words, stdin=kubernetes.render(shop.inputs()))
    assert refused.returncode != 0
    assert not shop.cluster.holds("Secret", "shop-env", "shop-staging")
    assert shop.kubectl(*words, stdin=kubernetes.render(shop.inputs(), reveal=True)).returncode == 0
    assert "DB_PASSWORD" in shop.secret()
