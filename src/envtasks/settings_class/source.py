"""The fields of the settings class, read from the source of its module and of those it imports; nothing is imported."""

from __future__ import annotations

import ast
import re
from collections.abc import Collection, Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Final, NamedTuple

SECRET_TYPES: Final = ("SecretStr", "SecretBytes")
# with these a field may be set by something other than the environment, or by another name, so a missing variable is no
# error
_OTHER_SOURCES: Final = {
    "settings_customise_sources",
    "secrets_dir",
    "yaml_file",
    "toml_file",
    "json_file",
    "cli_parse_args",
    "alias_generator",
}
_OF_MODELS: Final = (
    "alias_generator",
    "populate_by_name",
    "validate_by_name",
)  # what counts in a nested model too
_CONTAINERS: Final = {
    *("set", "frozenset", "list", "dict", "tuple", "sequence", "mapping", "iterable", "collection"),
}


class SourceField(NamedTuple):
    """One field as its source has it: the variables it is read from, upper-cased, and whether one of them must be set.

    `nested` is the delimiter by which a field is set in parts (`DB__HOST`), empty where there is none; `within` are the
    variables of the fields that a part belongs to, which can hold it in their JSON.
    """

    variables: tuple[str, ...]
    required: bool
    secret: bool
    nested: str = ""
    within: tuple[str, ...] = ()

    def is_set(self, names: Collection[str]) -> bool:
        """Whether one of its variables is among these names, which are upper-cased."""
        parts = tuple(variable + self.nested for variable in self.variables) if self.nested else ()
        return any(variable in names for variable in (*self.variables, *self.within)) or (
            bool(parts) and any(name.startswith(parts) for name in names)
        )


class _Module(NamedTuple):
    """The source of one module of the project, and the modules that were read so far, by name: each is read once."""

    root: Path
    name: str
    path: Path
    tree: ast.Module
    imports: Mapping[str, tuple[ast.ImportFrom, str]]  # by the name here: the statement, and the name there
    known: dict[str, _Module | None]

    @classmethod
    def parse(cls, root: Path, name: str, path: Path, known: dict[str, _Module | None]) -> _Module | None:
        """The module of this name in a file; None if Python cannot read it either."""
        try:
            tree = ast.parse(path.read_bytes(), filename=str(path))
        except (SyntaxError, OSError, ValueError):
            return None
        imports: dict[str, tuple[ast.ImportFrom, str]] = {}
        for node in ast.walk(tree):
            if isinstance(node, ast.ImportFrom):
                for alias in node.names:
                    imports.setdefault(alias.asname or alias.name, (node, alias.name))
        return cls(root, name, path, tree, imports, known)

    def find(self, name: str) -> tuple[_Module, ast.ClassDef] | None:
        """The class that has this name here, `models.Database` too, also if another module of the project has it."""
        start, _, last = name.rpartition(".")
        if start:
            module = self._module(start)
            return module.find(last) if module else None
        for node in self.tree.body:
            if isinstance(node, ast.ClassDef) and node.name == name:
                return self, node
        imported = self.imported(name)
        if imported is None:
            return None
        module = self._read(imported[0])
        return module.find(imported[1]) if module else None

    def imported(self, name: str) -> tuple[str, str] | None:
        """The module that a name is imported from, and what it is called there."""
        if name not in self.imports:
            return None
        statement, there = self.imports[name]
        return self._origin(statement), there

    def _module(self, name: str) -> _Module | None:
        """The module of the project that has this name here."""
        if found := self.imported(name):  # from app import models
            return self._read(".".join(found))
        for node in ast.walk(self.tree):
            for alias in node.names if isinstance(node, ast.Import) else ():
                if (alias.asname or alias.name) == name:
                    return self._read(alias.name)
        return None

    def _read(self, name: str) -> _Module | None:
        """Another module of the project."""
        if name not in self.known:
            path = source_path(self.root, name) if name else None
            self.known[name] = _Module.parse(self.root, name, path, self.known) if path else None
        return self.known[name]

    def _origin(self, node: ast.ImportFrom) -> str:
        parent = self.name.split(".")[: None if self.path.name == "__init__.py" else -1]
        base = parent[: len(parent) - node.level + 1] if node.level else []
        return ".".join([*base, *([node.module] if node.module else [])])

    def secret_types(self) -> tuple[str, ...]:
        """What the module calls pydantic's secret types."""
        nodes = (node for node in self.tree.body if isinstance(node, ast.ImportFrom))
        names = (alias for node in nodes for alias in node.names if alias.name in SECRET_TYPES)
        return (*SECRET_TYPES, *(alias.asname for alias in names if alias.asname))


