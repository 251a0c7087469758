"""Plan the pipeline, as a file or a block of our own, and the entry for pre-commit."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

import yaml

from .. import git
from ..ci import render_files
from ..config import Project
from ..envfiles import newline_of
from ..errors import ConfigInvalid
from ..yaml_nodes import child, is_flow, items, last_line, line, load
from .file_names import PIPELINE, REQUIREMENTS
from .plan import Draft
from .render import render

PRE_COMMIT: Final = ".pre-commit-config.yaml"
_FILES: Final = {"github": ".github/workflows/ci.yml", "gitlab": ".gitlab-ci.yml"}
# what the jobs are made from
_READ: Final = rf"Dockerfile|docker/Dockerfile|{REQUIREMENTS}|[^/]+\.lock|Pipfile|setup\.py"


def plan_pipeline_file(draft: Draft) -> None:
    """Render the pipeline of a platform: by default that of git's remote, where no pipeline is there yet."""
    survey = draft.survey
    there = survey.named(PIPELINE)
    remote = git.output(survey.root, survey.process_env, "remote", "get-url", "origin") or ""
    default = next((name for name in _FILES if name in remote), "no") if not there else "no"
    platform = draft.answers.word("ci", default)
    if platform == "no" or survey.top is None:
        return
    file = _FILES[platform]
    for name in (file, *survey.named(_READ)):
        draft.path(name)
    for name in (survey.tasks_file, "noxfile.py"):
        draft.track(name)
    try:
        with _coming_lock(draft):
            files, warnings = render_files(Project.load(draft.root), survey.process_env, platform)
    except ConfigInvalid as error:
        draft.leave(file, 1, f"it was not rendered: {error.message}", f"inv ci.render {platform}")
        return
    for each in files:
        if each.changed:
            draft.write(each.label, each.text, what="jobs with one key each", why="CI runs the same tasks")
    draft.notes += [warning for warning in warnings if "depend" not in warning]


@contextmanager
def _coming_lock(draft: Draft) -> Iterator[None]:
    """Within, the copy has the lock file that the package manager will write; the jobs' cache is named by it."""
    lock = draft.root / (draft.survey.installation.manager.lock or ".lock")
    coming = not lock.exists() and draft.answers.given.get("dependency") != "no"
    try:
        if coming:
            lock.write_bytes(b"")
            draft.track(lock.name, force=False)
        yield
    finally:
        if coming:
            lock.unlink(missing_ok=True)


def plan_pre_commit(draft: Draft) -> None:
    """Add `env.check` to the hooks of pre-commit, if the project has some and nothing is left that it would find."""
    text = draft.text(PRE_COMMIT)
    if not text or "envtasks" in text:
        return
    clean = not any(each.blocks for each in draft.left)
    if not draft.answers.yes("pre-commit", default=clean):
        draft.keep(PRE_COMMIT, "its commits would fail until what is left is done")
        return
    after = _with_hook(text, f"{draft.survey.runner}envtasks env.check --staged")
    if after is None:
        sentence = "its `repos` are written in a way that is not extended"
        draft.leave(PRE_COMMIT, 1, sentence, "a hook: envtasks env.check --staged")
        return
    draft.write(PRE_COMMIT, after, what="the hook env-check", why="commits are checked")


def _with_hook(text: str, entry: str) -> str | None:
    """The configuration with one more hook at the end of its `repos`; None where that cannot be proven."""
    try:
        repos = child(load(text, PRE_COMMIT), "repos")
    except ConfigInvalid:
        return None
    found = items(repos)
    if not isinstance(repos, yaml.SequenceNode) or is_flow(repos) or not found:
        return None
    lines = text.splitlines(keepends=True)
    first, at = lines[line(found[-1]) - 1], last_line(found[-1])
    indent = first[: len(first) - len(first.lstrip())]
    newline = newline_of(text)
    block = "".join(f"{indent}{each}{newline}" for each in render("pre_commit.j2", entry=entry).splitlines())
    before = "".join(lines[:at])
    gap = "" if before.endswith("\n") else newline
    after = f"{before}{gap}{block}{''.join(lines[at:])}"
    try:
        *others, _ = items(child(load(after, PRE_COMMIT), "repos"))
    except ConfigInvalid:
        return None
    # where the last one has an alias, its last line may be that of an earlier one
    return after if [*map(yaml.serialize, others)] == [*map(yaml.serialize, found)] else None
