from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
from fastapi.testclient import TestClient

from app.settings import Settings
from app.web import create_app

NO_SERVERS = {
    "db_engine": "postgresql",
    "db_port": 1,
    "cache_url": "redis://:test-not-a-secret-cache@127.0.0.1:1/0",
}


@pytest.fixture
def lonely(settings: Settings) -> Iterator[TestClient]:
    """The service in an environment whose servers are down."""
    with visit(settings, **NO_SERVERS) as client:
        yield client


def visit(settings: Settings, **change: object) -> TestClient:
    """A client of the service with other settings."""
    return TestClient(create_app(Settings.model_validate({**settings.model_dump(), **change})))


def form_token(client: TestClient) -> str:
    found = re.search(r'name="form_token" value="([^"]+)"', client.get("/").text)
    assert found is not None
    return found[1]


def test_page_names_its_environment(client: TestClient, settings: Settings) -> None:
    """The page says which environment it runs in, in its title and for its colours."""
    page = client.get("/")
    assert page.status_code == 200
    assert f"<title>Notes · {settings.app_env}</title>" in page.text
    assert f'data-environment="{settings.app_env}"' in page.text


def test_production_is_unmistakable(settings: Settings, client: TestClient) -> None:
    """Production, and no other environment, has a warning across the page."""
    warning = "What you change here is real."
    with visit(settings, app_env="production") as production:
        assert warning in production.get("/").text
    assert warning not in client.get("/").text


def test_no_secret_in_the_page(lonely: TestClient, settings: Settings) -> None:
    """No secret value is anywhere in the page, the cache's address included."""
    page = lonely.get("/").text
    secrets = (settings.db_password, settings.auth_jwt_secret, settings.app_session_secret)
    assert not [secret for secret in secrets if secret.get_secret_value() in page]
    assert "test-not-a-secret-cache" not in page


def test_nothing_from_elsewhere(client: TestClient) -> None:
    """The page loads nothing from another host, and tells the browser so."""
    page = client.get("/")
    assert re.findall(r'(?:src|href|action)="(?!/)[^"]*"', page.text) == []
    assert page.headers["Content-Security-Policy"].startswith("default-src 'none'; style-src 'self';")
    for path in set(re.findall(r'href="(/[^"]+)"', page.text)):
        assert client.get(path).status_code == 200


def test_note_by_form(client: TestClient) -> None:
    """A note that was sent by the form is on the page, its markup as text."""
    answer = client.post("/notes", data={"text": "<b>bold</b> & 'co'", "form_token": form_token(client)})
    assert answer.status_code == 200
    assert "&lt;b&gt;bold&lt;/b&gt; &amp; &#39;co&#39;" in answer.text
    assert "<b>bold" not in answer.text


def test_delete_by_form(client: TestClient, token: dict[str, str]) -> None:
    """The button beside a note deletes it."""
    number = client.post("/api/notes", json={"text": "short-lived"}, headers=token).json()["id"]
    page = client.post(f"/notes/{number}/delete", data={"form_token": form_token(client)}).text
    assert "short-lived" not in page
    assert "No notes yet." in page


@pytest.mark.parametrize("data", [{}, {"form_token": ""}, {"form_token": "-"}, {"form_token": "guessed"}])
@pytest.mark.parametrize("visited", [True, False])
def test_form_of_another_site(client: TestClient, data: dict[str, str], visited: bool) -> None:
    """A form without the token of the visitor's session changes nothing."""
    if visited:
        client.get("/")
    assert client.post("/notes", data={"text": "forged", **data}).status_code == 403
    assert client.post("/notes/1/delete", data=data).status_code == 403
    assert client.get("/api/notes").json()["notes"] == []


def test_refused_text_comes_back(client: TestClient) -> None:
    """A text that is refused comes back with the reason, once."""
    long = "x" * 281
    page = client.post("/notes", data={"text": long, "form_token": form_token(client)}).text
    assert "A note has at most 280 characters; this one has 281." in page
    assert f'value="{long[:280]}"' in page
    assert "this one has 281" not in client.get("/").text


