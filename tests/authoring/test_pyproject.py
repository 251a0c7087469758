"""An environment is added to pyproject.toml as text, and parsing proves that nothing else changed."""

from __future__ import annotations

import tomllib
from typing import Any

import pytest

from envtasks.authoring.pyproject import with_environment
from envtasks.errors import ConfigInvalid

VALUE: dict[str, Any] = {"files": [".env.qa"], "protected": True}
LINE = '{ files = [".env.qa"], protected = true }'


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (
            "[tool.envtasks.environments]\nlocal = {}\n\n# next\n[tool.ruff]\n",
            f"[tool.envtasks.environments]\nlocal = {{}}\nqa = {LINE}\n\n# next\n[tool.ruff]\n",
        ),
        (
            "[ tool.envtasks.environments ] # ours\r\nlocal   = {}\r\nstaging = {}\r\n",
            f"[ tool.envtasks.environments ] # ours\r\nlocal   = {{}}\r\nstaging = {{}}\r\nqa      = {LINE}\r\n",
        ),
        (
            '[tool.envtasks.environments]\nlocal = { files = [\n  ".env.local",\n] }',
            f'[tool.envtasks.environments]\nlocal = {{ files = [\n  ".env.local",\n] }}\nqa = {LINE}\n',
        ),
        (
            "[tool.envtasks.environments.local]\n[tool.ruff]\nx = 1\n",
            """[tool.envtasks.environments.local]

[tool.envtasks.environments.qa]
files = [".env.qa"]
protected = true
[tool.ruff]
x = 1
""",
        ),
        (
            '[tool.envtasks]\nenvironments.local = {}\nengine = "native"\n',
            f'[tool.envtasks]\nenvironments.local = {{}}\nenvironments.qa = {LINE}\nengine = "native"\n',
        ),
    ],
)
def test_one_line_or_table_is_inserted(before: str, after: str) -> None:
    """In each of the usual ways to write the table, with the file's line ends and in its columns."""
    assert with_environment(before, "qa", VALUE) == after
    assert tomllib.loads(after)["tool"]["envtasks"]["environments"]["qa"] == VALUE


@pytest.mark.parametrize(
    "text", ["", "[tool.envtasks]\nengine = 'native'\n", "[tool.envtasks.environments]\nqa = {}\n"]
)
def test_nothing_is_to_be_added(text: str) -> None:
    """A project that declares no environments finds them, and one that is declared stays as it is."""
    assert with_environment(text, "qa", VALUE) == text


def test_an_unusual_table_is_left_alone() -> None:
    """The hint has the line that is to be added by hand."""
    with pytest.raises(ConfigInvalid) as caught:
        with_environment("tool = { envtasks = { environments = { a = {} } } }\n", "qa", VALUE)

    assert caught.value.hint == f"add to it: qa = {LINE}"


def test_what_is_no_toml_any_more_is_one_sentence() -> None:
    """The file may be changed between two reads."""
    with pytest.raises(ConfigInvalid, match=r"^pyproject\.toml is not valid TOML: .*line 2"):
        with_environment("[tool]\nx = \n", "qa", VALUE)
