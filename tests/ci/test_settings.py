"""`[tool.envtasks.ci]`: what may stand there, and what is said about the rest."""

from __future__ import annotations

from pathlib import Path

import pytest

from envtasks.ci.settings import SYSTEMS, Settings, read
from envtasks.config import Environment, Project
from envtasks.errors import ConfigInvalid


def project(table: dict[str, object]) -> Project:
    """A project with staging and this table."""
    root = Path("/project")
    return Project(root, "shop", {"staging": Environment("staging", root, ())}, tables={"ci": table})


def test_everything_has_a_default() -> None:
    """Without a table the project itself says what runs."""
    assert read(project({})) == Settings(None, None, None, "3.12", SYSTEMS)


def test_everything_can_be_said() -> None:
    """Each key is taken as it is; a session named twice runs once."""
    table: dict[str, object] = {"sessions": ["unit", "unit"], "images": [], "deploy": ["staging"]}
    table |= {"python": "3.13", "systems": ["ubuntu-24.04"]}
    assert read(project(table)) == Settings(("unit",), (), ("staging",), "3.13", ("ubuntu-24.04",))


@pytest.mark.parametrize(
    ("table", "sentence"),
    [
        ({"session": []}, "[tool.envtasks.ci] has no key 'session': did you mean sessions?"),
        ({"sessions": "unit"}, "[tool.envtasks.ci] sessions must be a list of strings."),
        ({"images": ["stagin"]}, "[tool.envtasks.ci] images: there is no environment 'stagin': did you mean staging?"),
        ({"python": 3.12}, '[tool.envtasks.ci] python must be a version such as "3.12".'),
        ({"systems": []}, "[tool.envtasks.ci] systems is empty: a job needs something to run on."),
    ],
)  # fmt: skip
def test_what_is_wrong_is_said_with_table_and_key(table: dict[str, object], sentence: str) -> None:
    """Whoever wrote it knows where to look."""
    with pytest.raises(ConfigInvalid) as caught:
        read(project(table))
    assert caught.value.message == f"pyproject.toml: {sentence}"
