"""Which values look like credentials, and which are placeholders."""

from __future__ import annotations

import random
import string

import pytest

from envtasks.check.credentials import (
    is_placeholder,
    is_secret_name,
    known_credential,
    looks_like_credential,
)

BASE62 = string.ascii_letters + string.digits
# put together, so that no scanner takes them for real ones
KNOWN = {
    "an AWS access key": "AKIA" + "IOSFODNN7QWERTYU",
    "a GitHub token": "ghp_" + "aB3d" * 9,
    "a GitLab token": "glpat-" + "aB3dE5gH7jK9mN1pQ3rS",
    "a Slack token": "xoxb-" + "123456789012-aBcDeFgHiJ",
    "a Stripe key": "sk_" + "live_aB3dE5gH7jK9mN1p",
    "a Google API key": "AIza" + "aB3dE5g" * 5,
    "an OpenAI key": "sk-" + "proj-" + "aB3dE5gH" * 5,
    "a SendGrid key": "SG." + "aB3dE5gH7jK9mN1p." + "aB3dE5gH7jK9mN1p",
    "an npm token": "npm_" + "aB3dE5" * 6,
    "a Vault token": "hvs." + "aB3dE5gH7jK9mN1pQ3rS",
    "a signed token": "eyJhbGciOiJIUzI1NiJ9." + "eyJzdWIiOiIxMjM0In0." + "dozjgNryP4J3jVmNHl0w5N",
    "a private key": "-----BEGIN RSA PRIVATE KEY" + "-----\nMII",
}


@pytest.mark.parametrize("what", KNOWN)
def test_known_forms(what: str) -> None:
    """The form of each provider's credential is known, also inside other text."""
    assert known_credential(KNOWN[what]) == what
    assert looks_like_credential("ANY", f"x={KNOWN[what]}") == f"has the form of {what}"


@pytest.mark.parametrize(
    "value",
    [
        *(
            "",
            "changeme",
            "CHANGE_ME",
            "change-me-please-1234"[:9],
            "<token>",
            "{{ token }}",
            "xxxxxxxx",
            "***",
            "...",
        ),
        *(
            "your-api-key",
            "your_secret_here",
            "replace-with-real-token",
            "<from the wiki>",
            "[password]",
            "todo",
        ),
        *(
            "postgres",
            "admin",
            "test1234",
            "changeme-32-characters-or-more",
            "django-insecure-changeme",
            "secret",
        ),
        *("sk_live_xxxxxxxxxxxx", "sk-your-key-here", "__", "dummy-value"),
        *("0", "12345678", "0000-0000", "654321"),
    ],
)
def test_placeholders(value: str) -> None:
    """Empty, marked, or made of the words that placeholders are made of."""
    assert is_placeholder(value)
    assert looks_like_credential("ANY", value) == ""


@pytest.mark.parametrize(
    "value",
    [
        "Tr0ub4dor&3",
        "s3cr3t-x9",
        "correct horse",
        "shop-db-prod",
        "hG7!kq",
        "swordfish",
        "48201973",
        "4820-1973",
    ],
)
def test_what_is_no_placeholder(value: str) -> None:
    """A real password is none, however short."""
    assert not is_placeholder(value)


@pytest.mark.parametrize(
    "text", ["x" * 79 + "Z", "password" * 9 + "Z", "postgresql" * 7 + "Q", "a" * 5000, "1" * 5000]
)
def test_placeholders_are_told_at_once(text: str) -> None:
    """Text that almost consists of such words takes no exponential time: the search ends at all."""
    assert is_placeholder(text) in (True, False)


@pytest.mark.parametrize(
    "value",
    [
        *("mydb.c9akciq32rgz.eu-west-1.rds.amazonaws.com", "6f9619ff-8b86-d011-b42d-00c04fc964ff"),
        *("redis://:${CACHE_PASSWORD}@127.0.0.1:6379/0", "postgresql://app:app@db/app", "https://u@h/x"),
        *("company-prod-assets-eu-central-1-20240101", "registry.example.com/team/app:2024.01.02-abcdef1"),
        *(
            "/srv/App/releases/2024-01-02T03-04-05/current",
            "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36",
        ),
        *("TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384", "http://localhost:3000,http://localhost:8080", "HS256"),
        *(
            "config.settings.NotificationServiceBusQueue",
            "HTTPServerAPIKeyDatabaseBackend",
            "ThisIsTheNameOfAUser",
        ),
        *("arn:aws:iam::123456789012:role/deploy", "0 */6 * * *", "application/vnd.oasis.opendocument.text"),
    ],
)
def test_what_is_no_credential(value: str) -> None:
    """Host names, UUIDs, buckets, images, paths, cipher suites, references, a password that is the user's name."""
    assert looks_like_credential("ANY", value) == ""


def test_random_text() -> None:
    """Nearly all random tokens are found: base64url of 32 bytes and 32 hexadecimal digits."""
    source = random.Random(7)
    tokens = ["".join(source.choices(BASE62 + "-_", k=43)) for _ in range(500)]
    digits = ["".join(source.choices("0123456789abcdef", k=32)) for _ in range(500)]

    letters = ["".join(source.choices(string.ascii_letters, k=32)) for _ in range(500)]

    assert sum(bool(looks_like_credential("DB_USER", token)) for token in letters) > 425
    assert sum(bool(looks_like_credential("X", token)) for token in tokens) > 485
    assert sum(bool(looks_like_credential("X", token)) for token in digits) > 485


@pytest.mark.parametrize(
    "name", ["GIT_SHA", "IMAGE_DIGEST", "AUTH0_CLIENT_ID", "STRIPE_PUBLISHABLE_KEY", "SENTRY_DSN"]
)
def test_random_text_that_is_public(name: str) -> None:
    """Identifiers and checksums are random and no secret."""
    assert looks_like_credential(name, "3f2b9c8d7e6f5a4b3c2d1e0f9a8b7c6d") == ""


@pytest.mark.parametrize(
    "value",
    ["postgresql://app:S3cr3tpw@db/app", "amqps://u:p%40ssw0rd@h:5671//", "x;url=https://u:hunter-3x@h"],
)
def test_a_password_in_a_url(value: str) -> None:
    """One that is written out."""
    assert looks_like_credential("ANY", value) == "has a password in a URL"


@pytest.mark.parametrize(
    "name", ["DB_PASSWORD", "API_TOKEN", "SECRET_KEY", "api_key", "STRIPE_SECRET", "TOKEN", "PGPASSWD"]
)
def test_names_of_secrets(name: str) -> None:
    """By what they end with."""
    assert is_secret_name(name) == (name != "PGPASSWD")


@pytest.mark.parametrize(
    "name",
    [
        "TOKEN_URL",
        "PASSWORD_MIN_LENGTH",
        "SECRET_NAME",
        "PUBLIC_KEY",
        "KEY",
        "TOKEN_EXPIRE_MINUTES",
        "CLIENT_ID",
    ],
)
def test_names_of_what_is_no_secret(name: str) -> None:
    """What is about a secret is none."""
    assert not is_secret_name(name)