def test_api(client: TestClient, token: dict[str, str]) -> None:
    """A program with a token adds, lists and deletes notes."""
    added = client.post("/api/notes", json={"text": "by a program"}, headers=token)
    assert added.status_code == 201
    assert client.get("/api/notes").json() == {"notes": [added.json()], "source": "database"}
    path = f"/api/notes/{added.json()['id']}"
    assert [client.delete(path, headers=token).status_code for _ in range(2)] == [204, 404]


def test_api_needs_a_token(client: TestClient) -> None:
    """Without a token a program may read, and not write."""
    assert client.post("/api/notes", json={"text": "no"}).status_code == 401
    assert client.delete("/api/notes/1").status_code == 401
    assert client.get("/api/notes").json() == {"notes": [], "source": "database"}


def test_api_refuses_in_a_sentence(client: TestClient, token: dict[str, str]) -> None:
    """A text that cannot be a note is answered with 422 and the reason."""
    answer = client.post("/api/notes", json={"text": " "}, headers=token)
    assert (answer.status_code, answer.json()) == (422, {"detail": "A note needs some text."})


@pytest.mark.parametrize("number", ["0", "-1", "2147483648", "9" * 30, "x"])
def test_impossible_number(client: TestClient, token: dict[str, str], number: str) -> None:
    """A number that no note can have is refused before the database sees it."""
    assert client.delete(f"/api/notes/{number}", headers=token).status_code == 422


def test_two_environments_in_one_browser(client: TestClient, settings: Settings) -> None:
    """A visit to another environment on the same host leaves this one's form valid: their cookies differ."""
    ours = form_token(client)
    with visit(settings, app_env="other", app_session_secret="x" * 40) as other:
        other.get("/")
        client.cookies.update(other.cookies)
    assert client.post("/notes", data={"text": "still mine", "form_token": ours}).status_code == 200


def test_largest_body(client: TestClient, token: dict[str, str]) -> None:
    """A body that no note needs is refused before it is read."""
    assert client.post("/api/notes", json={"text": "x" * 20_000}, headers=token).status_code == 413


def test_healthy(client: TestClient, settings: Settings) -> None:
    """The health check answers 200 when the database answers."""
    answer = client.get("/healthz")
    expected = {"status": "ok", "environment": settings.app_env, "database": "ok", "cache": "none"}
    assert (answer.status_code, answer.json()) == (200, expected)


def test_servers_down(lonely: TestClient, token: dict[str, str]) -> None:
    """With its servers down the page still comes and says so, and the API and the health check answer 503."""
    page = lonely.get("/")
    assert page.status_code == 200
    assert page.text.count("Nothing listens there. Is the server running?") == 2
    assert "The notes rest until the database answers again." in page.text
    health = lonely.get("/healthz")
    expected = {"status": "down", "environment": "local", "database": "down", "cache": "down"}
    assert (health.status_code, health.json()) == (503, expected)
    silent = (503, {"detail": "The database does not answer."})
    listing, adding = lonely.get("/api/notes"), lonely.post("/api/notes", json={"text": "x"}, headers=token)
    assert [(answer.status_code, answer.json()) for answer in (listing, adding)] == [silent, silent]


def test_form_while_the_database_is_down(lonely: TestClient) -> None:
    """What was written while the database is down comes back with a sentence; nothing is lost."""
    page = lonely.post("/notes", data={"text": "keep me", "form_token": form_token(lonely)}).text
    assert "The database does not answer. Your note is not saved yet." in page
    assert 'value="keep me"' in page


def test_schema_in_debug_only(settings: Settings) -> None:
    """The API's schema is served with APP_DEBUG and not without."""
    found = [visit(settings, app_debug=debug).get("/openapi.json") for debug in (True, False)]
    assert [answer.status_code for answer in found] == [200, 404]
