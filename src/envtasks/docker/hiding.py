"""Which values a build may not show."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING
from urllib.parse import unquote, urlsplit

from ..audit.patterns import is_user_name
from ..redaction import Redactor
from .credentials import credentials

if TYPE_CHECKING:
    from ..hydration import Hydrated


def hiding(hydrated: Hydrated, child_env: Mapping[str, str], travelling: Iterable[str] = ()) -> Redactor:
    """What hides the secrets of an environment and the credentials of its package indexes.

    Of a public environment, whose values are fake, it hides only what goes into the build. A user name is
    hidden if it is declared secret; of a URL also what stands before the `@`, by itself.
    """
    found = credentials(hydrated, child_env)
    if hydrated.public:
        found = {name: found.get(name, child_env[name]) for name in travelling if name in child_env}
    else:
        found |= hydrated.secrets
    values = [value for name, value in found.items() if name in hydrated.secrets or not is_user_name(name)]
    return Redactor([form for value in values for form in _forms(value)])


def _forms(value: str) -> Iterator[str]:
    try:
        parts = urlsplit(value)
        userinfo, at, _ = parts.netloc.rpartition("@")
        password = parts.password
    except ValueError:
        parts, at = None, ""
    if parts is None or not parts.scheme or not parts.netloc:
        yield value
        return
    if at:
        yield value
        yield userinfo
        yield from (form for form in (password, unquote(password or "")) if form)
