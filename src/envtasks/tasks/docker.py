"""`inv docker.*`: the image of an environment, built, audited, pushed and run."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING

from .. import console
from ..activation import output_is_terminal
from ..context import Context
from ..declare import task
from ..hydration import Hydrated
from ..invocation import current_invocation
from ..redaction.ci_log import group

if TYPE_CHECKING:
    from ..audit import Report
    from ..config import Project

TAG = "The whole reference, such as registry.example.com/app:1.0 (default: <project>:<environment>)"


@task(
    env="local",
    help={
        "tag": TAG,
        "target": "The stage to build (default: the last one)",
        "platform": "linux/amd64,linux/arm64: several only together with --push",
        "push": "Push the image once it is audited",
        "cache": "Use what earlier builds left",
        "audit": "Look into the image for secrets, keys and env files",
        "json": "Print JSON",
    },
)
def build(
    c: Context,
    tag: str | None = None,
    target: str | None = None,
    platform: str | None = None,
    push: bool = False,
    cache: bool = True,
    audit: bool = True,
    json: bool = False,
) -> None:
    """Build the environment's image and audit it; --push sends it then."""
    # the progress goes to stderr, and so do the marks around it
    with group(f"docker.build {c.environment}", os.environ, stream=sys.stderr):
        project, hydrated = _here(c)
        from ..docker import images

        built = images.make(
            project,
            hydrated,
            audit=_auditor(project, hydrated) if audit else None,
            tag=tag,
            target=target,
            platforms=platform.split(",") if platform else (),
            pushed=push,
            no_cache=not cache,
            dry=bool(c.config.run.dry),
        )
    if built is None:
        return
    if json:
        console.print_json(asdict(built) | {"audited": audit, "pushed": push})
    else:
        done = ["built", *(["audited"] if audit else []), *(["pushed"] if push else [])]
        console.write_utf8(f"{built.reference}  {built.image or built.digest}  {', '.join(done)}\n")


@task(env="local", confirm=False, help={"image": "Default: the environment's own", "json": "Print JSON"})
def audit(c: Context, image: str = "", json: bool = False) -> None:
    """Look for secrets, keys and env files in every layer of an image."""
    project, hydrated = _here(c)
    from ..docker.settings import recipe_of

    report = _look(project, hydrated, image or recipe_of(project).reference(hydrated.environment))
    if json:
        console.write_utf8(report.to_json() + "\n")
    if error := report.error():
        raise error
    if not json:
        searched = f"{report.layers} layers, {report.secrets} secrets looked for"
        console.write_utf8(f"{report.image}  clean  ({searched})\n")


@task(requires_environment=True, help={"tag": TAG, "json": "Print JSON"})
def push(c: Context, tag: str | None = None, json: bool = False) -> None:
    """Audit the environment's image, push it, and check what arrived."""
    project, hydrated = _here(c)
    from ..docker import images

    dry = bool(c.config.run.dry)
    pushed = images.send(project, hydrated, audit=_auditor(project, hydrated), tag=tag, dry=dry)
    if pushed is None:
        return
    if json:
        console.print_json(asdict(pushed))
    else:
        console.write_utf8(f"{pushed.reference}  {' '.join(pushed.images)}  audited, pushed\n")


@task(
    env="local",
    iterable=["publish"],
    help={"tag": TAG, "publish": "A port to open, such as 127.0.0.1:8000:8000; once for each"},
)
def run(c: Context, tag: str | None = None, publish: Sequence[str] = ()) -> None:
    """Run a command (after `--`) in the environment's image."""
    project, hydrated = _here(c)
    from .. import settings_class
    from ..docker.container import run_words

    words = run_words(
        project,
        hydrated,
        sys.argv[sys.argv.index("--") + 1 :] if "--" in sys.argv else (),
        settings_names=list(settings_class.load(project)) if project.settings else None,
        tag=tag,
        publish=publish,
        terminal=sys.stdin.isatty() and output_is_terminal() and c._redactor is None,
    )
    c.exec(*words)


def _here(c: Context) -> tuple[Project, Hydrated]:
    return current_invocation(c).project, c.hydrated


def _auditor(project: Project, hydrated: Hydrated) -> Callable[[str, str], None]:
    def check(image: str, called: str) -> None:
        if error := _look(project, hydrated, image, called=called).error():
            raise error

    return check


def _look(project: Project, hydrated: Hydrated, image: str, *, called: str = "") -> Report:
    from ..docker.inspection import inspect

    report = inspect(project, hydrated, image, called=called)
    for left_out in report.not_checked:
        console.say("note", f"not checked: {left_out.what}: {left_out.reason}")
    return report
