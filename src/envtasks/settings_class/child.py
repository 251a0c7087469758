"""What the settings class says of values, found in a process of its own that imports the service.

Run as a file, it imports nothing of this package. It answers in one line of JSON with names, kinds and pydantic's own
texts; no value, and no text of a validator.
"""

from __future__ import annotations

import inspect
import json
import os
import re
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path
from types import UnionType
from typing import Any, Final, Union, get_args, get_origin

SECRET_TYPES: Final = ("SecretStr", "SecretBytes")
SOME: Final = "x"  # in place of a value that is not known
Values = Mapping[str, str | None]  # None: not known


def main() -> None:
    """Answer the question on stdin: `{"settings": "module:Class", "environments": {name: {variable: value}}}`.

    Without environments it is about the values of this process.
    """
    question = json.loads(sys.stdin.buffer.read())
    out = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)  # the service's module may print as well
    out.write(json.dumps(answer(question["settings"], question.get("environments"))))
    out.close()


def answer(settings: str, environments: Mapping[str, Values] | None) -> dict[str, Any]:
    """The fields of the class, and what is missing or wrong in each environment, or in this process."""
    clean = dict(os.environ)
    sys.path[:0] = [str(Path.cwd() / "src"), str(Path.cwd())]
    module, _, name = settings.partition(":")
    failure = ""
    # what a module does with settings that it makes on import may need the values of an environment
    for values in ({}, *(environments or {}).values()):
        _enter(clean, values)
        try:
            with _lenient():
                found = getattr(import_module(module), name)
            fields = list(_fields(found))
            break
        except BaseException as error:  # sys.exit in a module as well
            failure = failure or _named(error)
    else:
        return {"failure": failure}
    if environments is None:
        return {"fields": fields, "errors": list(_own_errors(found, fields))}
    problems = {each: _judged(found, fields, clean, values) for each, values in environments.items()}
    return {"fields": fields, "env_files": _env_files(found), "environments": problems}


@contextmanager
def _lenient() -> Iterator[None]:
    """Within, settings are made without an error: many modules make them on import, where values may be missing."""
    from pydantic_settings import BaseSettings

    original = BaseSettings.__init__

    def make(self: Any, *args: Any, **kwargs: Any) -> None:
        try:
            original(self, *args, **kwargs)
        except Exception:
            required = [name for name, field in type(self).model_fields.items() if field.is_required()]
            made = type(self).model_construct(**dict.fromkeys(required, SOME))
            for name in ("__dict__", "__pydantic_fields_set__", "__pydantic_extra__", "__pydantic_private__"):
                object.__setattr__(self, name, getattr(made, name))

    setattr(BaseSettings, "__init__", make)  # noqa: B010 - mypy forbids to assign a method
    try:
        yield
    finally:
        setattr(BaseSettings, "__init__", original)  # noqa: B010


def _named(error: BaseException) -> str:
    """The kind of an error, and the module that is missing; its text may hold values."""
    if isinstance(error, ModuleNotFoundError):
        return f"there is no module {error.name}"
    return type(error).__name__ + (
        f" of {error.name}" if isinstance(error, ImportError) and error.name else ""
    )


def _enter(clean: Mapping[str, str], values: Values, *, without: Sequence[str] = ()) -> None:
    """Make the process environment that of an environment, whose unknown values are some text."""
    os.environ.clear()
    os.environ.update(clean)
    os.environ.update(
        {name: SOME if value is None else value for name, value in values.items() if name not in without}
    )


def _env_files(settings: Any) -> list[str]:
    declared = settings.model_config.get("env_file") or []
    return [str(path) for path in ([declared] if isinstance(declared, (str, Path)) else declared)]


def _fields(settings: Any) -> Iterator[dict[str, Any]]:
    """Each field: the variables it is read from, as pydantic-settings itself works them out."""
    from pydantic_settings import EnvSettingsSource

    source = EnvSettingsSource(settings)
    delimiter = source.env_nested_delimiter or ""
    places = _places(settings)
    for name, field in settings.model_fields.items():
        variables = [variable for _, variable, _ in source._extract_field_info(field, name)]
        nested = bool(delimiter) and any(_has_parts(each) for each in _types(field.annotation))
        yield {
            "field": name,
            "variables": [variable.upper() for variable in dict.fromkeys(variables)],
            "required": field.is_required(),
            "secret": _is_secret(field.annotation),
            "type": _type_name(field.annotation),
            "default": None if field.is_required() else _default(field),
            "description": field.description,
            "nested": delimiter.upper() if nested else "",
            "file": places.get(name, ("", 0))[0],
            "line": places.get(name, ("", 0))[1],
        }


def _types(annotation: Any) -> tuple[Any, ...]:
    """The types of a union, or the one."""
    return get_args(annotation) if get_origin(annotation) in (Union, UnionType) else (annotation,)


def _has_parts(annotation: Any) -> bool:
    return _is_model(annotation) or dict in (annotation, get_origin(annotation))


def _is_model(annotation: Any) -> bool:
    return isinstance(annotation, type) and hasattr(annotation, "model_fields")


def _is_secret(annotation: Any, seen: tuple[Any, ...] = ()) -> bool:
    """Whether a type is secret, or has a field that is."""
    if any(word in str(annotation) for word in SECRET_TYPES):
        return True
    if annotation in seen:
        return False
    fields = annotation.model_fields.values() if _is_model(annotation) else ()
    inner = [*(field.annotation for field in fields), *get_args(annotation)]
    return any(_is_secret(each, (*seen, annotation)) for each in inner)


