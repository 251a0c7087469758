"""`inv docker.*`: the image of an environment, built, audited, pushed and run."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from dataclasses import asdict

from .. import console
from ..activation import output_is_terminal
from ..context import Context
from ..declare import task
from ..invocation import current_invocation
from ..process import shell_quoted
from ..redaction.ci_log import group
from .command_line import words_after_dashes

TAG = "The whole reference, such as registry.example.com/app:1.0 (default: <project>:<environment>)"


@task(
    env="local",
    help={
        "tag": TAG,
        "target": "The stage to build (default: the last one)",
        "platform": "linux/amd64,linux/arm64: several only together with --push",
        "push": "Push the image once it is audited",
        "cache": "Use what earlier builds left",
        "audit": "Look for secrets, keys and env files in the image",
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
    """Build the environment's image and audit it; with --push, push it then."""
    from .. import docker

    options = docker.BuildOptions(
        tag=tag,
        target=target,
        platforms=tuple(each.strip() for each in platform.split(",")) if platform else (),
        cache=cache,
        audit=audit,
        push=push,
    )
    # the progress goes to stderr, and so do the marks around it
    with group(f"docker.build {c.environment}", os.environ, stream=sys.stderr):
        built = docker.build_image(current_invocation(c).project, c.hydrated, options, dry=c.config.run.dry)
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
    from .. import docker

    project = current_invocation(c).project
    if c.config.run.dry:
        console.write_utf8(shell_quoted(docker.audit_command(project, c.hydrated, image)) + "\n")
        return
    report = docker.audit_image(project, c.hydrated, image)
    if json:
        console.write_utf8(report.to_json() + "\n")
    if error := report.error():
        raise error
    if not json:
        searched = f"{console.counted(report.layers, 'layer')}, {console.counted(report.secrets, 'secret')} looked for"
        console.write_utf8(f"{report.image}  clean  ({searched})\n")


@task(requires_environment=True, help={"tag": TAG, "json": "Print JSON"})
def push(c: Context, tag: str | None = None, json: bool = False) -> None:
    """Audit the environment's image, push it, and compare what the registry has then."""
    from .. import docker

    pushed = docker.push_image(current_invocation(c).project, c.hydrated, tag=tag, dry=c.config.run.dry)
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
def run(c: Context, tag: str | None = None, publish: Sequence[str] | None = None) -> None:
    """Run a command (after `--`) in the environment's image."""
    from .. import docker, settings_class

    project = current_invocation(c).project
    variables = None
    if project.settings and c.config.run.dry:  # nothing starts, so the class is read and not imported
        names = {name for field in settings_class.source_fields(project) for name in field.variables}
        variables = [name for name in (c.hydrated.variable, *c.hydrated) if name.upper() in names]
    elif project.settings:
        env = c.hydrated.child_env()
        variables = [*settings_class.variables_read(settings_class.check_values(project, env).fields, env)]
    command = docker.run_command(
        project,
        c.hydrated,
        words_after_dashes(),
        variables=variables,
        tag=tag,
        publish=publish or (),
        terminal=sys.stdin.isatty() and output_is_terminal() and c.redactor is None,
    )
    c.exec(*command, env=docker.docker_env(project, c.hydrated), replace_env=True)