def read_fields(root: Path, module: str, path: Path, name: str) -> tuple[SourceField, ...] | None:
    """The fields of a class in a module's source, also if it is imported there; None if it is not there."""
    source = _Module.parse(root, module, path, {})
    if source is None:
        return ()  # running the service says so better than we can
    if found := source.find(name):
        return tuple(_all_fields(*found))
    nodes = (node for node in ast.walk(source.tree) if isinstance(node, ast.Name))
    bound = {node.id for node in nodes if isinstance(node.ctx, ast.Store)}
    return () if name in bound or source.imported(name) else None


def source_path(root: Path, module: str) -> Path | None:
    """The source of one of the project's own modules."""
    relative = Path(*module.split("."))
    for base in (root / "src", root):
        for candidate in (base / relative.with_suffix(".py"), base / relative / "__init__.py"):
            if candidate.is_file():
                return candidate
    return None


def _all_fields(
    module: _Module, node: ast.ClassDef, seen: tuple[tuple[Path, str], ...] = ()
) -> Iterator[SourceField]:
    """The fields of a class, each with those of the models in it."""
    options = _options(module, node)  # they hold for the fields of base classes too
    yield from _with_parts(module, node, options, seen)


def _with_parts(
    module: _Module, node: ast.ClassDef, options: Mapping[str, str], seen: tuple[tuple[Path, str], ...]
) -> Iterator[SourceField]:
    for declared in _class_fields(module, node, options).values():
        field = declared.field
        parts: list[SourceField] = []
        own: list[SourceField] = []
        models = list(declared.models())
        for model in models:
            place = (model[0].path, model[1].name)
            if seen.count(place) > 1:  # a model that holds itself
                continue
            inner = {key: value for key, value in _options(*model).items() if key in _OF_MODELS}
            inner["env_nested_delimiter"] = field.nested
            parts += _with_parts(*model, inner, (*seen, place))
            if _is_settings(*model):  # which reads its own variables too
                own += [each._replace(required=False) for each in _all_fields(*model, (*seen, place))]
        field = field._replace(secret=field.secret or any(part.secret for part in parts))
        if field.nested and not declared.is_container:
            parts = [_part(field, part) for part in parts]
            if len(models) > 1:  # one of them
                parts = [part._replace(required=False) for part in parts]
            yield field._replace(required=field.required and not any(part.required for part in parts))
            yield from parts
        else:
            yield field
        yield from own


def _part(field: SourceField, part: SourceField) -> SourceField:
    """A field of a nested model by the variables that set it from outside."""
    outer = [variable + field.nested for variable in field.variables]
    return part._replace(
        variables=tuple(start + variable for start in outer for variable in part.variables),
        within=(*field.variables, *(start + variable for start in outer for variable in part.within)),
        required=field.required and part.required,
    )


class _Declared(NamedTuple):
    """A field, and where and how its type is written."""

    field: SourceField
    module: _Module
    annotation: ast.expr

    @property
    def is_container(self) -> bool:
        """Whether it holds several of its type, which have no variables of their own."""
        return any(word.rpartition(".")[2].lower() in _CONTAINERS for word in _type_names(self.annotation))

    def models(self) -> Iterator[tuple[_Module, ast.ClassDef]]:
        """The project's classes in its type."""
        for name in dict.fromkeys(_type_names(self.annotation)):
            if found := self.module.find(name):
                yield found


def _text(node: ast.AST) -> str:
    """The source of an expression; of a name, as most are, without the unparser, which takes ten times as long."""
    return node.id if isinstance(node, ast.Name) else ast.unparse(node)


def _type_names(node: ast.AST) -> Iterator[str]:
    """The names of types in an annotation: not those in its descriptions, literals and other arguments."""
    match node:
        case ast.Constant(value=str(text)):  # a forward reference
            with suppress(SyntaxError):
                yield from _type_names(ast.parse(text.strip(), mode="eval").body)
        case ast.Name() | ast.Attribute():
            yield _text(node)
        case ast.Subscript(value=value, slice=inner):
            name = _text(value).rpartition(".")[2]
            yield name
            if name == "Annotated" and isinstance(inner, ast.Tuple):
                inner = inner.elts[0]
            if name != "Literal":
                yield from _type_names(inner)
        case ast.BinOp() | ast.Tuple() | ast.List():
            for child in ast.iter_child_nodes(node):
                yield from _type_names(child)


