"""A pipeline as `.gitlab-ci.yml`: the text of its jobs."""

from __future__ import annotations

from typing import Any, Final

from .plan import CONFIRM, Job, Pipeline
from .yaml_text import block

FILE: Final = ".gitlab-ci.yml"
OWN_FILE: Final = ".gitlab/envtasks.yml"
BASE: Final = ".envtasks"
STAGES: Final = {"session": "test", "image": "build", "deploy": "deploy"}
DOCKER: Final = "docker:28"
# a merge request's own pipeline, then the branch's unless a merge request has one already; the default branch has
# always one, as deployments need its jobs
MERGE_REQUEST: Final = {"if": '$CI_PIPELINE_SOURCE == "merge_request_event"'}
ELSEWHERE: Final = {
    "if": "$CI_OPEN_MERGE_REQUESTS && $CI_COMMIT_BRANCH != $CI_DEFAULT_BRANCH",
    "when": "never",
}
BRANCH: Final = {"if": "$CI_COMMIT_BRANCH"}
FORK: Final = {
    "if": '$CI_PIPELINE_SOURCE == "merge_request_event"'
    " && $CI_MERGE_REQUEST_SOURCE_PROJECT_ID != $CI_MERGE_REQUEST_PROJECT_ID"
}
GUARDED: Final = '$CI_COMMIT_BRANCH == $CI_DEFAULT_BRANCH && $CI_COMMIT_REF_PROTECTED == "true"'


def jobs(pipeline: Pipeline) -> str:
    """The jobs and what they share, as they stand on the top level."""
    written = [block({BASE: _base(pipeline)})]
    written += [block({job.name: _job(job)}) for job in pipeline.jobs]
    if pipeline.keyed:
        written.append(block({"without-keys": _notice(pipeline)}))
    return "\n".join(written)


def _base(pipeline: Pipeline) -> dict[str, Any]:
    return {
        "image": f"python:{pipeline.python}",
        "variables": {"UV_CACHE_DIR": "$CI_PROJECT_DIR/.cache/uv", "UV_LINK_MODE": "copy"},
        "cache": {"key": {"files": list(pipeline.cached)}, "paths": [".cache/uv"]},
        "before_script": ["pip install uv"],
    }


def _job(job: Job) -> dict[str, Any]:
    written: dict[str, Any] = {"extends": BASE, "stage": "deploy" if job.guarded else STAGES[job.kind]}
    if job.kind == "image":
        written |= _with_docker()
    if job.kind == "deploy":
        written["before_script"] = [
            "apt-get update -qq && apt-get install -y -qq --no-install-recommends kubernetes-client",
            "pip install uv",
        ]
    if job.kind != "session" or job.guarded:
        # what is built or deployed takes nothing from a cache that others can write, and leaves none in the context
        written["cache"] = []
        written["variables"] = {"UV_CACHE_DIR": "/tmp/uv-cache", **written.get("variables", {})}  # noqa: S108 - in a container
    if job.confirm:
        written["variables"] = {**written["variables"], CONFIRM: str(job.environment)}
    if job.variants:
        written["parallel"] = {"matrix": [{"SESSION": list(job.variants)}]}
    if job.environment and (job.key or job.guarded):
        # the scope of the key's variable; only a deploy is a deployment
        access = {} if job.kind == "deploy" else {"action": "access"}
        written["environment"] = {"name": job.environment, **access}
    if job.kind == "deploy":
        written["resource_group"] = job.environment
    if job.after:
        written["needs"] = list(job.after)
    written["rules"] = _rules(job)
    written["script"] = [
        command.format(session="$SESSION", commit="$CI_COMMIT_SHA") for command in job.commands
    ]
    return written


def _with_docker() -> dict[str, Any]:
    return {
        "image": DOCKER,
        "services": [f"{DOCKER}-dind"],
        "variables": {
            "DOCKER_HOST": "tcp://docker:2376",
            "DOCKER_TLS_CERTDIR": "/certs",
            "DOCKER_TLS_VERIFY": "1",
            "DOCKER_CERT_PATH": "/certs/client",
        },
        "before_script": [
            "apk add --no-cache git python3 py3-pip",
            "pip install --break-system-packages uv",
        ],
    }


def _rules(job: Job) -> list[dict[str, str]]:
    if job.guarded:
        manual = {"when": "manual"} if job.confirm and job.kind == "deploy" else {}
        return [{"if": GUARDED, **manual}]
    forks = [{**FORK, "when": "never"}] if job.key else []
    return [*forks, MERGE_REQUEST, ELSEWHERE, BRANCH]


def _notice(pipeline: Pipeline) -> dict[str, Any]:
    names = ", ".join(job.name for job in pipeline.keyed)
    return {
        "stage": ".pre",
        "image": f"python:{pipeline.python}",
        "variables": {"GIT_STRATEGY": "none"},
        "rules": [FORK],
        "script": [f"echo 'This comes from a fork, which gets no keys, so these jobs do not run - {names}.'"],
    }
