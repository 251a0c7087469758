"""What the settings class says of the values of this process, as one line of JSON: names and kinds, no value."""

from __future__ import annotations

import json
import os
import re
import sys
from collections.abc import Iterator, Mapping, Sequence
from importlib import import_module
from pathlib import Path
from typing import Any, get_args

from .source import SECRET_TYPES


def _report(settings: str) -> Mapping[str, Any]:
    """What `check_in_child` reads, found in its child process: names and kinds, no value."""
    # the service is imported as its own processes import it: from src/ or from the project's folder
    sys.path[:0] = [str(Path.cwd() / "src"), str(Path.cwd())]
    module, _, name = settings.partition(":")
    try:
        found = getattr(import_module(module), name)
        fields = {field: tuple(_variables(found, field)) for field in found.model_fields}
    except Exception as error:
        missing = f" ({error.name})" if isinstance(error, ModuleNotFoundError) else ""
        return {"failure": type(error).__name__ + missing}  # its text may hold values
    return {
        "fields": [
            {
                "name": variable,
                "required": found.model_fields[field].is_required() and variable in variables,
                "secret": _is_secret(found.model_fields[field].annotation),
            }
            for field, variables in fields.items()
            for variable in (*variables, *_parts(found, variables))
        ],
        "errors": list(_validation_errors(found, fields)),
    }


def _parts(settings: Any, variables: Sequence[str]) -> list[str]:
    """The variables of this process that set a field in parts, such as `DB__HOST`."""
    delimiter = str(settings.model_config.get("env_nested_delimiter") or "").upper()
    starts = tuple(variable + delimiter for variable in variables)
    names = [name for name in map(str.upper, os.environ) if delimiter and name.startswith(starts)]
    return [name for name in names if name not in variables]


def _is_secret(annotation: Any, seen: tuple[Any, ...] = ()) -> bool:
    """Whether a type is secret, or has a field that is."""
    if any(word in str(annotation) for word in SECRET_TYPES):
        return True
    if annotation in seen:
        return False
    fields = getattr(annotation, "model_fields", {}) if isinstance(annotation, type) else {}
    inner = [*(field.annotation for field in fields.values()), *get_args(annotation)]
    return any(_is_secret(each, (*seen, annotation)) for each in inner)


def _variables(settings: Any, field: str) -> Iterator[str]:
    """The variables that a field is read from, upper-cased: its aliases, else its name with the class's prefix."""
    alias = settings.model_fields[field].validation_alias
    choices = getattr(alias, "choices", [alias])  # pydantic.AliasChoices
    given = [getattr(choice, "path", [choice])[0] for choice in choices if choice is not None]  # AliasPath
    prefix = str(settings.model_config.get("env_prefix", ""))
    yield from (str(name).upper() for name in given or [prefix + field])


def _validation_errors(settings: Any, fields: Mapping[str, tuple[str, ...]]) -> Iterator[tuple[str, str]]:
    from pydantic import ValidationError

    try:
        settings()
    except ValidationError as error:
        for each in error.errors(include_input=False, include_url=False, include_context=False):
            where = str(each["loc"][0]) if each["loc"] else "*"
            yield fields.get(where, (where.upper(),))[0], each["type"]
    except Exception as error:  # pydantic_settings.SettingsError: a list or table that is no JSON
        named = re.search(r'field "(\w+)"', str(error))
        yield fields.get(named[1] if named else "", ("*",))[0], type(error).__name__


if __name__ == "__main__":
    sys.stdout.write(f"\n{json.dumps(_report(sys.argv[1]))}\n")
