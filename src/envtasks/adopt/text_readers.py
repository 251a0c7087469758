"""Makefiles, scripts, Dockerfiles and pipelines that read or copy env files, or run tests without an environment."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator
from typing import Final

from .file_names import DOCKERFILE, ENV_FILE_IN_LINE, MAKEFILE, PIPELINE
from .places import Place
from .survey import Survey

NO_ENVIRONMENT: Final = "runs the tests in no environment"
_SCRIPTS: Final = (
    rf"{MAKEFILE}|(?:.*/)?(?:[Jj]ustfile|Procfile|Taskfile\.ya?ml|tox\.ini|\.envrc|.*\.(?:sh|bash))"
)
_IN_SCRIPTS: Final = (
    (
        rf"^\s*-?s?include\s+{ENV_FILE_IN_LINE}",
        "reads an env file into make",
        'a task with env="local": envtasks migrate',
    ),
    (
        rf"\bcp\s+(?:-[\w-]+\s+)*\S*(?:example|sample|template|dist)\S*\s+{ENV_FILE_IN_LINE}(?![\w.-])",
        "copies an example to an env file",
        "remove it: the baseline has the values",
    ),
    (
        rf"(?:\bsource|(?:^|[\s;&|])\.)\s+{ENV_FILE_IN_LINE}|export\s+\$+\(.*{ENV_FILE_IN_LINE}",
        "reads an env file into the shell",
        "inv exec --env local -- COMMAND",
    ),
    (
        rf"--env-file[= ]+{ENV_FILE_IN_LINE}",
        "hands an env file to a program",
        "the command without it: inv exec --env local -- …",
    ),
    (r"\bdotenvx?\s+(?:run|-f|-e)\b", "runs a command with an env file", "inv exec --env local -- COMMAND"),
    (
        r"^set dotenv-(?:load|filename|path)\b",
        "lets just read an env file",
        "remove it; a recipe gets the values by: inv exec --env local -- COMMAND",
    ),
    (
        r"^\s*dotenv(?:_if_exists)?\b",
        "lets direnv read an env file",
        "remove it: tasks get the values of their environment",
    ),
)


def text_readers(survey: Survey, kept: Collection[str] = ()) -> Iterator[Place]:
    """The places in scripts, Dockerfiles, pipelines and the configuration of tools; comments are left out.

    `kept` are env files whose values are in no environment.
    """
    yield from _configured(survey)
    named = survey.named(f"{_SCRIPTS}|{PIPELINE}|{DOCKERFILE}")
    for file in dict.fromkeys([*named, *_shell_scripts(survey)]):
        pipeline = re.fullmatch(PIPELINE, file) is not None
        docker = re.fullmatch(DOCKERFILE, file) is not None
        text = survey.text(file)
        if "envtasks" in text and pipeline:
            continue
        for number, line in enumerate(text.splitlines(), 1):
            if line.lstrip().startswith("#"):
                continue
            if docker:
                yield from _of_dockerfile(file, number, line, kept)
            else:
                yield from _of_script(file, number, line)
            if pipeline:
                yield from _of_pipeline(survey, file, number, line)


def _configured(survey: Survey) -> Iterator[Place]:
    """The lines that let a tool read an env file: `envfile` of poe, `env_file` of pdm, `env_files` of pytest-dotenv."""
    # the first name of a list may be on the next line
    pattern = rf"^[^#\n]*\benv_?files?\b[\"']?[ \t]*=(?:[ \t[]*\r?\n[ \t]+)?[^#\n]*?{ENV_FILE_IN_LINE}"
    for file in survey.named(r"pyproject\.toml|poe_tasks\.toml|\.?pytest\.ini|setup\.cfg|tox\.ini"):
        text = survey.text(file)
        for found in re.finditer(pattern, text, re.MULTILINE):
            number = text.count("\n", 0, found.start()) + 1
            sentence = "lets a tool read an env file by itself, in every environment"
            advice = "remove it: tasks and sessions give the values of their environment"
            yield Place(file, number, number, sentence, None, advice)


def _shell_scripts(survey: Survey) -> Iterator[str]:
    """The scripts without an ending, which are the shell's by their first line."""
    for file in survey.named(r"(?:.*/)?[\w-]+"):
        if re.match(r"#!.*\b(?:ba|da|k|z)?sh\b", survey.text(file)):
            yield file


def _of_dockerfile(file: str, number: int, line: str, kept: Collection[str]) -> Iterator[Place]:
    """A COPY or ADD of an env file; what else it copies stays."""
    words = line.split()
    if not words or words[0].upper() not in ("COPY", "ADD") or line.rstrip().endswith("\\"):
        return
    flags = [word for word in words[1:] if word.startswith("--")]
    sources = [word for word in words[1:-1] if not word.startswith("--")]
    rest = [word for word in sources if not re.fullmatch(ENV_FILE_IN_LINE, word)]
    if len(rest) < len(sources):
        instead = (" ".join([words[0], *flags, *rest, words[-1]]),) if rest else ()
        stays = any(word.removeprefix("./") in kept for word in sources)
        advice = "when an environment has its values: the same without it"
        sentence = "copies an env file into the image"
        yield Place(file, number, number, sentence, None if stays else instead, advice)


def _of_script(file: str, number: int, line: str) -> Iterator[Place]:
    for pattern, sentence, advice in _IN_SCRIPTS:
        if re.search(pattern, line):
            yield Place(file, number, number, sentence, None, advice)
            return


def _of_pipeline(survey: Survey, file: str, number: int, line: str) -> Iterator[Place]:
    """Steps that run the tests: in an environment they run as a session of nox."""
    found = re.match(
        r"(?P<before>\s*(?:- )?(?:run: )?)(?P<command>(?:\S+ run )?(?:python3? -m )?pytest(?P<rest>\s.*)?)$",
        line,
    )
    if found:
        rest = (found["rest"] or "").strip()
        dashes = " --" if rest and not re.match(r"[&|;>]|\d?>", rest) else ""
        command = f"{survey.runner}nox -s unit{dashes} {rest}".rstrip()
        yield Place(
            file,
            number,
            number,
            NO_ENVIRONMENT,
            None,
            f"{found['before'].strip()} {command}".strip(),
        )
