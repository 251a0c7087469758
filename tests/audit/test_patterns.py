"""What is looked for of a value, and which values cannot be."""

from __future__ import annotations

import base64

import pytest

from envtasks.audit import NotChecked
from envtasks.audit.patterns import LONGEST, secret_forms, too_common
from tests.audit.images import docker_archive, layer
from tests.audit.test_audit import audited, one_file

TOO_SHORT = "shorter than 8 characters"
A_WORD = "only letters, or only digits, and shorter than 16 characters"


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("k9#xQ2!", TOO_SHORT),
        ("k9#xQ2!a", ""),
        ("production", A_WORD),
        ("my-database", A_WORD),
        ("db.example.com", A_WORD),
        ("123456789012345", A_WORD),
        ("1234567890123456", ""),
        ("qwertzuiopasdfgh", ""),
        ("passw0rd", ""),
        ("a1a1a1a1a1a1a1a1", "fewer than 5 different characters"),
    ],
)
def test_rule(text: str, reason: str) -> None:
    """Values of 8 characters are looked for, words and numbers from 16 on, a few characters repeated never."""
    assert too_common(text) == reason


@pytest.mark.parametrize(
    ("value", "texts"),
    [
        ("postgresql://app:s3cr3t-pw@db.example.com:5432/app", {"s3cr3t-pw"}),
        ("postgresql+psycopg://app:p%40ssw0rd%21@db/app", {"p%40ssw0rd%21", "p@ssw0rd!"}),
        ("redis://:s3cr3t-pw@cache:6379/0", {"s3cr3t-pw"}),
        ("https://t0ken-of-ci@git.example.com/a.git", {"t0ken-of-ci"}),
        ("amqp://worker:rabbit-mq@mq.example.com", {"worker:rabbit-mq"}),  # only together long enough
        ("jdbc:postgresql://db/app?user=app&password=s3cr3t-pw&ssl=true", {"s3cr3t-pw"}),
        ("https://hooks.example.com/services/T0042/xY7zK2pQ9rLw4VtB8mNc/x", {"xY7zK2pQ9rLw4VtB8mNc"}),
        (
            "https://a:s3cr3t-pw@one.example.com/simple https://b:t0ps3cret@two.example.com/",
            {"s3cr3t-pw", "t0ps3cret"},
        ),
        ("internal=https://ci:s3cr3t-pw@index.example.com/simple/", {"s3cr3t-pw"}),
        ("host=db password=s3cr3t-pw", {"host=db password=s3cr3t-pw", "s3cr3t-pw"}),
        (
            "Server=db;User Id=app;Password=s3cr3t-pw",
            {"Server=db;User Id=app;Password=s3cr3t-pw", "s3cr3t-pw"},
        ),
    ],
)
def test_secret_part(value: str, texts: set[str]) -> None:
    """Of a URL, or several, only what is secret in it is looked for; of anything else, all, and a password."""
    assert secret_forms({"A": value}, {}).texts == texts


def test_not_looked_for() -> None:
    """A URL without credentials, and an index's user name that nobody declared secret, are listed."""
    looked_for = secret_forms(
        {"API_URL": "https://api.example.com/v1", "EMPTY": " ", "DB_URL": "postgresql://app:app@db/app"},
        {"UV_INDEX_INTERNAL_USERNAME": "ci-robot-17", "UV_INDEX_URL": "https://index.example.com/simple/"},
    )
    assert looked_for.forms == ()
    assert set(looked_for.skipped) == {
        NotChecked("UV_INDEX_INTERNAL_USERNAME", "a user name, and not declared secret"),
        NotChecked("UV_INDEX_URL", "a URL without user name and password"),
        NotChecked("API_URL", "a URL without user name and password"),
        NotChecked("DB_URL", f"password: {TOO_SHORT}"),
    }


def test_user_name_declared_secret() -> None:
    """An index's user name is looked for if it is declared secret."""
    names = {"UV_INDEX_INTERNAL_USERNAME": "ci-robot-17"}
    assert [found.variable for found in audited(one_file(b"ci-robot-17"), secrets=names).findings] == list(
        names
    )
    assert audited(one_file(b"ci-robot-17"), secrets={}, credentials=names).findings == ()


def test_public_part_of_url() -> None:
    """The host and path of a secret URL may be in the image; its password may not, and the finding says it is that."""
    urls = {"DATABASE_URL": "postgresql://app:s3cr3t-pw@db.example.com:5432/app"}
    assert audited(one_file(b"postgresql://app@db.example.com:5432/app"), secrets=urls).findings == ()
    found = audited(one_file(b"PGPASSWORD=s3cr3t-pw"), secrets=urls).findings
    assert [(one.variable, one.form) for one in found] == [("DATABASE_URL", "password, plain")]


def test_same_value_twice() -> None:
    """A value of two variables is told for both of them."""
    report = audited(one_file(b"s3cr3t-pw"), secrets={"A": "s3cr3t-pw", "B": "s3cr3t-pw"})
    assert [found.variable for found in report.findings] == ["A", "B"]


def test_value_within_value() -> None:
    """Values that overlap, or of which one contains the other, are all found."""
    secrets = {"A": "s3cr3t-pw", "B": "my-s3cr3t-pw-2", "C": "3t-pw-2-and-on"}
    report = audited(one_file(b"my-s3cr3t-pw-2-and-on"), secrets=secrets)
    assert [found.variable for found in report.findings] == ["A", "B", "C"]


PEM = (
    "-----BEGIN PRIVATE KEY-----\n"
    + "MIIEvQ7x0K2pZq9LhT3vYw8Rf5Nj1Bd6Gs4Hc/Uk+WmXoEaIi==\n" * 3
    + "-----END PRIVATE KEY-----"
)


@pytest.mark.parametrize(
    "written",
    [
        PEM,
        PEM.replace("\n", "\r\n"),
        PEM.replace("\n", "\\n"),
        PEM.replace("\n", "\n    "),
        base64.b64encode(PEM.encode()).decode(),
        PEM.splitlines()[1],
    ],
    ids=["plain", "CRLF", "JSON", "indented", "base64", "one line"],
)
def test_several_lines(written: str) -> None:
    """A value with several lines is found whole, and by each line that looks like a token."""
    assert audited(one_file(written.encode()), secrets={"KEY": PEM}).findings != ()


def test_common_lines() -> None:
    """Lines of a value that stand in many files are not looked for by themselves."""
    content = b"-----BEGIN PRIVATE KEY-----\n-----END PRIVATE KEY-----\n"
    assert audited(one_file(content), secrets={"KEY": PEM}).findings == ()


def test_long_value() -> None:
    """A value of any length is found, also in base64, and what is looked for of it is limited."""
    value = "".join(f"{number:x}." for number in range(40_000))
    for written in (value.encode(), base64.b64encode(value.encode())):
        report = audited(docker_archive(layer({"a": b"x" * 999, "b": written})), secrets={"BIG": value})
        assert {(found.path, found.variable) for found in report.findings} == {("b", "BIG")}
    assert max(len(pattern.whole) for pattern in secret_forms({"BIG": value}, {}).forms) <= 4 * LONGEST


def test_no_value_in_repr() -> None:
    """What is looked for shows no value when it is printed."""
    assert "s3cr3t" not in repr(secret_forms({"A": "s3cr3t-pw"}, {}))
