"""Plan the env files: environments declared, baselines made of what was found, their secrets encrypted."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import replace
from typing import Final

from ..authoring import encrypt_values, find_target
from ..check import is_placeholder, is_secret_name, looks_like_credential, write_example
from ..config import OVERRIDES, PLACEHOLDER
from ..console import counted
from ..envfiles import Entry, EnvFile, append_variable, appended, find_commands, parse_env_file, spell
from ..errors import ConfigInvalid, EnvFileInvalid, did_you_mean
from .code import (
    USUAL_FLAG,
    environment_flag,
    flag_defaults,
    settings_classes,
    unused_flag,
    variables_read,
)
from .compose_readers import compose_literals
from .file_names import is_example
from .meaning import as_read_today
from .plan import Draft
from .render import render
from .sources import LOCAL, Source, baseline_name, is_harmless

_FRESH: Final = (LOCAL, "staging", "production")
_EXAMPLE_VALUES: Final = {  # by the end of the name: what a type such as int or a URL accepts
    r".*PORT": "8000",
    r".*HOST": "localhost",
    r".*(?:DATABASE|DB|POSTGRES|POSTGRESQL|PG|SQLALCHEMY)\w*_(?:UR[IL]|DSN)": "postgresql://localhost:5432/app",
    r".*(?:REDIS|CELERY|BROKER|CACHE|QUEUE)\w*_UR[IL]": "redis://localhost:6379/0",
    r".*EMAIL": "name@example.com",
    r".*UR[IL]": "http://localhost:8000",
    r".*(?:TIMEOUT|COUNT|LIMIT|SIZE|SECONDS|MINUTES|DAYS|WORKERS|RETRIES)": "1",
    r".*(?:DEBUG|ENABLED?)|(?:USE|ENABLE|IS)_.*": "false",
}


def plan_baselines(draft: Draft, names: Iterable[str]) -> None:
    """Make a baseline for each environment that has none. Raises ConfigInvalid."""
    _require_known(draft)
    chosen = tuple(names)
    for name in chosen:
        _plan_baseline(draft, name)
    for source in draft.sources:
        if source.kind == "plain" and source.environment and source.environment not in chosen:
            more = ",".join((*chosen, source.environment))
            sentence = (
                f"it stays plain and as it is: its environment {source.environment} is not among those chosen"
            )
            draft.leave(source.file, 1, sentence, f"envtasks init --answer environments={more}")


def _require_known(draft: Draft) -> None:
    """Raise ConfigInvalid where an answer names a variable that there is not: the one meant would stay plain."""
    known = {entry.name for source in draft.sources for entry in source.entries} | required_names(
        draft
    ).keys()
    known |= {literal.name for literal in compose_literals(draft.survey)}
    for key in ("encrypt", "plain"):
        for name in draft.answers.names(key, ()) if key in draft.answers.given else ():
            if name not in known:
                raise ConfigInvalid(
                    f"--answer {key}={name}: no env file has a variable {name}{did_you_mean(name, known)}"
                )


def required_names(draft: Draft) -> dict[str, str]:
    """The variables that the code cannot do without, each with a value to begin with."""
    found: dict[str, str] = {}
    for each in variables_read(draft.survey):
        if each.required:
            found.setdefault(each.name, placeholder(each.name))
    for found_class in settings_classes(draft.survey)[:1]:
        for field in found_class.fields:
            if field.required and not field.nested:
                found.setdefault(field.variables[0], placeholder(field.variables[0]))
    return found


def placeholder(name: str) -> str:
    """A harmless value for a variable that has none yet."""
    if is_secret_name(name):
        return PLACEHOLDER
    return next(
        (value for end, value in _EXAMPLE_VALUES.items() if re.fullmatch(end, name, re.I)), PLACEHOLDER
    )


def choose_environments(draft: Draft) -> tuple[str, ...]:
    """The environments that the project will have. Raises ConfigInvalid."""
    known = draft.known_environments
    names_read = required_names(draft).keys() - {draft.survey.project.environment_variable}
    fresh = not known and not names_read and not any(each.entries for each in draft.sources)
    default = known if draft.survey.project.environments and LOCAL in known else (LOCAL, *known)
    default = _FRESH if fresh else tuple(dict.fromkeys(default))
    names = draft.answers.names("environments", default)
    for name in names:
        draft.survey.project.future_environment(name)  # raises ConfigInvalid for what is no name
    if not names:
        raise ConfigInvalid("There is no project without an environment.", hint="--answer environments=local")
    by_file = {baseline_name(each): each for each in names}
    draft.sources = tuple(
        replace(each, kind="plain", environment=by_file[each.file])
        if each.kind in ("service", "other") and each.file in by_file
        else each
        for each in draft.sources
    )
    return names


def _plan_baseline(draft: Draft, name: str) -> None:
    """Write the baseline of an environment, unless it is in use already."""
    label = baseline_name(name)
    own = [each for each in draft.sources if each.environment == name]
    used = [each for each in own if each.kind == "baseline"]
    if name == LOCAL:
        draft.local = {entry.name: entry.value for each in used for entry in each.entries}
    if used:
        draft.keep(used[0].file, "an env file in use already")
        return
    if name in draft.survey.project.environments and draft.survey.uses(name):
        return
    plain = [as_read_today(draft, each) for each in own if each.kind == "plain"]
    plain = _swapped(draft, plain) if name == LOCAL else plain
    file, origin = _merged(draft, name, plain)
    if name == LOCAL:
        draft.local = {entry.name: entry.value for entry in file.entries}
    draft.path(label).write_bytes(file.encode(file.text))
    _refuse_commands(plain)
    secret = _secret(draft, file)
    if secret:
        environment = draft.project.future_environment(name)
        encrypt_values(find_target(environment, draft.survey.process_env), secret)
    what = f"{counted(len(file.entries), 'variable')}, {len(secret)} encrypted"
    draft.because(label, what, f"the values of {', '.join(origin)}" if origin else f"the environment {name}")
    _plan_old_files(draft, label, plain)


def _refuse_commands(sources: Iterable[Source]) -> None:
    """Raise EnvFileInvalid for a value that is a command for dotenvx: nobody knows whether that is meant."""
    for source in sources:
        for entry in source.entries:
            if not entry.literal and find_commands(entry.value):
                raise EnvFileInvalid(
                    f"{source.file}:{entry.line}: {entry.name}: `$(…)` is a command in an env file, and none is run.",
                    hint="write the value itself, or put it in single quotes if it is text",
                )


def _merged(draft: Draft, name: str, plain: Iterable[Source]) -> tuple[EnvFile, list[str]]:
    """The text of a baseline from the files that have its values, and those files."""
    path = draft.survey.root / baseline_name(name)
    # the file that has the right name already, then .env; what comes first wins
    ordered = sorted(plain, key=lambda each: (not each.is_baseline, each.file != OVERRIDES, each.file))
    example = next((each for each in draft.sources if each.kind == "example"), None)
    origin = [each.file for each in ordered]
    if not ordered and example is not None and name == LOCAL:
        ordered, origin = [example], [example.file]
    if ordered:
        file = ordered[0].env_file._replace(path=path)
    else:
        text = render("env.j2", name=name, variable=draft.project.environment_variable, local=name == LOCAL)
        file = parse_env_file(text, path=path)
    for source in ordered[1:]:
        file = _with_entries(file, source, heading=f"# from {source.file}")
    if name == LOCAL:
        if example is not None and example.file not in origin:
            file = _with_entries(file, example, heading=f"# from {example.file}")
        for each, value in required_names(draft).items():
            if (
                each not in {entry.name for entry in file.entries}
                and each != draft.project.environment_variable
            ):
                file = append_variable(file, each, value)
    if not file.entries:  # an example of comments alone: a baseline has to set something
        file = append_variable(file, draft.project.environment_variable, name)
    return _with_literals(draft, file) if name == LOCAL else file, origin


def _with_literals(draft: Draft, file: EnvFile) -> EnvFile:
    """The file with the secrets that compose files have written out, unless it has them under any name."""
    for literal in compose_literals(draft.survey):
        if literal.value not in {entry.value for entry in file.entries} and literal.name not in {
            entry.name for entry in file.entries
        }:
            file = append_variable(file, literal.name, spell(literal.name, literal.value))
    optional: dict[str, str | None] = {}
    for each in variables_read(draft.survey):
        if not each.required and each.name not in {entry.name for entry in file.entries}:
            optional.setdefault(each.name, each.default)
    if not optional:
        return file
    lines = [
        f"# {name}={'' if is_secret_name(name) else value or ''}".rstrip() for name, value in optional.items()
    ]
    text = appended(
        file.text, "\n".join(["# the code has defaults for these, or does without them", *lines, ""]), gap=1
    )
    return parse_env_file(text, path=file.path, encoding=file.encoding)


def _with_entries(file: EnvFile, source: Source, *, heading: str) -> EnvFile:
    """The file with the variables of another one that it does not have."""
    for entry in source.entries:
        if entry.name not in {each.name for each in file.entries}:
            spelled = source.env_file.text[entry.value_start : entry.value_end]
            file = append_variable(file, entry.name, spelled, comment=heading)
            heading = ""
    return file


def _secret(draft: Draft, file: EnvFile) -> list[str]:
    """The names whose values are encrypted: all but those that are harmless, or that the answers name.

    Of those that are encrypted only because nobody can tell, a person may say that they are no secrets.
    """
    more = draft.answers.names("encrypt", ()) if "encrypt" in draft.answers.given else ()
    secret_fields = {
        variable
        for each in settings_classes(draft.survey)[:1]
        for field in each.fields
        if field.secret
        for variable in field.variables
    }
    certain: dict[str, bool] = {}
    for entry in file.entries:
        if entry.encrypted or entry.name.startswith("DOTENV_"):
            continue
        secret = entry.name in more or entry.name.upper() in secret_fields or is_secret_name(entry.name)
        if secret or looks_like_credential(entry.name, entry.value):
            certain[entry.name] = True
        elif not (is_harmless(entry) or is_placeholder(entry.value) or _is_shown(draft, entry)):
            certain.setdefault(entry.name, False)
    doubtful = [name for name, sure in certain.items() if not sure]
    about = (
        f"{', '.join(doubtful)} of {file.path.name}: secret or not? They are encrypted unless you name them."
    )
    asked = bool(doubtful) or "plain" in draft.answers.given
    plain = draft.answers.names("plain", (), about=about) if asked else ()
    return [name for name in certain if name not in plain]


def _is_shown(draft: Draft, entry: Entry) -> bool:
    """Whether everybody reads a value in the project's example already."""
    examples = [each for each in draft.sources if each.kind == "example"]
    return any((entry.name, entry.value) == (it.name, it.value) for each in examples for it in each.entries)


