"""The files that `init` writes, from templates with delimiters of our own, as CI files hold `{{` and `$` themselves."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path
from typing import Any, Final

from ..errors import ToolMissing

_FOLDER: Final = Path(__file__).with_name("templates")


def require_jinja() -> None:
    """Raise ToolMissing where jinja2, which an extra of its own installs, is not there."""
    if find_spec("jinja2") is None:
        raise ToolMissing(
            "envtasks init needs jinja2, which is not installed here.",
            hint='uvx "envtasks[init]" init, or: pip install "envtasks[init]"',
        )


def render(template: str, **values: Any) -> str:
    """The text of a template with these values. Raises ToolMissing where jinja2 is not installed."""
    require_jinja()
    import jinja2

    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(_FOLDER),
        undefined=jinja2.StrictUndefined,
        autoescape=False,  # noqa: S701 - the results are no HTML
        block_start_string="<%",
        block_end_string="%>",
        variable_start_string="<{",
        variable_end_string="}>",
        comment_start_string="<#",
        comment_end_string="#>",
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    return environment.get_template(template).render(values)
