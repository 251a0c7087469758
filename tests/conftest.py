"""Isolation: no test sees the developer's home folder, keys, tools or the environment that the suite itself runs in."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable, Generator, Mapping
from pathlib import Path
from typing import Any

import pytest

from envtasks.hydration.result import SWITCHES
from tests.projects import Sandbox, make_sandbox

REQUIRE_ALL = os.environ.get("ENVTASKS_TESTS_REQUIRE_ALL") == "1"
TOOLS = {
    "docker": "docker",
    "node": "dotenvx",
    "kubectl": "kubectl",
    "browser": "chromium",
    "zsh": "zsh",
    "fish": "fish",
}
SOURCES = Path(__file__).parents[1] / "src"
BLOCKED = ("docker", "dotenvx", "kubectl")
Inv = Callable[..., int]
LINE = "line of the summary"  # a property of a test
SIGNALS = ("SIGHUP", "SIGINT", "SIGQUIT", "SIGTERM", "SIGTSTP", "SIGTTIN", "SIGTTOU", "SIGCHLD")


def pytest_configure() -> None:
    """Give signals their usual meaning before the first test, and hypothesis' examples all the time that they need."""
    from hypothesis import HealthCheck, settings

    reset_signals()
    slow = [HealthCheck.too_slow]
    settings.register_profile("suite", settings(deadline=None, suppress_health_check=slow))
    settings.load_profile("suite")


def reset_signals() -> None:
    """Undo that signals are ignored or blocked: `nohup`, a shell's `&` or a CI's runner would hand that on to tests."""
    for name in SIGNALS:
        number = getattr(signal, name, None)
        if number is not None and signal.getsignal(number) is signal.SIG_IGN:
            signal.signal(number, signal.default_int_handler if name == "SIGINT" else signal.SIG_DFL)
    if sys.platform != "win32":
        signal.pthread_sigmask(signal.SIG_UNBLOCK, signal.valid_signals())


@pytest.fixture(scope="session")
def suite_env() -> Mapping[str, str]:
    """The process environment as it was when the suite started: what the session of nox hydrated is in it."""
    return dict(os.environ)


@pytest.fixture(autouse=True)
def isolation(
    request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """A clean environment, an empty home, and, in unit tests, no real docker, dotenvx or kubectl."""
    for name in surroundings(os.environ):
        monkeypatch.delenv(name)
    home = tmp_path_factory.mktemp("home")
    for name in ("HOME", "USERPROFILE"):
        monkeypatch.setenv(name, str(home))
    monkeypatch.setenv("PYTHONPATH", str(SOURCES))  # for child processes, where the package is not installed
    if request.node.get_closest_marker("integration") is None and sys.platform != "win32":
        monkeypatch.setenv("PATH", f"{_blocked_tools(tmp_path_factory)}{os.pathsep}{os.environ['PATH']}")


def surroundings(env: Mapping[str, str]) -> list[str]:
    """The names that an environment, a CI or a developer's shell put into the process environment."""
    hydrated = (env.get("ENVTASKS_HYDRATED") or ";;").split(";")[2].split(",")
    own = (
        "ENVTASKS_",
        "DOTENV_",
        "DOTENVX_",
        "APP_",
        "DB_",
        "CACHE_",
        "AUTH_",
        "UV_INDEX_",
        "NOX_",
        "GITHUB_",
        "GITLAB_",
    )
    others = {"CI", "NO_COLOR", "FORCE_COLOR", "COLUMNS", *SWITCHES}
    return [name for name in env if name in hydrated or name.startswith(own) or name in others]


def _blocked_tools(factory: pytest.TempPathFactory) -> Path:
    folder = factory.mktemp("blocked")
    for name in BLOCKED:
        path = folder / name
        path.write_text(
            f"#!/bin/sh\necho 'a unit test called the real {name}' >&2\nexit 97\n", encoding="utf-8"
        )
        path.chmod(0o755)
    return folder


def pytest_runtest_setup(item: pytest.Item) -> None:
    """Skip what needs a tool that is not here, saying so; with ENVTASKS_TESTS_REQUIRE_ALL=1 (CI) that is a failure."""
    import shutil

    for marker, tool in TOOLS.items():
        if item.get_closest_marker(marker) is not None and shutil.which(tool) is None:
            reason = f"{tool} is not installed"
            (pytest.fail if REQUIRE_ALL else pytest.skip)(reason)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport() -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """In CI a test that lacks a program has failed, but for PowerShell, which no package index has."""
    report = yield
    reason = report.longrepr[2] if report.skipped and isinstance(report.longrepr, tuple) else ""
    if REQUIRE_ALL and reason.endswith("is not installed") and "PowerShell" not in reason:
        report.outcome, report.longrepr = "failed", reason
    return report


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Print what tests reported; the tests may have run in other processes."""
    for outcome in ("passed", "failed"):
        for test in terminalreporter.getreports(outcome):
            for name, line in test.user_properties if test.when == "call" else ():
                if name == LINE:
                    terminalreporter.write_line(str(line))


@pytest.fixture
def sandbox(tmp_path: Path) -> Sandbox:
    """A temporary project whose `inv` and `nox` are run as real processes."""
    return make_sandbox(tmp_path)


@pytest.fixture
def shop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project with three environments of plain values; the current folder."""
    (tmp_path / "pyproject.toml").write_text('[project]\nname = "shop"\n', encoding="utf-8")
    for name in ("local", "staging", "production"):
        (tmp_path / f".env.{name}").write_text(f"WHERE={name}\nDB_HOST=db.{name}\n", encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def inv(shop: Path) -> Inv:
    """Run tasks of `shop` as stock `inv` does, in this process; gives the exit code."""
    from invoke.collection import Collection
    from invoke.program import Program

    def run(tasks: list[Any], *argv: str) -> int:
        try:
            Program(namespace=Collection(*tasks)).run(["inv", *argv])
        except SystemExit as end:
            return int(end.code or 0)
        return 0

    return run


def pytest_make_parametrize_id(val: object, argname: str) -> str | None:
    """The argument's name for a long text: keys and ciphertexts are generated anew, and a test keeps its name."""
    return argname if isinstance(val, str | bytes) and len(val) > 40 else None
