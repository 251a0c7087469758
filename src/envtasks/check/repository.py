"""git: personal files and key files stay out of it, baselines are in it. Its history is not searched."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from .. import git
from ..activation import exposed_key_files
from ..config import OVERRIDES, Environment
from ..envfiles import KEY_FILE, key_files
from ..errors import EnvtasksError
from . import findings
from .findings import Finding, NotChecked, Result, append_command
from .inputs import Inputs


def find(inputs: Inputs) -> Iterator[Result]:
    """The findings about what git has and ignores."""
    root, env = inputs.project.root, inputs.process_env
    if inputs.tracked_files is None:
        yield NotChecked(
            "git", "which files git has and ignores: this is no git repository, or git is not installed"
        )
        return
    yield NotChecked("history", "git's history: a secret that was ever committed is still there")
    personal, keys = _personal_files(inputs), _key_files(inputs)
    baselines = [path for each in inputs.environments for path in each.baselines if path not in personal]
    tracked = git.tracked(root, [*personal, *keys], env) or frozenset()
    ignored = git.ignored(root, [*personal, *keys, *baselines], env)
    exposed: dict[str, list[str]] = {}
    for label, environment in _exposed(inputs) if tracked.intersection(keys) else ():
        exposed.setdefault(label, []).append(environment)
    for path in (*personal, *keys):
        label = inputs.label(path)
        if path in personal and path in tracked:
            yield _tracked(label, f"git has {label}, which is one developer's own.")
        elif label in exposed:
            yield _tracked(
                label, f"git has {label}, which opens what is encrypted for {', '.join(exposed[label])}."
            )
        elif path not in ignored and path not in tracked:
            what = "a developer's own values" if path in personal else "private keys"
            sentence = f"git does not ignore {label}, so that the next `git add` takes {what}."
            hint = append_command(root, root / ".gitignore", label)
            yield Finding(findings.NOT_IGNORED, ".gitignore", 1, sentence, hint, name=label)
    for path in dict.fromkeys(baselines):
        if path.is_file():
            yield from _baseline(inputs, path, ignored=path in ignored)


def _tracked(label: str, sentence: str) -> Finding:
    return Finding(findings.TRACKED, label, 1, sentence, f"git rm --cached {label}")


def _baseline(inputs: Inputs, path: Path, *, ignored: bool) -> Iterator[Finding]:
    """A baseline that other people do not get."""
    environment = next(each for each in inputs.environments if path in each.baselines)
    label = inputs.label(path)
    if ignored:
        sentence = f"git ignores {label}, which everybody needs for {environment.name}."
        hint = append_command(inputs.project.root, inputs.project.root / ".gitignore", f"!{label}")
    elif path not in (inputs.tracked_files or ()):
        sentence, hint = (
            f"{label} is not in git, and everybody needs it for {environment.name}.",
            f"git add {label}",
        )
    else:
        return
    yield Finding(findings.NOT_TRACKED, label, 1, sentence, hint, environment.name)


def _personal_files(inputs: Inputs) -> tuple[Path, ...]:
    """The overrides of the environments to judge, whether they are there or not."""
    return tuple(
        dict.fromkeys(p for each in inputs.environments for p in each.files if _is_personal(each, p))
    )


def _is_personal(environment: Environment, path: Path) -> bool:
    return environment.optional(path) and path.name == OVERRIDES


def _key_files(inputs: Inputs) -> tuple[Path, ...]:
    """The key files of environments that are not public: those that are declared or there, and the usual one."""
    found: dict[Path, None] = {}
    for environment in inputs.environments:
        usual = [
            path
            for path in key_files(environment, environment.files)
            if path.exists() or (path.name == KEY_FILE and _has_ciphertext(inputs, environment))
        ]
        if not environment.public:
            found |= dict.fromkeys(usual)
    public = {path for each in inputs.project.environments.values() if each.public for path in each.keys}
    return tuple(path for path in found if path not in public)


def _has_ciphertext(inputs: Inputs, environment: Environment) -> bool:
    examined = inputs.examinations.get(environment.name)
    return examined is not None and any(layer.encrypted for layer in examined.files)


def _exposed(inputs: Inputs) -> Iterator[tuple[str, str]]:
    """The key files in git that hold the key of an environment that is not public, each with that environment."""
    for environment in inputs.environments:
        try:
            for label in exposed_key_files(environment, inputs.process_env):
                yield label, environment.name
        except EnvtasksError:  # an env file that cannot be read is a finding of its own
            continue