def _plan_old_files(draft: Draft, label: str, plain: Iterable[Source]) -> None:
    """Say what becomes of the plain files whose values are encrypted now."""
    for source in plain:
        if source.tracked:
            _leave_history(draft, source)
        if source.is_baseline or source.file == ".flaskenv":
            continue
        if source.file.startswith("../"):
            sentence = (
                f"{label} has these values now; other projects of the repository may still read this file"
            )
            removed = f"{'git rm' if source.tracked else 'rm'} {source.file}"
            draft.leave(source.file, 1, sentence, f"when nothing else reads it: {removed}")
        elif source.tracked:
            about = (
                f"{source.file} is in git with its values in plain text; they are encrypted in {label} now."
            )
            if draft.answers.yes("untrack", default=True, about=about):
                draft.untrack.append(source.file)
                draft.notes.append(
                    f"with the next pull {source.file} goes away in every other clone; tell your colleagues"
                )
        if source.file == OVERRIDES:
            draft.leave(
                source.file,
                1,
                f"{source.file} stays your own overrides and wins over {label}",
                f"when nothing else reads it: rm {source.file}; or keep only the lines that are your own",
            )


def leave_unknown(draft: Draft) -> None:
    """Leave the env files whose environment nobody can tell by their name, if they hold anything."""
    for source in draft.sources:
        if source.kind == "service":
            _leave_of_service(draft, source)
        elif source.kind == "other" and source.entries and not is_example(source.file):
            sentence = "by its name this belongs to no environment, so its values were not taken over"
            draft.leave(source.file, 1, sentence, f"mv {source.file} .env.NAME, then: envtasks init")


