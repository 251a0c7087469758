"""What an audit found and what it could not check: places and names, never a value."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from itertools import groupby
from typing import Any, Final

from ..console import one_line
from ..errors import LeakFound

MOST: Final = 10_000
"""Findings, and skipped files, that are kept; more are counted."""

_SHOWN: Final = 20
_HINTS: Final = {
    "secret": "copy no file that holds it, declare no ENV or ARG for it in a shipped stage, use a secret mount; "
    "what a later step deletes stays in the image. If the value is no secret, keep it unencrypted in its env file",
    "private key": "take it out of the image and rotate the key: inv env.rotate",
    "key file": "list *.keys in .dockerignore",
    "env file": "list .env and .env.* in .dockerignore: a container gets its values from outside",
    "dotenvx": "install dotenvx in no stage that is shipped: a container gets its values decrypted",
}


@dataclass(frozen=True, slots=True)
class Finding:
    """One place of an image that holds what it may not.

    `kind` is secret, private key, key file, env file or dotenvx; `variable` the name of the secret or key, `form`
    how it is written (plain, base64, …, in gzip); `path` lies in the layer (`a.whl!b.py` within an archive);
    `where` says which part of it (file content, file name, link, history step 3, Env NAME, …); `step` is the
    build step that made the layer, `blob` the layer's place in the archive.
    """

    kind: str
    layer: str
    path: str
    where: str
    variable: str = ""
    form: str = ""
    step: str = ""
    blob: str = ""


@dataclass(frozen=True, slots=True)
class NotChecked:
    """Something that was not looked into, or not looked for, and why."""

    what: str
    reason: str


@dataclass(frozen=True, slots=True)
class Report:
    """The outcome of an audit. It is clean if there are no findings; `not_checked` says what that does not cover."""

    image: str
    findings: tuple[Finding, ...]
    not_checked: tuple[NotChecked, ...]
    bytes: int
    layers: int
    secrets: int
    engine: str

    @property
    def clean(self) -> bool:
        """Whether nothing was found."""
        return not self.findings

    def to_json(self) -> str:
        """The report as a JSON object, with the fields of Report, Finding and NotChecked."""
        fields: dict[str, Any] = {"image": self.image, "clean": self.clean, **asdict(self)}
        return json.dumps(fields, indent=2)

    def lines(self) -> Iterator[str]:
        """The findings for people: a line for each place, and what it holds."""
        by_place = groupby(
            self.findings, key=lambda found: (found.layer, found.step, found.path, found.where)
        )
        for (layer, step, path, where), group in by_place:
            part = "" if where == "file" else where  # the path alone is the finding
            place = ", ".join(filter(None, (f"{layer} ({step})" if step else layer, path, part)))
            yield one_line(f"{place}: {', '.join(map(_described, group))}")

    def error(self) -> LeakFound | None:
        """The findings as an error to raise, or None if the image is clean."""
        if self.clean:
            return None
        lines = list(self.lines())
        shown = lines[:_SHOWN] + ([f"and {len(lines) - _SHOWN} more places"] if len(lines) > _SHOWN else [])
        kinds = {found.kind for found in self.findings}
        return LeakFound(
            f"{self.image} may not be shipped. It holds:\n" + "\n".join(f"  {line}" for line in shown),
            hint=next(hint for kind, hint in _HINTS.items() if kind in kinds),
        )


def _described(found: Finding) -> str:
    if not found.variable:
        return {"env file": "an env file", "key file": "a key file"}.get(found.kind, found.kind)
    subject = found.variable if found.kind == "secret" else f"the {found.kind} {found.variable}"
    return f"{subject} ({found.form})" if found.form else subject


@dataclass(frozen=True, slots=True)
class Location:
    """A blob of an image, or a file in it. `via` says how that is packed, `depth` how many times."""

    blob: str
    path: str = ""
    via: str = ""
    depth: int = 0

    def member(self, name: str) -> Location:
        """A member of the archive that is here."""
        name = name.removeprefix("./").removeprefix("/")
        return Location(self.blob, f"{self.path}!{name}" if self.path else name, self.via, self.depth)

    def unpacked(self, archive: str = "") -> Location:
        """What is packed in the file that is here, by the format `archive`."""
        via = ", ".join(filter(None, (f"in {archive}" if archive else "", self.via)))
        return replace(self, via=via, depth=self.depth + 1)


class Findings:
    """Collects findings and what was skipped, each once and not more than MOST.

    A finding has its blob, but no layer yet: which layer a blob is, is known when the whole image is read.
    """

    def __init__(self) -> None:
        self._findings: dict[Finding, None] = {}
        self._skipped: dict[tuple[str, str], str] = {}
        self._more = 0
        self._more_skipped = 0

    def add(self, at: Location, where: str, kind: str, variable: str = "", form: str = "") -> None:
        """Add a finding, unless the same is there already."""
        form = ", ".join(filter(None, (form, at.via)))
        found = Finding(kind, "", at.path, where, variable, form, blob=at.blob)
        if found in self._findings:
            return
        if len(self._findings) >= MOST:
            self._more += 1
        else:
            self._findings[found] = None

    def skip(self, at: Location, reason: str) -> None:
        """Add that something was not searched; of several reasons for one place the first is kept."""
        if len(self._skipped) >= MOST:
            self._more_skipped += 1
        else:
            self._skipped.setdefault((at.blob, at.path), reason)

    def __iter__(self) -> Iterator[Finding]:
        return iter(self._findings)

    def skipped(self) -> Iterator[tuple[str, NotChecked]]:
        """What was skipped, with its blob, in the order of reading; then how many more there were, and findings."""
        for (blob, path), reason in self._skipped.items():
            yield blob, NotChecked(path, reason)
        if self._more_skipped:
            yield "", NotChecked(f"{self._more_skipped} more files", "as those before; not listed one by one")
        if self._more:
            yield "", NotChecked(f"{self._more} more findings", "not listed one by one")
