"""The state of one `inv` call, which threads share."""

from __future__ import annotations

import threading
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor

import pytest

import envtasks.redaction
from envtasks.invocation import Secrets


def test_streams_that_begin_at_once_share_one_redactor(monkeypatch: pytest.MonkeyPatch) -> None:
    """stdout and stderr have a thread each; what is added later is redacted in both."""
    second = threading.Event()
    made: list[envtasks.redaction.Redactor] = []

    class Slow(envtasks.redaction.Redactor):
        def __init__(self, values: Iterable[str]) -> None:
            made.append(self)
            if len(made) > 1:
                second.set()
            second.wait(0.2)  # for another one that is made meanwhile
            super().__init__(values)

    monkeypatch.setattr(envtasks.redaction, "Redactor", Slow)
    secrets = Secrets()
    secrets.add(["first-secret"])

    with ThreadPoolExecutor(2) as pool:
        streams = [pool.submit(secrets.stream) for _ in range(2)]
        found = [stream.result(timeout=20) for stream in streams]
    secrets.add(["second-secret"])

    assert len(made) == 1
    for stream in found:
        assert stream.feed(b"first-secret second-secret\n") + stream.flush() == b"*** ***\n"
