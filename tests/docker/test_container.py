"""The command that runs an image: which names are on it."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest

from envtasks.config import Project
from envtasks.docker.container import run_words
from envtasks.errors import ConfigInvalid
from tests.hydrations import hydrated

TEXT = "DB_HOST=db.example.com\nDB_PASSWORD=marked-value\nCACHE_URL=x\nUV_INDEX_A_PASSWORD=marked-too\n"


def project(root: Path, deploy: Mapping[str, object] | None = None) -> Project:
    """A project without settings of its own."""
    return Project(root=root, name="shop", environments={}, tables={"docker": {}, "deploy": deploy or {}})


def test_the_variables_of_the_settings_class_are_passed_by_name(tmp_path: Path) -> None:
    """Those that the environment has, by name alone, then the image and the command."""
    words = run_words(
        project(tmp_path),
        hydrated(tmp_path, TEXT, secret=["DB_PASSWORD"]),
        ["python", "-c", "print(1)"],
        settings_names=["APP_ENV", "DB_PASSWORD", "DB_HOST", "ABSENT"],
        publish=["127.0.0.1:8000:8000"],
        terminal=True,
    )

    assert words == [
        "docker",
        "run",
        "--rm",
        "--init",
        "--interactive",
        "--tty",
        "--env=APP_ENV",
        "--env=DB_HOST",
        "--env=DB_PASSWORD",
        "--publish=127.0.0.1:8000:8000",
        "shop:staging",
        "python",
        "-c",
        "print(1)",
    ]


@pytest.mark.parametrize("setting", [{}, {"allowlist": "elsewhere.txt"}])
def test_without_a_settings_class_the_allowlist_decides(
    tmp_path: Path, setting: Mapping[str, object]
) -> None:
    """Names and patterns of deploy/env.allowlist, or of the file that is set instead."""
    path = tmp_path / str(setting.get("allowlist", "deploy/env.allowlist"))
    path.parent.mkdir(exist_ok=True)
    path.write_text("# the service\nDB_*\nABSENT optional\n", encoding="utf-8")

    words = run_words(project(tmp_path, setting), hydrated(tmp_path, TEXT), tag="other:1")

    assert words[5:] == ["--env=DB_HOST", "--env=DB_PASSWORD", "other:1"]


def test_without_either_nothing_is_guessed(tmp_path: Path) -> None:
    """No settings class and no allowlist is ConfigInvalid, as no variable may go in by chance."""
    with pytest.raises(ConfigInvalid, match=r"there is no settings class and no deploy/env\.allowlist"):
        run_words(project(tmp_path), hydrated(tmp_path, TEXT))
