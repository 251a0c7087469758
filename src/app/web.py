"""The web application: the page, its forms, the JSON API and the health check."""

from __future__ import annotations

import pathlib
import secrets
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Annotated, Any

from fastapi import APIRouter, Depends, FastAPI, Form, Header, HTTPException, Path, Request, Response
from fastapi.responses import HTMLResponse, JSONResponse, RedirectResponse
from fastapi.staticfiles import StaticFiles
from fastapi.templating import Jinja2Templates
from pydantic import BaseModel
from sqlalchemy.exc import SQLAlchemyError
from starlette.middleware.sessions import SessionMiddleware

from . import access, page
from .cache import Cache
from .database import Database
from .health import Answer, ask, with_timeout
from .notes import LONGEST, Listing, Note, Notes
from .settings import Settings

HERE = pathlib.Path(__file__).parent
LARGEST_BODY = 16_384
DATABASE_ERRORS = (SQLAlchemyError, TimeoutError)
DATABASE_SILENT = "The database does not answer."
PAGE_HEADERS = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": "default-src 'none'; style-src 'self'; img-src 'self'; form-action 'self'; "
    "base-uri 'none'; frame-ancestors 'none'",
    "Referrer-Policy": "same-origin",
    "X-Content-Type-Options": "nosniff",
}

templates = Jinja2Templates(directory=HERE / "templates")
templates.env.globals.update(ago=page.ago, LONGEST=LONGEST)
router = APIRouter()


class Service:
    """What one running service holds: its settings, its servers, its notes."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.database = Database(settings)
        self.cache = Cache(settings)
        self.notes = Notes(self.database, self.cache)

    def close(self) -> None:
        """Give all connections back."""
        self.database.close()
        self.cache.close()


def create_app(settings: Settings) -> FastAPI:
    """The application for these settings. It connects to nothing until it is asked for something."""
    service = Service(settings)

    @asynccontextmanager
    async def lifespan(_app: FastAPI) -> AsyncIterator[None]:
        yield
        service.close()

    app = FastAPI(
        title=f"Notes ({settings.app_env})",
        lifespan=lifespan,
        max_body_size=LARGEST_BODY,
        docs_url=None,
        redoc_url=None,
        openapi_url="/openapi.json" if settings.app_debug else None,
    )
    app.state.service = service
    app.add_middleware(
        SessionMiddleware,
        secret_key=settings.app_session_secret.get_secret_value(),
        session_cookie=f"app_session_{settings.app_env}",  # a browser sends its cookies to all ports of a host
        max_age=None,
        same_site="strict",
    )
    app.mount("/static", StaticFiles(directory=HERE / "static"))
    app.include_router(router)
    for error in DATABASE_ERRORS:
        app.add_exception_handler(error, _unavailable)
    return app


async def _unavailable(_request: Request, _error: Exception) -> JSONResponse:
    return JSONResponse({"detail": DATABASE_SILENT}, status_code=503)


def _service(request: Request) -> Service:
    service: Service = request.app.state.service
    return service


def _authorized(request: Request, authorization: Annotated[str, Header()] = "") -> None:
    if not access.is_valid(_service(request).settings, authorization):
        raise HTTPException(
            401, "A token of this environment is needed: python -m app token", {"WWW-Authenticate": "Bearer"}
        )


def _from_our_page(request: Request, form_token: Annotated[str, Form()] = "") -> None:
    """Refuse a form that another site has sent: only our page knows the token of the visitor's session."""
    ours = str(request.session.get("form_token", ""))
    if not ours or not secrets.compare_digest(form_token.encode(), ours.encode()):
        raise HTTPException(403, "This form is not from our page, or too old. Reload the page and try again.")


Here = Annotated[Service, Depends(_service)]
Number = Annotated[int, Path(ge=1, le=2**31 - 1)]  # what an INTEGER column holds


@router.get("/", response_class=HTMLResponse)
async def show_page(request: Request, service: Here) -> Response:
    """The page: environment, servers, notes, settings."""
    database, cache = await ask(service.database, service.cache)
    listing = None
    if database.state == "ok":
        try:
            listing = await with_timeout(service.notes.newest)
        except DATABASE_ERRORS:
            database = Answer("down", database.where, DATABASE_SILENT)
    context = {
        "environment": service.settings.app_env,
        "servers": {"Database": database, "Cache": cache},
        "listing": listing,
        "groups": page.groups(service.settings),
        "form_token": request.session.setdefault("form_token", secrets.token_urlsafe()),
        "said": request.session.pop("said", None),
        "draft": request.session.pop("draft", ""),
    }
    return templates.TemplateResponse(request, "page.html", context, headers=PAGE_HEADERS)


@router.post("/notes", dependencies=[Depends(_from_our_page)])
async def add_by_form(request: Request, service: Here, text: Annotated[str, Form()] = "") -> Response:
    """Add the note of the page's form, and show the page again."""
    try:
        await with_timeout(service.notes.add, text)
    except (ValueError, *DATABASE_ERRORS) as error:
        own_words = isinstance(error, ValueError)
        request.session["said"] = (
            str(error) if own_words else f"{DATABASE_SILENT} Your note is not saved yet."
        )
        request.session["draft"] = text[:LONGEST]
    return RedirectResponse("/", status_code=303)


@router.post("/notes/{number}/delete", dependencies=[Depends(_from_our_page)])
async def delete_by_form(request: Request, service: Here, number: Number) -> Response:
    """Delete the note whose button was pressed, and show the page again."""
    try:
        await with_timeout(service.notes.delete, number)
    except DATABASE_ERRORS:
        request.session["said"] = f"{DATABASE_SILENT} The note is still there."
    return RedirectResponse("/", status_code=303)


class NewNote(BaseModel):
    """The body of a new note."""

    text: str


@router.get("/api/notes")
async def list_notes(service: Here) -> Listing:
    """The newest notes, and whether they came from the cache."""
    return await with_timeout(service.notes.newest)


@router.post("/api/notes", status_code=201, dependencies=[Depends(_authorized)])
async def add_note(service: Here, new: NewNote) -> Note:
    """Add a note."""
    try:
        return await with_timeout(service.notes.add, new.text)
    except ValueError as error:
        raise HTTPException(422, str(error)) from None


@router.delete("/api/notes/{number}", status_code=204, dependencies=[Depends(_authorized)])
async def delete_note(service: Here, number: Number) -> None:
    """Delete a note."""
    if not await with_timeout(service.notes.delete, number):
        raise HTTPException(404, "There is no such note.")


@router.get("/healthz")
async def healthz(service: Here) -> JSONResponse:
    """Whether the service can work: it can when its database answers, with or without its cache."""
    database, cache = await ask(service.database, service.cache)
    well = database.state == "ok"
    body: dict[str, Any] = {
        "status": "ok" if well else "down",
        "environment": service.settings.app_env,
        "database": database.state,
        "cache": cache.state,
    }
    return JSONResponse(body, status_code=200 if well else 503)
