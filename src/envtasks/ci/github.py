"""A pipeline as a GitHub workflow: the text, with actions pinned by commit."""

from __future__ import annotations

import re
from typing import Any, Final

from .plan import CONFIRM, Job, Pipeline
from .yaml_text import block

FILE: Final = ".github/workflows/ci.yml"
# by commit, as a tag can be moved; the version is for readers and for tools that update both
ACTIONS: Final = {
    "actions/checkout": ("de0fac2e4500dabe0009e67214ff5f5447ce83dd", "v6.0.2"),
    "actions/setup-python": ("a309ff8b426b58ec0e2a45f0f869d46889d02405", "v6.2.0"),
    "actions/cache": ("cdf6c1fa76f9f475f3d7449005a359c84ca0f306", "v5.0.3"),
}
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
PULL_REQUEST: Final = "github.event_name == 'pull_request'"
_STRANGER: Final = (
    f"github.event.repository.fork || ({PULL_REQUEST} && "
    "(github.event.pull_request.head.repo.full_name != github.repository || "
    "github.event.pull_request.user.login == 'dependabot[bot]'))"
)
WITHOUT_KEYS: Final = f"${{{{ {_STRANGER} }}}}"
WITH_KEYS: Final = f"${{{{ !({_STRANGER}) }}}}"
GUARDED: Final = (
    "${{ github.event_name == 'push' && github.ref_protected && "
    "github.ref == format('refs/heads/{0}', github.event.repository.default_branch) }}"
)


def jobs(pipeline: Pipeline) -> str:
    """The jobs, as they stand under `jobs:` without its indentation."""
    written = [block({job.name: _job(job, pipeline)}) for job in pipeline.jobs]
    if pipeline.keyed:
        written.append(block({"without-keys": _notice(pipeline)}))
    return re.sub(
        r"(uses: (\S+)@[0-9a-f]{40})$",
        lambda m: f"{m[1]} # {ACTIONS[m[2]][1]}",
        "\n".join(written),
        flags=re.M,
    )


def _job(job: Job, pipeline: Pipeline) -> dict[str, Any]:
    written: dict[str, Any] = {}
    if job.guarded:
        written["if"] = GUARDED
    elif job.key:
        written["if"] = WITH_KEYS
    if job.after:
        written["needs"] = list(job.after)
    matrix: dict[str, list[str]] = {"system": list(pipeline.systems)} if job.everywhere else {}
    if job.variants:
        matrix["session"] = list(job.variants)
    written["runs-on"] = "${{ matrix.system }}" if job.everywhere else "ubuntu-latest"
    if matrix:
        written["strategy"] = {"fail-fast": False, "matrix": matrix}
    if job.environment and (job.key or job.guarded):
        # only a deploy is a deployment; the others open the environment for its key
        own = job.kind == "deploy"
        written["environment"] = {"name": job.environment, **({} if own else {"deployment": False})}
    written["permissions"] = {"contents": "read"}
    if job.kind == "deploy":
        written["concurrency"] = {"group": job.name, "cancel-in-progress": False}
    written["defaults"] = {"run": {"shell": "bash"}}
    if env := _env(job):
        written["env"] = env
    written["steps"] = [*_preparation(job, pipeline), *_commands(job)]
    return written


def _env(job: Job) -> dict[str, str]:
    env = {}
    if job.kind == "session":
        env["UV_CACHE_DIR"] = "${{ github.workspace }}/.cache/uv"
    if job.confirm:
        env[CONFIRM] = str(job.environment)
    if job.variants:
        env["SESSION"] = "${{ matrix.session }}"
    if job.kind == "deploy":
        env["KUBECONFIG"] = "kubeconfig"
    return env


def _preparation(job: Job, pipeline: Pipeline) -> list[dict[str, Any]]:
    steps = [
        {"uses": _action("actions/checkout"), "with": {"persist-credentials": False}},
        {"uses": _action("actions/setup-python"), "with": {"python-version": pipeline.python}},
    ]
    if job.kind == "session" and not job.guarded:
        # what is built for a registry or a cluster takes nothing from a cache that pull requests can write
        files = ", ".join(f"'{name}'" for name in pipeline.cached)
        steps.append(
            {
                "uses": _action("actions/cache"),
                "with": {
                    "path": ".cache/uv",
                    "key": f"uv-${{{{ runner.os }}}}-${{{{ hashFiles({files}) }}}}",
                    "restore-keys": "uv-${{ runner.os }}-",
                },
            }
        )
    steps.append({"run": "pip install uv"})
    return steps


def _commands(job: Job) -> list[dict[str, Any]]:
    spelled = [command.format(session="$SESSION", commit="$GITHUB_SHA") for command in job.commands]
    # the key is for these steps alone: what installs tools does not see it
    key = {"env": {job.key: f"${{{{ secrets.{job.key} }}}}"}} if job.key else {}
    steps: list[dict[str, Any]] = [{"run": command, **key} for command in spelled]
    if job.kind == "deploy":
        # the file is made where nothing else is, and for its owner alone
        steps.insert(
            0,
            {
                "name": "kubeconfig",
                "env": {"KUBECONFIG_TEXT": "${{ secrets.KUBECONFIG }}"},
                "run": "umask 077 && printf '%s' \"$KUBECONFIG_TEXT\" > kubeconfig",
            },
        )
    return steps


def _notice(pipeline: Pipeline) -> dict[str, Any]:
    names = ", ".join(job.name for job in pipeline.keyed)
    said = f"This comes from a fork or from dependabot, which get no keys, so these jobs do not run: {names}."
    return {
        "if": WITHOUT_KEYS,
        "runs-on": "ubuntu-latest",
        "permissions": {},
        "steps": [{"run": f'echo "::notice title=No keys here::{said}"'}],
    }


def _action(name: str) -> str:
    return f"{name}@{ACTIONS[name][0]}"
