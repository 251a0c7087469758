"""What an audit found and what it could not check: places and names, never a value."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from itertools import groupby
from typing import Any, Final

from ..errors import LeakFound

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
        return json.dumps(fields, indent=2, ensure_ascii=False)

    def lines(self) -> Iterator[str]:
        """The findings for people: a line for each place, and what it holds."""
        by_place = groupby(
            self.findings, key=lambda found: (found.layer, found.step, found.path, found.where)
        )
        for (layer, step, path, where), group in by_place:
            part = "" if where == "file" else where  # then what it is says it all
            place = ", ".join(filter(None, (f"{layer} ({step})" if step else layer, path, part)))
            yield f"{place}: {', '.join(map(_told, group))}"

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


def _told(found: Finding) -> str:
    if not found.variable:
        return {"env file": "an env file", "key file": "a key file"}.get(found.kind, found.kind)
    subject = found.variable if found.kind == "secret" else f"the {found.kind} {found.variable}"
    return f"{subject} ({found.form})" if found.form else subject
