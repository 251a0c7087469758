"""Which values are worth redacting, and which parts of a secret value are secret by themselves."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Final

SHORTEST: Final = 4
"""Characters. A shorter value would turn half of the output into asterisks, and is no secret anyway."""

_COMMON: Final = """
true false yes no on off enabled disabled none null
trace debug info notice warn warning error critical fatal
localhost 127.0.0.1 0.0.0.0 ::1
local dev develop development test testing stage staging prod production live preview demo example default
postgres postgresql mysql mariadb sqlite sqlite3 mssql oracle mongodb redis valkey memcached rabbitmq kafka
admin administrator root user username guest public private secret password changeme
"""
COMMON: Final = frozenset(_COMMON.split())
"""Words that programs print anyway: a secret that is one of them cannot be hidden."""

_NUMBER: Final = re.compile(r"[-+]?\d{1,5}(?:\.\d{1,5})?")
_FRAME: Final = re.compile(r"-----(?:BEGIN|END) [A-Z0-9 ]+-----")

TOKEN: Final = re.compile(r"(?=[\w-]*\d)(?=[\w-]*[A-Za-z])[A-Za-z0-9_-]{20,}")
_URL: Final = re.compile(r"(?:[\w-]+=)?[A-Za-z][\w+.:-]*?://(?:(?P<userinfo>[^/?#\s]*)@)?(?P<rest>\S*)")
_NAME: Final = r"[\w-]*(?:pass|pwd|token|secret|key|sig)[\w-]*"
_PARAMETER: Final = re.compile(rf"[?&;]{_NAME}=([^&;#\s]+)", re.IGNORECASE)
_SETTING: Final = re.compile(rf"(?:^|[;,\s]){_NAME}=([^;,\s]+)", re.IGNORECASE)


def is_worth_redacting(text: str) -> bool:
    """Whether a value is long and rare enough: a mask for `true` or `5432` would blot out what is no secret."""
    text = text.strip()
    return len(text) >= SHORTEST and not (text.lower() in COMMON or _NUMBER.fullmatch(text) or is_frame(text))


def is_frame(line: str) -> bool:
    """Whether a line of a value is the first or last one of every key or certificate."""
    return bool(_FRAME.fullmatch(line))


def redacted_texts(value: str) -> frozenset[str]:
    """The value and the parts of it that are secret by themselves, if they are worth redacting."""
    texts = (value, *(text for _, text in secret_parts(value)))
    return frozenset(text for text in texts if is_worth_redacting(text))


def _is_not_worth_redacting(text: str) -> bool:
    return not is_worth_redacting(text)


def secret_parts(
    value: str, *, too_common: Callable[[str], object] = _is_not_worth_redacting
) -> Iterator[tuple[str, str]]:
    """What of a value is secret by itself, and what it is called in messages.

    All of it, without a name. Of a URL, or several, only the password (with the user name if it alone is too common), a
    user name without one, and what looks like a token. Of `Server=db;Password=…` the password as well.
    """
    words = value.split() if "://" in value else ()
    urls = [url for word in words if (url := _URL.fullmatch(word))]
    if not urls or len(urls) < len(words):
        yield "", value
        if "=" in value:
            yield from (("parameter", text) for text in _SETTING.findall(value))
        return
    for url in urls:
        yield from _userinfo_parts(url["userinfo"] or "", too_common)
        for parameter in _PARAMETER.findall(url["rest"]):
            yield from (("parameter", text) for text in _with_decoded(parameter))
        _, slash, path = url["rest"].partition("/")
        yield from (("token", token) for token in TOKEN.findall(_PARAMETER.sub("", slash + path)))


def _userinfo_parts(userinfo: str, too_common: Callable[[str], object]) -> Iterator[tuple[str, str]]:
    user, colon, password = userinfo.partition(":")
    if not userinfo:
        return
    if not colon:
        yield from (("user name", text) for text in _with_decoded(user))
    elif too_common(password) and not too_common(userinfo):
        yield "user name and password", userinfo
    elif password:
        yield from (("password", text) for text in _with_decoded(password))


def _with_decoded(text: str) -> Iterator[str]:
    yield text
    if "%" in text:
        from urllib.parse import unquote

        yield from {unquote(text)} - {text}
