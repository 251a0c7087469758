"""What the settings class requires is checked before a body runs, without importing it."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import pytest

from envtasks import task
from envtasks.context import Context
from tests.conftest import Inv

SETTINGS = """
from pydantic_settings import BaseSettings

class Settings(BaseSettings):
    where: str
    db_name: str
    db_port: int
    mode: str = "fast"
"""


@pytest.fixture
def ran(shop: Path) -> list[Any]:
    """A project whose settings class requires two names that no env file sets."""
    (shop / "shop_settings.py").write_text(SETTINGS, encoding="utf-8")
    pyproject = shop / "pyproject.toml"
    text = pyproject.read_text(encoding="utf-8") if pyproject.exists() else ""
    pyproject.write_text(
        text.replace("[tool.envtasks]\n", "") + '\n[tool.envtasks]\nsettings = "shop_settings:Settings"\n',
        encoding="utf-8",
    )
    return []


def _task(ran: list[Any], **declared: Any) -> Any:
    @task(name="go", env="local", **declared)
    def go(c: Context) -> None:
        """Go."""
        ran.append(c.environment)

    return go


def test_all_missing_names_are_told_before_anything_runs(
    inv: Inv, ran: list[Any], capsys: pytest.CaptureFixture[str]
) -> None:
    """Code 5, both names in one sentence, the body never ran, and pydantic was not imported for it."""
    before = "pydantic" in sys.modules

    assert inv([_task(ran)], "go") == 5
    assert ran == []
    assert capsys.readouterr().err == (
        "error: shop_settings:Settings requires what local does not set: DB_NAME, DB_PORT.\n"
        "  hint: inv env.set DB_NAME --env local; --no-check runs without this check\n"
    )
    assert ("pydantic" in sys.modules) is before


def test_the_check_can_be_left_out(inv: Inv, ran: list[Any]) -> None:
    """By `--no-check` for one call, by check=False for a task; a task that declares `needs` is not checked."""
    assert inv([_task(ran)], "go", "--no-check") == 0
    assert inv([_task(ran, check=False)], "go") == 0
    assert inv([_task(ran, needs=["WHERE"])], "go") == 0
    assert ran == ["local"] * 3


def test_names_of_the_process_environment_count(
    inv: Inv, ran: list[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """What the command gets is checked, wherever it comes from, in any case."""
    monkeypatch.setenv("db_name", "x")
    monkeypatch.setenv("DB_PORT", "1")

    assert inv([_task(ran)], "go") == 0
