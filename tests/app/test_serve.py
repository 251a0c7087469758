from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import sys
import urllib.request
from collections.abc import Mapping
from pathlib import Path

import pytest

from app.access import is_valid
from app.settings import Settings

WINDOWS = sys.platform == "win32"


def start(values: Mapping[str, str], *arguments: str) -> subprocess.Popen[str]:
    """`python -m app` in a process environment of these variables."""
    env = {**os.environ, **values, "PYTHONPATH": str(Path(__file__).parents[2] / "src")}
    argv = [sys.executable, "-m", "app", *arguments]
    return subprocess.Popen(
        argv, env=env, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, encoding="utf-8"
    )


def test_serves_until_interrupted(values: dict[str, str]) -> None:
    """It logs its address in one line, answers there, and logs nothing but that it has stopped."""
    service = start({**values, "APP_PORT": "0", "APP_DEBUG": "false"})
    assert service.stderr is not None
    line = service.stderr.readline()
    found = re.fullmatch(rf"app: {values['APP_ENV']} on (http://127\.0\.0\.1:\d+)\n", line)
    assert found is not None, line
    with urllib.request.urlopen(f"{found[1]}/healthz") as answer:
        assert answer.status == 200
    if WINDOWS:
        service.kill()  # there is no Ctrl-C for one process there
        service.communicate()
        return
    service.send_signal(signal.SIGINT)
    assert service.communicate(timeout=20) == ("", "app: stopped\n")
    assert service.returncode == 0


def test_port_taken(values: dict[str, str]) -> None:
    """A port that is taken is a sentence with the variable to change, and exit code 1."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        service = start({**values, "APP_PORT": str(port)})
        out, error = service.communicate(timeout=60)
    assert (out, service.returncode) == ("", 1)
    assert re.fullmatch(rf"app: cannot listen on 127\.0\.0\.1:{port}: .+ APP_PORT.+\n", error)


def test_settings_incomplete(values: dict[str, str]) -> None:
    """Missing and wrong settings are listed by name without any value, and the exit code is 1."""
    del values["DB_HOST"]
    service = start({**values, "DB_PORT": "value-of-port"})
    expected = """\
app: the settings are not complete:
  DB_HOST is not set
  DB_PORT: should be a valid integer, unable to parse string as an integer
"""
    assert service.communicate(timeout=60) == ("", expected)
    assert service.returncode == 1


def test_token(values: dict[str, str], settings: Settings) -> None:
    """`python -m app token` prints a token that opens the API, and nothing else."""
    out, error = start(values, "token").communicate(timeout=60)
    assert is_valid(settings, f"Bearer {out.removesuffix(chr(10))}")
    assert error == ""


@pytest.mark.skipif(WINDOWS, reason="Windows has no TERM")
def test_terminated(values: dict[str, str]) -> None:
    """TERM stops it as Ctrl-C does, with the signal's own status."""
    service = start({**values, "APP_PORT": "0", "APP_DEBUG": "false"})
    assert service.stderr is not None
    service.stderr.readline()
    service.terminate()
    assert service.communicate(timeout=20) == ("", "app: stopped\n")
    assert service.returncode == -signal.SIGTERM
