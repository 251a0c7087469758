"""GitLab: a pipeline as the jobs of a `.gitlab-ci.yml`; and the jobs of any such file."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import yaml

from ..activation import CONFIRM
from ..errors import ConfigInvalid
from ..yaml_nodes import child, dump, entries, items, line, scalar, scalars
from .dependencies import Installation
from .plan import Job, JobInFile, Kind, Pipeline
from .services import Service

FILE: Final = ".gitlab-ci.yml"
INCLUDE_FILE: Final = ".gitlab/envtasks.yml"
HEADER: Final = ""
BASE: Final = ".envtasks"
STAGES: Final = {"session": "test", "image": "build", "deploy": "deploy"}
DOCKER: Final = "docker:28"
DOCKER_VARIABLES: Final = {
    "DOCKER_HOST": "tcp://docker:2376",
    "DOCKER_TLS_CERTDIR": "/certs",
    "DOCKER_TLS_VERIFY": "1",
    "DOCKER_CERT_PATH": "/certs/client",
    "PIP_BREAK_SYSTEM_PACKAGES": "1",  # this image's Python is the system's
}
# what precedes the installation in a job of this kind
SYSTEM: Final[Mapping[Kind, str]] = {
    "image": "apk add --no-cache git python3 py3-pip",
    "deploy": "apt-get update -qq && apt-get install -y -qq --no-install-recommends kubernetes-client",
}
# a merge request's own pipeline, then the branch's unless a merge request has one already; the default branch has
# always one, as deployments need its jobs
MERGE_REQUEST: Final = {"if": '$CI_PIPELINE_SOURCE == "merge_request_event"'}
DUPLICATE: Final = {
    "if": "$CI_OPEN_MERGE_REQUESTS && $CI_COMMIT_BRANCH != $CI_DEFAULT_BRANCH",
    "when": "never",
}
BRANCH: Final = {"if": "$CI_COMMIT_BRANCH"}
FORK: Final = {
    "if": '$CI_PIPELINE_SOURCE == "merge_request_event"'
    " && $CI_MERGE_REQUEST_SOURCE_PROJECT_ID != $CI_MERGE_REQUEST_PROJECT_ID"
}
DEFAULT_BRANCH: Final = '$CI_COMMIT_BRANCH == $CI_DEFAULT_BRANCH && $CI_COMMIT_REF_PROTECTED == "true"'
# top-level names that are no jobs: https://docs.gitlab.com/ci/yaml/
_NO_JOBS: Final = {"after_script", "before_script", "cache", "default", "image", "include", "services", "spec",
                   "stages", "variables", "workflow"}  # fmt: skip
_RESERVED: Final = _NO_JOBS | {"true", "false", "nil"}
_MOST_PARENTS: Final = 100  # GitLab takes eleven levels: https://docs.gitlab.com/ci/yaml/#extends
_SCRIPTS: Final = ("before_script", "script", "after_script")
_DOCUMENT_START: Final = re.compile(r"^\ufeff?---(?:[ \t].*)?\r?\n", re.MULTILINE)
_REFERENCE: Final = re.compile(r"\$\{?(DOTENV_PRIVATE_KEY\w*)")


def render_jobs(pipeline: Pipeline) -> str:
    """The jobs and what they share as YAML, as they stand on the top level. Raises ConfigInvalid."""
    for name in (job.name for job in pipeline.jobs if job.name in _RESERVED):
        raise ConfigInvalid(
            f"On GitLab {name!r} cannot be the name of a session's job.", hint="rename the nox session"
        )
    jobs = {BASE: _base(pipeline), **{job.name: _job(job, pipeline.installation) for job in pipeline.jobs}}
    if pipeline.closed_to_forks:
        jobs["without-keys"] = _notice(pipeline)
    return "\n".join(dump({name: job}) for name, job in jobs.items())


def jobs_indent(documents: Sequence[yaml.MappingNode]) -> str:  # noqa: ARG001 - see Platform
    """The indentation of jobs, which stand on the top level: none."""
    return ""


def add_include(text: str, documents: Sequence[yaml.MappingNode], newline: str) -> str:
    """The file with one line that includes the other file. Raises ConfigInvalid where its `include` is no list."""
    entry = f"- local: {INCLUDE_FILE}"
    include = child(documents[-1], "include") if documents else None
    if include is None:
        # into the last document: the one before it may be a header with `spec:`
        first = int(text.startswith("\ufeff"))  # behind a byte order mark
        start = max((match.end() for match in _DOCUMENT_START.finditer(text)), default=first)
        block = f"include:{newline}  {entry}{newline}"
        return text[:start] + block + (newline + text[start:] if text[start:] else "")
    paths = [scalar(item) or scalar(item, "local") or "" for item in items(include) or (include,)]
    if any(path.lstrip("/") == INCLUDE_FILE for path in paths):
        return text
    match = re.search(r"^include:[ \t]*(?:#.*)?\r?\n([ \t]*)- ", text, re.MULTILINE)
    if not items(include) or match is None:
        raise ConfigInvalid(
            f"{FILE}:{line(include)}: `include` is not a list of lines, so no line can be added.",
            hint=f"write it as a list, with {entry!r} in it",
        )
    at = match.start(1)
    return f"{text[:at]}{match[1]}{entry}{newline}{text[at:]}"


def pipeline_files(root: Path) -> tuple[str, ...]:  # noqa: ARG001 - see Platform
    """The files with jobs, relative to the project's folder."""
    return (FILE, INCLUDE_FILE)


