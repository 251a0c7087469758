"""The tasks of this repository: what a project that uses envtasks writes."""

from envtasks import namespace, task
from envtasks.context import Context


@task(env="local")
def run(c: Context) -> None:
    """Run the service: http://127.0.0.1:8000 unless APP_HOST and APP_PORT say otherwise."""
    c.exec("python", "-m", "app")


@task(env="local")
def sync(c: Context) -> None:
    """Install the dependencies, with the environment's private-index credentials at hand."""
    c.exec("uv", "sync")


@task(help={"suite": "unit, integration, or both when left out"})
def test(c: Context, suite: str = "") -> None:
    """Run the tests; each suite runs in its own environment."""
    c.exec("nox", *(["-s", suite] if suite else []))


@task
def lint(c: Context) -> None:
    """Check style, layers and types."""
    c.exec("nox", "-s", "lint", "types")


@task
def build(c: Context) -> None:
    """Build the wheel and the source distribution into dist/."""
    c.exec("uv", "build")


ns = namespace(__name__)
