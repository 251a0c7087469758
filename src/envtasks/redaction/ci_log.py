"""Commands that a CI platform reads in a job's output: groups that fold, and the values that GitHub is to mask."""

from __future__ import annotations

import re
import sys
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import TextIO

from ..console import one_line
from .encodings import base64_of, encodings_of
from .values import is_worth_redacting, redacted_texts


def register_masks(values: Iterable[str], *, stream: TextIO | None = None) -> None:
    """Tell GitHub to mask these values in the job's log, line by line and encoded too.

    Written to stderr, because stdout may be piped into another program. Short and common values are left out.
    https://docs.github.com/actions/reference/workflows-and-actions/workflow-commands#masking-a-value-in-a-log
    """
    target = stream or sys.stderr
    for text in sorted({text for value in values for text in masks_of(value)}):
        target.write(f"::add-mask::{_escaped(text)}\n")
    target.flush()


def masks_of(value: str) -> frozenset[str]:
    """The texts to mask for one value, encoded ones too; none for a value that is not worth redacting.

    None has a line break: of such a text GitHub's runner would mask each line, also one that is only `{`.
    """
    from urllib.parse import quote, quote_plus

    texts = redacted_texts(value)
    encoded = (one for text in texts for one in encodings_of(text) | base64_of(text))
    found = {one.decode("utf-8", "replace") for one in encoded}
    found |= {quote(text, safe=safe, errors="replace") for text in texts for safe in ("", "/")}
    found |= {quote_plus(text, errors="replace") for text in texts}
    return frozenset(text for text in found if "\n" not in text and is_worth_redacting(text))


def _escaped(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


@contextmanager
def group(title: str, process_env: Mapping[str, str], *, stream: TextIO | None = None) -> Iterator[None]:
    """Fold what is written meanwhile under a title, where the platform can: GitHub's groups, GitLab's sections.

    https://docs.gitlab.com/ci/jobs/job_logs/#custom-collapsible-sections
    """
    target, title = stream or sys.stdout, one_line(title)
    section = re.sub(r"[^A-Za-z0-9_.-]+", "_", title)
    _write(target, _begin(title, section, process_env))
    try:
        yield
    finally:
        _write(target, _end(section, process_env))


def _begin(title: str, section: str, process_env: Mapping[str, str]) -> str:
    if process_env.get("GITHUB_ACTIONS") == "true":
        return f"::group::{_escaped(title)}\n"
    if process_env.get("GITLAB_CI") == "true":
        return f"\033[0Ksection_start:{int(time.time())}:{section}\r\033[0K{title}\n"
    return ""


def _end(section: str, process_env: Mapping[str, str]) -> str:
    if process_env.get("GITHUB_ACTIONS") == "true":
        return "::endgroup::\n"
    if process_env.get("GITLAB_CI") == "true":
        return f"\033[0Ksection_end:{int(time.time())}:{section}\r\033[0K\n"
    return ""


def _write(stream: TextIO, text: str) -> None:
    if text:
        stream.write(text)
        stream.flush()
