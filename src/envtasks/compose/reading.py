"""What the compose files of a project say, read without docker: which variables they need, and which they give."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import yaml

from .. import yaml_nodes
from ..errors import ConfigInvalid
from ..inventory import project_files
from .checks import refuse_env_files
from .model import Model, active_services, read_sources
from .settings import PROJECT_NAME, existing_files, read_settings
from .variables import EMPTY, missing_in_env_files, missing_in_model, places_by_name

if TYPE_CHECKING:
    from ..config import Project


@dataclass(frozen=True, slots=True)
class Given:
    """A variable that a service or its build gets: its text as written, None where it comes by name."""

    service: str
    name: str
    text: str | None = field(repr=False)
    file: str
    line: int


@dataclass(frozen=True, slots=True)
class Needed:
    """A variable that the stack needs and lacks, and one place that refers to it."""

    name: str
    empty: bool  # set, but empty where compose refuses that
    file: str
    line: int


@dataclass(frozen=True, slots=True)
class ComposeFiles:
    """The compose files of a project, and all that they include or extend, merged in a simple way."""

    model: Model
    inject: tuple[str, ...]  # the services that get every variable of the environment

    @property
    def files(self) -> tuple[Path, ...]:
        """All of these files."""
        return self.model.sources.files

    def needed(self, values: Mapping[str, str]) -> Iterator[Needed]:
        """What the services of `compose.up` need and these values lack. Raises EnvFileMissing, EnvFileInvalid."""
        values = {PROJECT_NAME: "stack", **values}  # which every stack has
        found = (*missing_in_model(self.model, values), *missing_in_env_files(self.model, values))
        for name, places in places_by_name(found, self.model).items():
            file, line = places[0]
            yield Needed(name.removesuffix(EMPTY), name.endswith(EMPTY), file, line)

    def references(self, name: str) -> Iterator[tuple[str, int]]:
        """File and line of each text that refers to a variable, and of each entry that hands it on by name."""
        places = {
            (self.model.label(o.file), o.line_of(name))
            for o in self.model.sources.occurrences
            if o.mentions(name)
        }
        places |= {(each.file, each.line) for each in self.given() if each.name == name and each.text is None}
        yield from sorted(places)

    def given(self) -> Iterator[Given]:
        """What the files give to services under `environment` and to builds under `args`."""
        for path in self.files:
            text = yaml_nodes.read_text(path) or ""
            for document in yaml_nodes.load_all(text, self.model.label(path)):
                services = yaml_nodes.child(document, "services")
                for service, (_, node) in yaml_nodes.entries(services).items():
                    for where in (("environment",), ("build", "args")):
                        for name, value, line in _pairs(yaml_nodes.child(node, *where)):
                            yield Given(service, name, value, self.model.label(path), line)

    def refuse_env_files(self, project: Project) -> None:
        """Raise ConfigInvalid where a container would get a file of the project, a private key or ciphertext."""
        refuse_env_files(self.model, project_files(project), {})


def read_compose_files(project: Project, values: Mapping[str, str]) -> ComposeFiles | None:
    """The compose files, `values` being for the paths in them; None where there is none. Raises ConfigInvalid."""
    settings = read_settings(project)
    if not settings.files:
        return None
    files = existing_files(settings, project.root)
    for path in files:  # a broken file is left out below
        label = project.label(path)
        for document in yaml_nodes.load_all(yaml_nodes.read_text(path) or "", label):
            _check_services(document, label)
    sources = read_sources(files, values)
    try:
        active = active_services(sources.tree, [], settings.profiles)
    except ConfigInvalid:  # a service depends on one that is not declared: compose says so
        active = ()
    model = Model(sources.tree, active, sources, project.root, files[0].parent)
    return ComposeFiles(model, settings.inject)


def _check_services(document: yaml.Node, label: str) -> None:
    """Raise ConfigInvalid where the services of a file, or one of them, are something else than a mapping."""
    found = yaml_nodes.entries(document).get("services")
    services = yaml_nodes.entries(found[1]) if found else {}
    for name, (key, node) in ({"services": found, **services} if found else {}).items():
        if not isinstance(node, yaml.MappingNode) and node.value:
            raise ConfigInvalid(f"{label}:{yaml_nodes.line(key)}: {name}: expected a mapping.")


def _pairs(node: yaml.Node | None) -> Iterator[tuple[str, str | None, int]]:
    """Name, text and line of each entry, in compose's two forms: a mapping, and a list of NAME=text."""
    for name, (key, value) in yaml_nodes.entries(node).items():
        text = yaml_nodes.scalar(value)
        empty = isinstance(value, yaml.ScalarNode) and value.tag.endswith(":null")
        yield name, None if empty else text, yaml_nodes.line(key)
    for item in yaml_nodes.items(node):
        name, equals, text = (yaml_nodes.scalar(item) or "").partition("=")
        yield name, text if equals else None, yaml_nodes.line(item)
