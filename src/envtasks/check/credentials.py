"""Which values look like credentials, and which are harmless placeholders. Judged by their text alone."""

from __future__ import annotations

import math
import re
from collections import Counter
from itertools import pairwise
from typing import Final
from urllib.parse import unquote, urlsplit

# what the providers document, or their secret scanners look for
_KNOWN: Final = {
    "an AWS access key": r"(?:AKIA|ASIA)[A-Z0-9]{16}",
    "a GitHub token": r"gh[pousr]_[A-Za-z0-9]{36,}|github_pat_\w{22,}",
    "a GitLab token": r"gl(?:pat|dt|rt|soat|ptt)-[\w-]{20,}",
    "a Slack token": r"xox[abeoprs]-[\w-]{10,}|xapp-[\w-]{10,}|https://hooks\.slack\.com/services/T\w+/B\w+/\w+",
    "a Stripe key": r"[sr]k_(?:live|test)_[0-9a-zA-Z]{10,}|whsec_[0-9a-zA-Z]{16,}",
    "a Google API key": r"AIza[\w-]{35}",
    "an OpenAI key": r"sk-(?:proj-|svcacct-)?[A-Za-z0-9_-]{32,}",
    "an Anthropic key": r"sk-ant-[\w-]{32,}",
    "a SendGrid key": r"SG\.[\w-]{16,}\.[\w-]{16,}",
    "a Twilio key": r"SK[0-9a-f]{32}",
    "an npm token": r"npm_[A-Za-z0-9]{36}",
    "a PyPI token": r"pypi-[\w-]{32,}",
    "a Hugging Face token": r"hf_[A-Za-z0-9]{30,}",
    "a Vault token": r"hv[sbr]\.[\w-]{20,}",
    "a DigitalOcean token": r"do[opr]_v1_[a-f0-9]{64}",
    "an age key": r"AGE-SECRET-KEY-1[A-Z0-9]{50,}",
    "an Azure account key": r"(?<=AccountKey=)[A-Za-z0-9+/]{40,}={0,2}",
    "a signed token": r"eyJ[\w-]{8,}\.eyJ[\w-]{8,}\.[\w-]{16,}",
    "a private key": r"-----BEGIN (?:[A-Z]+ )*PRIVATE KEY-----",
}  # fmt: skip
_PATTERN: Final = re.compile(
    "|".join(f"(?P<k{n}>(?<![A-Za-z0-9_-])(?:{text}))" for n, text in enumerate(_KNOWN.values()))
)
_SECRET_NAME: Final = re.compile(
    r"(?:.*_)?(?:SECRET|PASSWORD|PASSWD|PASSPHRASE|PWD|TOKEN|CREDENTIALS?"
    r"|(?:API|ACCESS|SECRET|PRIVATE|ENCRYPTION|SIGNING|MASTER|LICENSE)_?KEY)",
    re.IGNORECASE,
)
# identifiers and checksums are as random as credentials, and public
_PUBLIC_NAME: Final = re.compile(
    r".*(?:_IDS?|_UUID)|.*(?:PUBLIC|PUBLISHABLE|SITE_?KEY|DIGEST|SHA|HASH|COMMIT|REVISION|CHECKSUM|FINGERPRINT|DSN).*",
    re.IGNORECASE,
)
_PLACEHOLDER: Final = re.compile(
    r"(?:change|replace|fill|insert|put|set|enter|add|type|your|my|some|any|the|a|an|this|example|sample|dummy|fake|test"
    r"|todo|tbd|unset|fixme|placeholder|none|null|undefined|secret|password|passwd|pass|pwd|token|key|value|user|username"
    r"|login|here|in|me|it|goes|with|for|x|foo|bar|baz|hunter2|letmein|guest|admin|root|postgres|postgresql"
    r"|mysql|redis|rabbitmq|minio|minioadmin|dev|develop|development|local|localhost|insecure|unsafe|not|only|default"
    r"|strong|random|long|characters?|or|more|of|least|at|super|very|real|generated?|by|use|openssl|rand|hex|uuid"
    r"|api|app|db|database|jwt|session|access|private|client|service|django|flask|fastapi|env|environment|string"
    r"|ci|docker|demo|pw|qwerty|sk|live|pk|\d)+",
    re.IGNORECASE,
)
_MARKED: Final = re.compile(r"<[^<>]*>|\[[^\[\]]*\]|\{\{?[^{}]*\}?\}|\.\.\.|…|_{3,}", re.DOTALL)
_SETTING: Final = re.compile(r"\d{1,5}|true|false|yes|no|on|off", re.IGNORECASE)
_COUNTED: Final = "01234567890 987654321"
_LONGEST: Final = 80  # characters of a placeholder
_TOKEN: Final = re.compile(r"[A-Za-z0-9_-]+")
_SHORTEST: Final = 16  # characters of random text
_SHORTEST_SHARED: Final = 8  # characters: shorter values are equal by chance


