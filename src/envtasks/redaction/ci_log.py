"""What a CI platform reads out of a job's output: groups that fold, and the values that GitHub is to mask."""

from __future__ import annotations

import re
import sys
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Final, TextIO

from .encodings import spellings

SHORTEST: Final = 6
"""Characters. GitHub's mask holds for the whole job, so `root` would blot out every path with that word in it."""

# words that are no secret wherever else they stand, and the outer lines of keys and certificates
COMMON: Final = frozenset(
    ("admin", "administrator", "changeme", "default", "develop", "development", "disabled", "enabled", "example",
     "localhost", "password", "postgres", "postgresql", "private", "production", "public", "secret", "sqlite",
     "staging", "testing", "username", "127.0.0.1", "0.0.0.0")  # noqa: S104 - a word
)  # fmt: skip
_FRAME: Final = re.compile(r"-----(?:BEGIN|END) [A-Z0-9 ]+-----")


def announce(values: Iterable[str], *, stream: TextIO | None = None) -> None:
    """Have GitHub mask these values in the log, line by line and encoded too.

    Goes to stderr, because stdout may be piped into another program. Short and common values are left out.
    https://docs.github.com/actions/reference/workflows-and-actions/workflow-commands#masking-a-value-in-a-log
    """
    target = stream or sys.stderr
    for form in sorted({form for value in values for form in masks(value)}):
        target.write(f"::add-mask::{_escaped(form)}\n")
    target.flush()


def masks(value: str) -> frozenset[str]:
    """The forms of one value that are to be masked; none of a value that is too short or a common word."""
    lines = [line.strip() for line in re.split(r"[\r\n]+", value) if _secret(line.strip())]
    texts = [value.strip(), *lines] if lines else []
    found = {form.decode("utf-8", "replace") for text in texts for form in spellings(text)}
    return frozenset(form for form in found if _secret(form))


def _secret(text: str) -> bool:
    return len(text) >= SHORTEST and text.lower() not in COMMON and not _FRAME.fullmatch(text)


def _escaped(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


@contextmanager
def group(title: str, process_env: Mapping[str, str], *, stream: TextIO | None = None) -> Iterator[None]:
    """Fold what is written meanwhile under a title, where the platform can: GitHub's groups, GitLab's sections.

    https://docs.gitlab.com/ci/jobs/job_logs/#custom-collapsible-sections
    """
    target = stream or sys.stdout
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
