"""The pipelines of CI platforms: what `ci.check` finds, and credentials among their variables."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Final

import yaml

from .. import yaml_nodes
from ..ci import check_pipelines
from . import findings
from .credentials import looks_like_credential
from .findings import Finding, Kind, Result, command
from .inputs import Inputs

_KINDS: Final[Mapping[str, Kind]] = {
    "literal-secret": findings.CI_SECRET,
    "several-keys": findings.CI_KEYS,
    "no-environment": findings.CI_KEYS,
    "unknown-environment": findings.CI_UNKNOWN,
    "unknown-session": findings.CI_UNKNOWN,
    "cannot-run": findings.CI_STALE,
    "out-of-date": findings.CI_STALE,
    "invalid-file": findings.CI_FILE,
}
_VARIABLES: Final = ("env", "variables")  # GitHub's key, and GitLab's


def find(inputs: Inputs) -> Iterator[Result]:
    """The findings about the pipelines of the project, if it has any."""
    files, problems = check_pipelines(inputs.project, inputs.process_env)
    for each in problems:
        hint = each.hint if each.hint.startswith(("inv ", "git ", "nox ")) else "inv ci.check"
        sentence = each.sentence if hint == each.hint or not each.hint else f"{each.sentence} ({each.hint})"
        yield Finding(_KINDS[each.id], each.file, each.line, sentence, hint)
    broken = {each.file for each in problems if each.id == "invalid-file"}
    for label in files:
        text = yaml_nodes.read_text(inputs.project.root / label)
        if label not in broken and text:
            for document in yaml_nodes.load_all(text, label):
                yield from _credentials(inputs, label, document)


def _credentials(inputs: Inputs, label: str, node: yaml.Node) -> Iterator[Finding]:
    """Credentials that stand in a pipeline's variables, on any level."""
    for item in yaml_nodes.items(node):
        yield from _credentials(inputs, label, item)
    for key, (_, value) in yaml_nodes.entries(node).items():
        for name, (at, each) in yaml_nodes.entries(value).items() if key in _VARIABLES else ():
            text = yaml_nodes.scalar(each) or yaml_nodes.scalar(each, "value") or ""
            if "$" not in text and (reason := looks_like_credential(name, text)):
                sentence = f"{name} {reason}, and its value stands here."
                hint = command("env.set", inputs.environments[0], name=name)
                yield Finding(findings.CI_SECRET, label, yaml_nodes.line(at), sentence, hint, name=name)
        yield from _credentials(inputs, label, value)
