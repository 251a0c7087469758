"""How a stack comes up on a terminal and in a pipe."""

from __future__ import annotations

import io

import pytest

from envtasks.compose import view as stack_view
from envtasks.compose.state import Address, Container


def container(service: str, health: str, *addresses: Address) -> Container:
    return Container(service, f"{service}-1", "running", health, 0, addresses)


def test_a_pipe_gets_each_change_once(capsys: pytest.CaptureFixture[str]) -> None:
    """Compose's lines as they come, and one line when a container's condition changes."""
    with stack_view.watching("local") as view:
        view.line(" Network x  Created")
        for health in ("starting", "starting", "healthy"):
            view.states([container("app", health), container("db", "healthy")])
    assert capsys.readouterr() == ("", " Network x  Created\n app: starting\n db: healthy\n app: healthy\n")


def test_a_terminal_gets_a_table_that_changes_in_place(monkeypatch: pytest.MonkeyPatch) -> None:
    """It shows environment, services, addresses and compose's last line, and is taken away at the end."""

    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    terminal = Terminal()
    monkeypatch.setattr("sys.stderr", terminal)
    monkeypatch.setenv("TERM", "xterm")
    with stack_view.watching("local") as view:
        assert isinstance(view, stack_view.LiveView)
        view.states([container("app", "healthy", Address("0.0.0.0", 80, 8000))])
        view.line(" Container app-1  Started ")
        view.line("")
        view._live.refresh()
        drawn = terminal.getvalue()
    for shown in (
        "local: bringing the stack up",
        "app",
        "healthy",
        "localhost:80",
        "Container app-1  Started",
    ):
        assert shown in drawn
    assert terminal.getvalue().endswith("\x1b[2K")


def test_rich_is_not_imported_for_a_pipe() -> None:
    """The import is paid for on a terminal only."""
    import subprocess
    import sys

    code = (
        "import sys; from envtasks.compose import view as stack_view\n"
        "with stack_view.watching('local') as view: view.line('x')\n"
        "print([name for name in sys.modules if name.partition('.')[0] == 'rich'])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"