def _class_fields(module: _Module, node: ast.ClassDef, options: Mapping[str, str]) -> dict[str, _Declared]:
    """The fields of a class by their name, those of its base classes included."""
    fields: dict[str, _Declared] = {}
    for base in _bases(module, node):
        fields |= _class_fields(*base, options)
    types = module.secret_types()
    partial = any(each.arg == "total" for each in node.keywords)  # of a TypedDict
    for statement in node.body:
        if isinstance(statement, ast.AnnAssign) and isinstance(statement.target, ast.Name):
            field, words = statement.target.id, set(re.findall(r"\w+", _text(statement.annotation)))
            if field.startswith("_") or field == "model_config" or "ClassVar" in words:
                continue
            read = SourceField(
                tuple(word.upper() for word in _variables(statement, field, options)),
                required=_is_required(statement)
                and not (partial or "NotRequired" in words or options.keys() & _OTHER_SOURCES),
                secret=not words.isdisjoint(types),
                nested=options.get("env_nested_delimiter", "").upper(),
            )
            fields[field] = _Declared(read, module, statement.annotation)
    return fields


def _variables(statement: ast.AnnAssign, field: str, options: Mapping[str, str]) -> Iterator[str]:
    """The variables that a field is read from: its aliases, else its name with the class's prefix."""
    given = [*_aliases(statement.annotation), *_aliases(statement.value)]
    yield from given
    by_name = "True" in (options.get("populate_by_name"), options.get("validate_by_name"))
    if not given or by_name:
        yield options.get("env_prefix", "") + field
    if not given and "alias_generator" in options:  # most make `myToken` of my_token
        yield field.replace("_", "")


def _bases(module: _Module, node: ast.ClassDef) -> Iterator[tuple[_Module, ast.ClassDef]]:
    """The base classes of a class that are the project's, the last one first."""
    for base in reversed(node.bases):
        found = module.find(_text(base)) if isinstance(base, (ast.Name, ast.Attribute)) else None
        if found is not None and found[1] is not node:
            yield found


def _is_settings(module: _Module, node: ast.ClassDef) -> bool:
    """Whether a class is a settings class itself, and no plain model."""
    own = any(_text(base).rpartition(".")[2] == "BaseSettings" for base in node.bases)
    return own or any(_is_settings(*base) for base in _bases(module, node))


def _options(module: _Module, node: ast.ClassDef) -> dict[str, str]:
    """The options of `model_config` or `class Config`, those of base classes included; only constants have a value."""
    options: dict[str, str] = {}
    for base in _bases(module, node):
        options |= _options(*base)
    for statement in node.body:
        if isinstance(statement, ast.FunctionDef):
            options |= {statement.name: ""}  # settings_customise_sources
        options |= {key: str(getattr(value, "value", "")) for key, value in _given(statement) if key}
    return options


def _given(statement: ast.stmt) -> Iterator[tuple[str | None, ast.expr]]:
    """The options that one statement of a class gives."""
    if isinstance(statement, ast.ClassDef) and statement.name == "Config":
        for each in statement.body:
            if isinstance(each, ast.Assign):
                yield _text(each.targets[0]), each.value
    value = getattr(statement, "value", None)
    if isinstance(statement, (ast.Assign, ast.AnnAssign)) and isinstance(value, (ast.Call, ast.Dict)):
        target = statement.targets[0] if isinstance(statement, ast.Assign) else statement.target
        if _text(target) == "model_config":
            yield from ((word.arg, word.value) for word in getattr(value, "keywords", []))
            for key, each in zip(getattr(value, "keys", []), getattr(value, "values", []), strict=True):
                yield getattr(key, "value", None), each


def _is_required(field: ast.AnnAssign) -> bool:
    """Whether a field has no default: no value, `...`, or a `Field()` without one."""
    value = field.value
    calls = [call for call in ast.walk(field.annotation) if isinstance(call, ast.Call)]
    if isinstance(value, ast.Call) and _text(value.func).rpartition(".")[2] == "Field":
        calls.append(value)
        if value.args and not _is_ellipsis(value.args[0]):
            return False
    elif value is not None and not _is_ellipsis(value):
        return False
    return not any(word.arg in ("default", "default_factory") for call in calls for word in call.keywords)


def _is_ellipsis(node: ast.expr) -> bool:
    return getattr(node, "value", None) is ...


def _aliases(node: ast.expr | None) -> Iterator[str]:
    for name in ("validation_alias", "alias"):
        yield from _strings(node, name)


def _strings(node: ast.AST | None, name: str) -> Iterator[str]:
    """The string constants of a keyword argument, wherever in the expression it stands."""
    for inner in ast.walk(node) if node is not None else ():
        if isinstance(inner, ast.keyword) and inner.arg == name:
            for constant in ast.walk(inner.value):
                if isinstance(constant, ast.Constant) and isinstance(constant.value, str):
                    yield constant.value
