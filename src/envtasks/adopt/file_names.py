"""How the files are called that `init` looks for: patterns for paths relative to the project's folder."""

from __future__ import annotations

import re
from typing import Final

ENV_FILE_IN_LINE: Final = r"[\w./$(){}-]*\.env(?:\.[\w-]+)?(?![\w.-]*\.example\b)"  # one word of a script
ENV_FILE_OF_MAKE: Final = r"(?:.*/)?\.env(?:\.[\w.$(){}-]+)?|(?:.*/)?[\w.-]+\.env"  # as an include names it
_ENV_FILE: Final = r"(?:.*/)?(?:\.env(?:\.[^/]+)?|[^/]+\.env|\.flaskenv|\.envs/.*)"
_NO_ENV_FILE: Final = r"(?:.*/)?(?:.*\.keys|\.env\.vault|.*\.envtasks-tmp|.*\.(?:py|md|sh|ya?ml))"
COMPOSE: Final = r"(?:[^/]+/)?(?:docker-)?compose[\w.-]*\.ya?ml"
DOCKERFILE: Final = r"(?:.*/)?(?:Dockerfile|Containerfile)[^/]*|(?:.*/)?[^/]*\.[Dd]ockerfile"
MAKEFILE: Final = r"(?:.*/)?(?:GNUmakefile|[Mm]akefile|.*\.mk)"
PIPELINE: Final = (
    r"\.github/workflows/[^/]+\.ya?ml|\.gitlab-ci\.yml|\.circleci/config\.yml|azure-pipelines\.yml"
    r"|Jenkinsfile"
)
REQUIREMENTS: Final = r"(?:[^/]*requirements[^/]*|requirements/[^/]+)\.(?:txt|in)"
_EXAMPLE: Final = re.compile(r"[^/]*(?:example|sample|template|dist|default)s?[^/]*", re.IGNORECASE)
_TEST: Final = re.compile(
    r"(?:.*/)?(?:tests?/.*|test_[^/]*|[^/]*_test\.py|conftest\.py|docs/.*)|(?:noxfile|tasks|setup)\.py"
)


def is_env_file(name: str) -> bool:
    """Whether a file is called what env files are called."""
    return re.fullmatch(_ENV_FILE, name) is not None and not re.fullmatch(_NO_ENV_FILE, name)


def is_example(name: str) -> bool:
    """Whether a file is an example by its name."""
    return _EXAMPLE.fullmatch(name.rpartition("/")[2]) is not None


def is_test(name: str) -> bool:
    """Whether a Python file is one of tests, of documentation or of a task runner, by its path."""
    return _TEST.fullmatch(name) is not None