def _type_name(annotation: Any) -> str:
    names = [
        getattr(each, "__name__", str(each)) if isinstance(each, type) else str(each)
        for each in _types(annotation)
    ]
    return " | ".join(name.replace("typing.", "").replace("NoneType", "None") for name in names)


def _default(field: Any) -> str | None:
    """The default as text; None for one that is made by a function, is secret, or is no plain value."""
    value = field.default
    if isinstance(value, bool):
        return str(value).lower()
    return str(value) if isinstance(value, (str, int, float)) else "" if value is None else None


def _places(settings: Any) -> dict[str, tuple[str, int]]:
    """File and line of each field in the source."""
    found: dict[str, tuple[str, int]] = {}
    for each in reversed(settings.__mro__):
        try:
            file, (lines, first) = inspect.getsourcefile(each) or "", inspect.getsourcelines(each)
        except (OSError, TypeError):  # a class without a source
            continue
        own = each.__dict__.keys() | inspect.get_annotations(each).keys()
        for number, line in enumerate(lines):
            if (field := re.match(r"\s+(\w+)\s*:", line)) and field[1] in own:
                found[field[1]] = (file, first + number)
    return found


def _own_errors(settings: Any, fields: Sequence[Mapping[str, Any]]) -> Iterator[tuple[str, str]]:
    """Variable and kind of each error that the values of this process give."""
    from pydantic import ValidationError

    variables = {field["field"]: field["variables"] for field in fields}
    variables |= {word: field["variables"] for field in fields for word in field["variables"]}
    named: set[str] = (
        set()
    )  # fields whose value is no JSON, at which pydantic-settings stops: they are left out then
    for _ in range(len(fields) + 1):
        try:
            settings()
        except ValidationError as error:
            for each in error.errors(include_input=False, include_url=False, include_context=False):
                where = str(each["loc"][0]) if each["loc"] else "*"
                name = variables.get(where, (where.upper(),))[0]
                if name not in named:
                    yield name, each["type"]
        except Exception as error:
            found = re.search(r'field "(\w+)"', str(error))
            of_field = variables.get(found[1] if found else "", ("*",))
            if of_field[0] in named:  # in an env file as well
                return
            spoiled = [name for name in os.environ if name.upper() in of_field]
            yield of_field[0], type(error).__name__
            if spoiled:
                named.add(of_field[0])
                for name in spoiled:
                    del os.environ[name]
                continue
        return


def _judged(
    settings: Any, fields: Sequence[Mapping[str, Any]], clean: Mapping[str, str], values: Values
) -> list[dict[str, Any]]:
    """What is missing or wrong in an environment, as far as its values are known."""
    variables = {field["field"]: field["variables"] for field in fields}
    problems: list[dict[str, Any]] = []
    without: list[str] = []
    for _ in range(len(fields) + 1):  # a value that is no JSON stops pydantic-settings at its field
        _enter(clean, values, without=without)
        try:
            settings(_env_file=None)
        except Exception as error:
            named = re.search(r'field "(\w+)" from source', str(error))
            if type(error).__name__ != "SettingsError" or not named:
                problems += _errors(error, fields, values, without)
                break
            spoiled = [name for name in values if name.upper() in variables.get(named[1], ())]
            if not spoiled:
                break
            without += spoiled
            if not any(values[name] is None for name in spoiled):
                problems.append({"name": spoiled[0].upper(), "kind": "json", "text": "it is no valid JSON"})
            continue
        break
    return problems


def _errors(
    error: Exception, fields: Sequence[Mapping[str, Any]], values: Values, without: Sequence[str]
) -> Iterator[dict[str, Any]]:
    """pydantic's errors about what is not there, or known and wrong."""
    from pydantic import ValidationError

    if not isinstance(error, ValidationError):
        return
    by_name = {word.upper(): field for field in fields for word in (field["field"], *field["variables"])}
    unknown = {name.upper() for name, value in values.items() if value is None} | {
        name.upper() for name in without
    }
    given = {name.upper() for name in values}
    for each in error.errors(include_input=False, include_url=False):
        words = [str(word) for word in each["loc"]]
        field = by_name.get(words[0].upper()) if words else None
        if field is None:
            continue  # of the class as a whole: which value is wrong does not show
        parts = (
            [field["variables"][0], *(word.upper() for word in words[1:])]
            if field["nested"]
            else field["variables"]
        )
        name = field["nested"].join(parts) if field["nested"] else parts[0]
        read = {name, *field["variables"]} if len(words) == 1 or not field["nested"] else {name}
        if each["type"] == "missing":
            if not read & given:
                yield {"name": name, "kind": "missing", "text": ""}
        elif not read & unknown:
            yield {
                "name": next(iter(sorted(read & given)), name),
                "kind": each["type"],
                "text": _text(each, secret=field["secret"]),
            }


def _text(error: Mapping[str, Any], *, secret: bool) -> str:
    """pydantic's own words; the kind alone of a validator's, which may hold the value, and of a secret."""
    from pydantic_core.core_schema import ErrorType

    own = error["type"] in get_args(ErrorType) and error["type"] not in ("value_error", "assertion_error")
    return str(error["msg"] if own and not secret else error["type"])


if __name__ == "__main__":
    main()
