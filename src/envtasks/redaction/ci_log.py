"""Commands that a CI platform reads in a job's output: groups that fold, and the values that GitHub is to mask."""

from __future__ import annotations

import re
import sys
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Final, TextIO

from .encodings import encodings_of

SHORTEST: Final = 6
"""Characters. GitHub's mask holds for the whole job, so `root` would blot out every path with that word in it."""

# words that are no secret wherever else they stand, and the outer lines of keys and certificates
COMMON: Final = frozenset(
    ("admin", "administrator", "changeme", "default", "develop", "development", "disabled", "enabled", "example",
     "localhost", "password", "postgres", "postgresql", "private", "production", "public", "secret", "sqlite",
     "staging", "testing", "username", "127.0.0.1", "0.0.0.0")  # noqa: S104 - a word
)  # fmt: skip
_FRAME: Final = re.compile(r"-----(?:BEGIN|END) [A-Z0-9 ]+-----")


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
    """The texts to mask for one value, encoded ones too; none for a value that is too short or a common word."""
    lines = [line.strip() for line in re.split(r"[\r\n]+", value) if _is_rare(line.strip())]
    texts = [value.strip(), *lines] if lines else []
    found = {encoded.decode("utf-8", "replace") for text in texts for encoded in encodings_of(text)}
    return frozenset(text for text in found if _is_rare(text))


def _is_rare(text: str) -> bool:
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
