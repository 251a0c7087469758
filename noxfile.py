"""The sessions of this repository: `nox` runs the unit and the integration suite, each in its environment."""

import nox

from envtasks.sessions import session

nox.needs_version = ">=2026.10.20"
nox.options.default_venv_backend = "none"  # all sessions share the environment that `uv run nox` made


def install(session: nox.Session, *groups: str) -> None:
    """Add dependency groups to the environment that nox runs in."""
    session.run_install(
        "uv", "sync", "--quiet", "--active", "--inexact", *(f"--group={name}" for name in groups)
    )


@session(env="local", tags=["test"])
def unit(session: nox.Session) -> None:
    """The unit tests, on the values of .env.local: no server, no tool but Python."""
    install(session, "test")
    session.run("pytest", "-n", "auto", "-m", "not integration", *session.posargs)


@session(env="staging", tags=["test"])
def integration(session: nox.Session) -> None:
    """The integration tests, on the values of .env.staging: real processes, PostgreSQL and Redis."""
    install(session, "test")
    session.run("pytest", "-n", "auto", "--dist", "loadfile", "-m", "integration", *session.posargs)


@session(default=False, tags=["check"])
def lint(session: nox.Session) -> None:
    """Style, and the layers of the package."""
    install(session, "lint")
    session.run("ruff", "format", "--check", ".")
    session.run("ruff", "check", ".")
    session.run("lint-imports")


@session(default=False, tags=["check"])
def docs(session: nox.Session) -> None:
    """Build the manual into site/, without network; a broken link is an error."""
    install(session, "docs")
    session.run("python", "scripts/reference.py")
    session.run("zensical", "build", "--strict", "--clean", "--config-file", "mkdocs.yml")


@session(default=False, tags=["check"])
def types(session: nox.Session) -> None:
    """mypy, strict, over sources, tests and task files, also as on Windows, whose modules have other names."""
    install(session, "test", "lint")
    session.run("mypy")
    session.run("mypy", "--platform", "win32")
