"""Plan what becomes of readers of env files: reported with their replacement, and changed where the answer is yes."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from contextlib import suppress
from dataclasses import replace

from ..check import located
from ..errors import EnvtasksError
from .baselines import required_names
from .compose_readers import compose_places, stack_files
from .places import Place, by_file, patched
from .plan import Draft
from .python_readers import old_settings, python_readers, written_out
from .text_readers import NO_ENVIRONMENT, text_readers


def plan_readers(draft: Draft) -> None:
    """Report every place that reads an env file by itself; with the answer `patch` change those that can be."""
    # tests that need no variable need no environment either
    needs = bool(draft.sources) or bool(required_names(draft).keys() - {draft.project.environment_variable})
    # services that share an anchor have one place
    found_places = dict.fromkeys(_places(draft))
    places = [each for each in found_places if needs or each.sentence != NO_ENVIRONMENT]
    known = [place for place in places if place.lines is not None]
    about = "\n".join(f"  {each.file}:{each.line}: {each.sentence}" for each in known)
    patch = bool(known) and draft.answers.yes("patch", default=False, about=about)
    for file, found in by_file(places).items():
        if patch and any(each.lines is not None for each in found):
            text = patched(draft.text(file), found)
            lines = ", ".join(str(each.line) for each in reversed(found) if each.lines is not None)
            draft.write(file, text, what=f"line {lines}", why="values come from the environment alone")
        for each in reversed(found):
            if not patch or each.lines is None:
                draft.leave(
                    each.file, each.line, each.sentence, each.replacement, blocks=each.lines is not None
                )


def injected_services(draft: Draft, names: Collection[str]) -> tuple[str, ...]:
    """The services of the project's own stack that get an env file today, and the whole environment from now on."""
    try:
        stack = stack_files(draft.survey)
    except EnvtasksError as error:  # what is wrong there was wrong before, and hinders nothing else
        file, line, sentence = located(error, "compose.yaml")
        draft.leave(file, line, sentence, "inv compose.config", blocks=True)
        return ()
    found = compose_places(draft.survey, draft.taken(names), {})
    return tuple(dict.fromkeys(service for place, service in found if service and place.file in stack))


def _places(draft: Draft) -> Iterator[Place]:
    files = draft.taken(draft.project.environments)
    kept = frozenset(each.file for each in draft.sources) - files
    yield from python_readers(draft.survey, files, kept)
    stack: tuple[str, ...] = ()
    with suppress(EnvtasksError):  # which injected_services() reports
        stack = stack_files(draft.survey)
    for place, service in compose_places(draft.survey, files, draft.local):
        if service and place.file not in stack:  # nothing else gives its services their values
            advice = (
                f'files = ["{place.file}"] and inject in [tool.envtasks.compose], then {place.replacement}'
            )
            yield replace(place, lines=None, advice=advice)
        else:
            yield place
    yield from old_settings(draft.survey)
    yield from written_out(draft.survey)
    yield from text_readers(draft.survey, kept)