def _leave_of_service(draft: Draft, source: Source) -> None:
    """Name the secrets that git has in a file that compose gives to single services, which stays as it is."""
    exposed = [
        entry
        for entry in source.entries
        if is_secret_name(entry.name) or looks_like_credential(entry.name, entry.value)
    ]
    if source.tracked and exposed:
        names = ", ".join(dict.fromkeys(entry.name for entry in exposed))
        sentence = f"git has these values in plain text; compose alone gives them to a service: {names}"
        draft.leave(
            source.file,
            exposed[0].line,
            sentence,
            f"replace each, then: inv env.set {exposed[0].name} --env local",
        )


def _leave_history(draft: Draft, source: Source) -> None:
    """Name the values that stay readable in git's history."""
    exposed = [entry for entry in source.entries if not is_harmless(entry)]
    if exposed:
        names = ", ".join(dict.fromkeys(entry.name for entry in exposed))
        draft.leave(
            source.file,
            exposed[0].line,
            f"git's history keeps these values, in every clone: {names}",
            f"replace each where it is issued, then: inv env.set {exposed[0].name} --env {source.environment}",
        )


def _swapped(draft: Draft, plain: list[Source]) -> list[Source]:
    """The sources of local where .env.local is a developer's own and .env for everybody, as Vite and others have it.

    Here it is the other way round, so the two change their places.
    """
    own = next((each for each in plain if each.is_baseline and not each.tracked), None)
    shared = next((each for each in plain if each.file == OVERRIDES), None)
    if own is None or shared is None:
        return plain
    draft.write(OVERRIDES, own.env_file.text, what=f"what {own.file} had", why="your own values, which win")
    draft.notes.append(f"{own.file} was your own and is for everybody now; what it had is in {OVERRIDES}")
    return [each for each in plain if each is not own]