def is_placeholder(value: str) -> bool:
    """Whether a value stands for one that is still to be given: empty, `changeme`, `<token>`, or made of such words.

    Of numbers only `0`, `1234` and the like: any other may be a PIN.
    """
    text = _MARKED.sub("", value)
    words = re.sub(r"[\W_]+", "", text)
    if words.isdigit():
        return len(set(words)) == 1 or words in _COUNTED
    return not words or (len(words) <= _LONGEST and _PLACEHOLDER.fullmatch(words) is not None)


def is_comparable(value: str) -> bool:
    """Whether two environments that have this value have one secret: it is no placeholder, and not equal by chance."""
    return len(value) >= _SHORTEST_SHARED and not is_placeholder(value)


def is_unfilled(value: str) -> bool:
    """Whether a value is a placeholder in words, and no number that may be meant."""
    return bool(value) and not value.isdigit() and is_placeholder(value)


def is_left(name: str, value: str, *, secret: bool, elsewhere: bool) -> bool:
    """Whether a value that equals its example was never given: a secret, or what is secret elsewhere or by its name.

    A plain value of what is encrypted elsewhere may be no secret: a port, a log level.
    """
    if _SETTING.fullmatch(value):
        return False
    return secret or ((elsewhere or is_secret_name(name)) and is_unfilled(value))


def is_secret_name(name: str) -> bool:
    """Whether a variable is called what secrets are called."""
    return _SECRET_NAME.fullmatch(name) is not None and not _PUBLIC_NAME.fullmatch(name)


def known_credential(value: str) -> str:
    """What credential the value has the form of: `a GitHub token`; empty for none."""
    found = _PATTERN.search(value)
    if found is None or found.lastgroup is None or is_placeholder(re.sub(r"^\w{2,5}[_-]", "", found[0])):
        return ""
    return list(_KNOWN)[int(found.lastgroup[1:])]


def looks_like_credential(name: str, value: str) -> str:
    """Why a plain value looks like a credential; empty if it does not. References in it are no credential."""
    if known := known_credential(value):
        return f"has the form of {known}"
    literal = re.sub(r"\$\{[^}]*\}|\$\w+", "", value)
    if _has_password(value):
        return "has a password in a URL"
    if not _PUBLIC_NAME.fullmatch(name) and is_random(literal):
        return "is random text"
    return ""


def _has_password(value: str) -> bool:
    """Whether a URL has a password that is written out and no placeholder, nor the user's name."""
    for url in re.findall(r"[A-Za-z][\w+.-]*://[^\s\"'<>]+", value):
        try:
            parts = urlsplit(url)
            user, password = unquote(parts.username or ""), unquote(parts.password or "")
        except ValueError:
            continue
        if password and "$" not in password and password != user and not is_placeholder(password):
            return True
    return False


def is_random(value: str) -> bool:
    """Whether a value has a run of letters and digits that looks random: long, mixed, and no word."""
    return any(_is_random_token(token) for token in _TOKEN.findall(value))


def _is_random_token(token: str) -> bool:
    whole = re.sub(r"[_-]", "", token)
    if len(whole) < _SHORTEST or is_placeholder(whole):
        return False
    parts = re.split(r"[_-]", token)
    if any(_is_mixed(part, changes=3, bits=3.2) or _is_random_letters(part) for part in parts):
        return True
    # base64url has - and _ anywhere; a UUID or a name made of parts is in one case
    return whole.lower() != whole != whole.upper() and _is_mixed(whole, changes=4, bits=3.6)


def _is_mixed(text: str, *, changes: int, bits: float) -> bool:
    """Whether letters and digits alternate this often, with this many bits for each character (a word has about 3)."""
    if len(text) < _SHORTEST:
        return False
    found = sum(a.isdigit() != b.isdigit() for a, b in pairwise(text))
    return found >= changes and _bits(text) >= bits


def _is_random_letters(text: str) -> bool:
    """Whether letters alone are random: capitals everywhere, where the words of a CamelCase name have them in front.

    It finds nine of ten that have 32 letters, and one in 200 of the long names in Python code.
    """
    if len(text) < _SHORTEST or not text.isalpha():
        return False
    small = re.findall(r"[a-z]+", text)
    capitals = sum(each.isupper() for each in text)
    short = sum(len(each) < 3 for each in small)
    return len(small) > 3 and short * 2 > len(small) and capitals >= 0.28 * len(text) and _bits(text) >= 3.5


def _bits(text: str) -> float:
    """The entropy of each character."""
    return -sum(n / len(text) * math.log2(n / len(text)) for n in Counter(text).values())
