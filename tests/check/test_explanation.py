"""One variable's story: sources, settings class, consumers; never its value."""

from __future__ import annotations

import os

import pytest

from envtasks.check import Explanation, explain
from envtasks.check.explanation import Source
from envtasks.config import Project
from envtasks.errors import VariableMissing
from tests.check.shop import Shop

READS = "deployment/shop reads it from secret/shop-env"


def _story(shop: Shop, name: str, environment: str | None = "staging", **process: str) -> Explanation:
    return explain(Project.load(shop.root), name, {**os.environ, **process}, environment=environment)


def _source(shop: Shop, name: str, environment: str = "staging", **process: str) -> Source:
    (source,) = _story(shop, name, environment, **process).sources
    return source


def test_where_an_encrypted_value_comes_from(shop: Shop) -> None:
    """File and line, the public key, the variable of the private key and where that is; a fingerprint."""
    source = _source(shop, "DB_PASSWORD")

    assert source.place == f".env.staging:{shop.line('.env.staging', 'DB_PASSWORD')}"
    assert (source.encrypted, source.secret) == (True, "it is encrypted")
    assert (source.public_key, source.key_variable) == (shop.public["staging"], "DOTENV_PRIVATE_KEY_STAGING")
    assert source.key == ".env.keys"
    assert len(source.fingerprint) == 12


def test_a_fingerprint_is_equal_for_equal_values_under_one_key(shop: Shop) -> None:
    """It tells whether a value has changed; that of another environment is another one."""
    before = _source(shop, "API_TOKEN").fingerprint
    shop.set_secret(".env.staging", "API_TOKEN", shop.encrypted("staging-t0ken-5566", "staging"))
    again = _source(shop, "API_TOKEN").fingerprint
    shop.set_secret(".env.staging", "API_TOKEN", shop.encrypted("another", "staging"))
    shop.set_secret(".env.production", "API_TOKEN", shop.encrypted("staging-t0ken-5566", "production"))

    assert before == again != _source(shop, "API_TOKEN").fingerprint
    assert before != _source(shop, "API_TOKEN", "production").fingerprint


def test_a_name_that_differs_in_its_case_is_said(shop: Shop) -> None:
    """A settings class may take it all the same."""
    shop.replace(".env.staging", "API_TOKEN", "api_Token")
    place = f".env.staging:{shop.line('.env.staging', 'api_Token')}"

    source = _source(shop, "API_TOKEN")

    assert (source.place, source.mistakes) == ("", (f"api_Token ({place}) differs from it in its case only",))


def test_without_a_key_there_is_no_fingerprint(shop: Shop) -> None:
    """What can be told without a key is told."""
    (shop.root / ".env.keys").unlink()
    source = _source(shop, "DB_PASSWORD")

    assert (source.key, source.fingerprint, source.encrypted) == ("", "", True)


def test_what_is_hidden_and_what_it_is_made_from(shop: Shop) -> None:
    """The assignments that it hides, those that it refers to, those that are made from it."""
    shop.write(".env", "PORT=1\nURL=http://${DB_HOST}:${PORT}/\n")

    port, url = _source(shop, "PORT", "local"), _source(shop, "URL", "local")

    assert (port.place, port.hides) == (".env:1", (".env.local:4",))
    assert port.parts_of == (("URL", ".env:2"),)
    assert url.made_from == (("DB_HOST", ".env.local:5"), ("PORT", ".env:1"))
    assert url.mistakes == ("URL refers to DB_HOST, which only a later file sets (.env.local:5)",)


@pytest.mark.parametrize(
    ("environment", "value", "what"),
    [
        ("staging", "other", "the process environment sets it too, and wins"),
        ("staging", "8000", "the process environment sets it too, to the same value"),
        (
            "production",
            "other",
            "the process environment sets it too, which is refused, as the environment is protected",
        ),
    ],
)
def test_what_the_process_environment_does(shop: Shop, environment: str, value: str, what: str) -> None:
    """It wins, changes nothing, or is refused."""
    assert _source(shop, "PORT", environment, PORT=value).process == what


def test_the_field_that_reads_it(shop: Shop) -> None:
    """Name, type, default, whether it is secret, its line and its description."""
    port, token, host = (_story(shop, name).field for name in ("PORT", "API_TOKEN", "MAIL__HOST"))

    assert port is not None
    assert token is not None
    assert host is not None
    assert (port.field, port.type, port.default, port.description) == (
        "port",
        "int",
        "8000",
        "where the service listens",
    )
    assert (port.file, port.line) == (
        "src/shop/settings.py",
        shop.line("src/shop/settings.py", "port: int = F"),
    )
    assert (token.secret, token.required, host.field) == (True, True, "mail")


def test_what_uses_it(shop: Shop) -> None:
    """Dockerfile, compose file, allowlist, manifest, pipeline and code, each with its line."""
    shop.write("src/shop/cli.py", 'import os\nos.environ["API_TOKEN"]\n')
    shop.git("add", "src")
    shop.replace("compose.yaml", "      LOG_LEVEL:", "      API_TOKEN:")

    found = {
        (each.kind, f"{each.file}:{each.line}", each.how) for each in _story(shop, "API_TOKEN").consumers
    }

    assert found == {
        ("Dockerfile", "Dockerfile:3", "a secret mount of a RUN"),
        ("compose", f"compose.yaml:{shop.line('compose.yaml', 'API_TOKEN')}", "the stack refers to it"),
        ("allowlist", "deploy/env.allowlist:2", "API_TOKEN lets it into the cluster as secret"),
        ("manifest", f"deploy/app.yaml:{shop.line('deploy/app.yaml', 'secretKeyRef')}", READS),
        ("pipeline", ".github/workflows/ci.yml:3", "job test has the key of staging"),
        ("pipeline", ".github/workflows/ci.yml:7", "runs in staging"),
        ("code", "src/shop/cli.py:2", "names it"),
    }


def test_all_environments_where_none_is_named(shop: Shop) -> None:
    """One source for each environment."""
    sources = _story(shop, "PORT", None).sources

    assert [each.environment for each in sources] == ["local", "staging", "production"]


def test_a_file_that_cannot_be_read_is_said(shop: Shop) -> None:
    """The rest of the story is told, with a sentence about what was not read."""
    shop.append("compose.yaml", "  : [\n")

    (sentence,) = _story(shop, "PORT").not_read

    assert sentence.startswith("compose.yaml:")


def test_a_variable_that_nobody_knows(shop: Shop) -> None:
    """An error with the nearest name."""
    with pytest.raises(VariableMissing) as caught:
        _story(shop, "DB_HSOT")

    assert caught.value.message == "No environment has DB_HSOT, and nothing reads it: did you mean DB_HOST?"


def test_no_value_is_in_a_story(shop: Shop) -> None:
    """Neither plain values nor secrets."""
    text = repr([_story(shop, name, None) for name in ("DB_PASSWORD", "API_TOKEN", "DB_HOST")])

    assert [value for value in ("db.staging", "Pa$$w0rd", "t0ken-") if value in text] == []