def plan_example(draft: Draft, names: Iterable[str]) -> None:
    """Bring .env.example up to date, under the name that the project's own has."""
    for name in names:
        draft.track(baseline_name(name))
    existing = next((each.file for each in draft.sources if each.kind == "example"), None)
    if existing:
        draft.path(existing)
    change = write_example(draft.project, draft.survey.process_env)
    if change.created:
        draft.because(
            change.file,
            f"{counted(len(change.added), 'variable')}, with placeholders",
            "readers learn what to set",
        )
    else:
        parts = [("added", change.added), ("replaced by placeholders", change.replaced)]
        what = ", ".join(f"{len(names)} {done}" for done, names in parts if names)
        draft.because(change.file, what, "it names every variable")


def flag_of(draft: Draft) -> str | None:
    """The variable for the environment's name, where it is not the usual one.

    It is the project's own, where ours can take its place safely; and another one where APP_ENV means something else
    to the project's code.
    """
    names = frozenset(entry.name for each in draft.sources for entry in each.entries)
    flag = environment_flag(draft.survey, names)
    given = {
        (source.environment, entry.value)
        for source in draft.sources
        for entry in source.entries
        if entry.name == (flag or USUAL_FLAG) and source.environment is not None
    }
    own_words = flag_defaults(draft.survey, flag or USUAL_FLAG) - set(_FRESH)
    if flag in (None, USUAL_FLAG):
        return unused_flag(draft.survey, names) if own_words and not given else None
    return None if own_words or any(name != value for name, value in given) else flag