def read_jobs(document: yaml.MappingNode) -> Iterator[JobInFile]:
    """The jobs of a document; a job has the keys that its variables and secrets name, or that its text refers to.

    What it takes over through `extends` counts as its own.
    """
    shared = child(document, "variables")
    defined = {name: node for name, (_, node) in entries(document).items()}
    for name, (key, job) in entries(document).items():
        if name in _NO_JOBS or name.startswith(".") or not isinstance(job, yaml.MappingNode):
            continue
        nodes = _with_parents(defined, name)
        maps = [shared, *(child(node, table) for node in nodes for table in ("variables", "secrets"))]
        names = {variable for variables in maps for variable in entries(variables)}
        for text in (text for node in (shared, *nodes) for text in scalars(node)):
            names.update(_REFERENCE.findall(text.value))
        # a parent that is not here is in an included file, and may have the environment
        elsewhere = None in nodes
        in_environment = any(child(node, "environment") is not None for node in nodes)
        yield JobInFile.of(key, names, in_environment=in_environment or elsewhere)


def read_scripts(document: yaml.MappingNode) -> Iterator[yaml.ScalarNode]:
    """The lines of every script of a document, also of hidden jobs and defaults."""
    for place in (document, *(node for _, node in entries(document).values())):
        for key in _SCRIPTS:
            yield from scalars(child(place, key))


def _base(pipeline: Pipeline) -> dict[str, Any]:
    name, manager = pipeline.installation.name, pipeline.installation.manager
    folder = f".cache/{name}"
    return {
        "image": f"python:{pipeline.python}",
        "variables": {manager.cache: f"$CI_PROJECT_DIR/{folder}", **manager.variables},
        "cache": {
            "key": {"files": list(pipeline.cache_files[:2])},  # GitLab takes two at most
            "paths": [f"{folder}{part}" for part in manager.cached],
        },
        "before_script": list(pipeline.installation.install),
    }


def _job(job: Job, installation: Installation) -> dict[str, Any]:
    stage = "deploy" if job.default_branch_only else STAGES[job.kind]
    written: dict[str, Any] = {"extends": BASE, "stage": stage, **_machine(job, installation)}
    if variables := _variables(job, installation):
        written["variables"] = variables
    if job.variants:
        written["parallel"] = {"matrix": [{"SESSION": list(job.variants)}]}
    if job.opens_environment:
        # the scope of the key's variable; only a deploy is a deployment
        access = {} if job.kind == "deploy" else {"action": "access"}
        written["environment"] = {"name": job.environment, **access}
    if job.kind == "deploy":
        written["resource_group"] = job.environment
    if job.after:
        written["needs"] = list(job.after)
    written["rules"] = _rules(job)
    written["script"] = job.lines(session="$SESSION", commit="$CI_COMMIT_SHA")
    return written


def _machine(job: Job, installation: Installation) -> dict[str, Any]:
    """The image of a job, what is installed there, and the containers beside it."""
    found: dict[str, Any] = {}
    if job.kind == "image":
        found |= {"image": DOCKER, "services": [f"{DOCKER}-dind"]}
    if job.kind in SYSTEM:
        found["before_script"] = [SYSTEM[job.kind], *installation.install]
    if not _is_cached(job):
        found["cache"] = []
    if job.services:
        found["services"] = [_service(service) for service in job.services]
    return found


def _is_cached(job: Job) -> bool:
    """Whether a job may use the cache: what is built or deployed takes nothing from one that others can write."""
    return job.kind == "session" and not job.default_branch_only


def _variables(job: Job, installation: Installation) -> dict[str, str]:
    found = {}
    if not _is_cached(job):
        # nor does it leave a cache in the context
        found[installation.manager.cache] = f"/tmp/{installation.name}-cache"  # noqa: S108 - in a container
    if job.kind == "image":
        found |= DOCKER_VARIABLES
    if job.confirm:
        found[CONFIRM] = str(job.environment)
    for service in job.services:
        # a service gets what the job's own variables hold, but nothing of the settings:
        # https://docs.gitlab.com/ci/services/postgres/
        found |= {name: f"${name}" for name in service.secrets}
        found |= {service.host: service.name} if service.host else {}
    return found


def _service(service: Service) -> dict[str, Any]:
    variables = {"variables": dict(service.variables)} if service.variables else {}
    return {"name": service.image, "alias": service.name, **variables}


def _rules(job: Job) -> list[dict[str, str]]:
    if job.default_branch_only:
        manual = {"when": "manual"} if job.confirm and job.kind == "deploy" else {}
        return [{"if": DEFAULT_BRANCH, **manual}]
    forks = [{**FORK, "when": "never"}] if job.closed_to_forks else []
    return [*forks, MERGE_REQUEST, DUPLICATE, BRANCH]


def _notice(pipeline: Pipeline) -> dict[str, Any]:
    names = ", ".join(job.name for job in pipeline.closed_to_forks)
    return {
        "stage": ".pre",
        "image": f"python:{pipeline.python}",
        "variables": {"GIT_STRATEGY": "none"},
        "rules": [FORK],
        "script": [f"echo 'This comes from a fork, which gets no keys, so these jobs do not run - {names}.'"],
    }


def _with_parents(defined: Mapping[str, yaml.Node], name: str) -> list[yaml.Node | None]:
    """A job and those that it extends, directly or not; None for one that is not in this document."""
    names = [name]
    for each in names:  # which grows
        parents = [parent.value for parent in scalars(child(defined.get(each), "extends"))]
        names += [parent for parent in dict.fromkeys(parents) if parent not in names]
        if len(names) > _MOST_PARENTS:
            break
    return [defined.get(each) for each in names]
