"""Plan a settings class where the project has none and the answer is yes: the variables of its code, with types."""

from __future__ import annotations

import re
from typing import Final

from ..check import is_secret_name
from .code import Read, module_of, settings_classes, variables_read
from .file_names import is_test
from .plan import Draft
from .render import render

_BOOLEAN: Final = ("true", "false")
_RESERVED: Final = re.compile(r"model_.*|[^a-z].*")  # names that a field of pydantic cannot have


def plan_settings(draft: Draft) -> str | None:
    """The settings class of the project, `module:Class`: its own, else one that is written here; None for none."""
    classes = settings_classes(draft.survey)
    if classes:
        return classes[0].reference
    reads: dict[str, Read] = {}
    for each in variables_read(draft.survey):
        if each.required or each.name not in reads:
            reads[each.name] = each
    file = _file(draft)
    about = (
        f"The code reads {', '.join(list(reads)[:5])}{', …' if len(reads) > 5 else ''} from the environment."
    )
    if not reads or draft.text(file) or not draft.answers.yes("settings-class", default=False, about=about):
        return None
    fields = [_field(each) for each in reads.values() if not _RESERVED.fullmatch(each.name.lower())]
    secrets = any("SecretStr" in kind for _, kind, _ in fields)
    text = render("settings.py.j2", title=draft.survey.project.name, fields=fields, secrets=secrets)
    draft.write(file, text, what=f"a settings class, {len(fields)} fields", why="values are checked by type")
    draft.leave(
        file,
        1,
        "nothing uses this class yet",
        "settings = Settings(), and pydantic-settings among the dependencies",
    )
    return f"{module_of(file)}:Settings"


def _file(draft: Draft) -> str:
    """Where the class goes: into the project's package, else beside its modules."""
    packages = [name for name in draft.survey.named(r"(?:src/)?[^/]+/__init__\.py") if not is_test(name)]
    folder = packages[0].removesuffix("__init__.py") if packages else ""
    return f"{folder}settings.py"


def _field(read: Read) -> tuple[str, str, str | None]:
    """Name, type and default of the field of a variable; a secret's default is in no file."""
    name, default = read.name.lower(), read.default
    if is_secret_name(read.name):
        return (name, "SecretStr", None) if read.required else (name, "SecretStr | None", "None")
    if default is None:
        return (name, "str", None) if read.required else (name, "str | None", "None")
    if default.lower() in _BOOLEAN:
        return name, "bool", str(default.lower() == "true")
    if re.fullmatch(r"-?\d+", default):
        return name, "int", str(int(default))
    return name, "str", repr(default)
