"""The stages of a Dockerfile: which of them the image is made of, and which files of the context get into it."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from .instructions import Instruction, copies_file, instructions

if TYPE_CHECKING:
    from .settings import ImageSettings

_REMOVES: Final = re.compile(r"\brm\b[^&;|]*\.env")


@dataclass(frozen=True, slots=True)
class _Stage:
    """One stage: its name or number, what it is FROM, and its instructions; names in lower case."""

    name: str
    base: str
    instructions: tuple[Instruction, ...]


@dataclass(frozen=True, slots=True)
class CopiedFiles:
    """Files of the build context that one source of a COPY or ADD takes into the image.

    `on`: whether its stage is not part of the image, which copies them on from there.
    """

    instruction: Instruction
    source: str
    names: tuple[str, ...]
    on: bool


def kept_instructions(settings: ImageSettings, text: str) -> tuple[Instruction, ...]:
    """The instructions of the stages that the image is made of: the target, the stage that it is FROM, and so on."""
    stages = _stages(text)
    return _chain(stages, _target(settings, stages))


def copied_files(settings: ImageSettings, text: str, names: Collection[str]) -> Iterator[CopiedFiles]:
    """Which of these files of the build context get into the image, also by way of other stages."""
    stages = _stages(text)
    yield from _copied(stages, _target(settings, stages), names, kept=None)


def _stages(text: str) -> tuple[_Stage, ...]:
    found: list[tuple[str, str, list[Instruction]]] = []
    for instruction in instructions(text):
        if instruction.keyword == "FROM":
            words = [word for word in instruction.text.split() if not word.startswith("--")]
            name = words[2] if len(words) > 2 else str(len(found))
            found.append((name.lower(), words[0].lower() if words else "", []))
        elif found:
            found[-1][2].append(instruction)
    return tuple(_Stage(name, base, tuple(own)) for name, base, own in found)


def _target(settings: ImageSettings, stages: Sequence[_Stage]) -> str:
    return (settings.target or "").lower() or (stages[-1].name if stages else "")


def _chain(stages: Sequence[_Stage], wanted: str) -> tuple[Instruction, ...]:
    """The instructions of a stage, after those of the stages that it is FROM."""
    found: tuple[Instruction, ...] = ()
    for stage in reversed(stages):
        if stage.name == wanted:
            found, wanted = (*stage.instructions, *found), stage.base
    return found


def _copied(
    stages: Sequence[_Stage], wanted: str, names: Collection[str], *, kept: Sequence[str] | None
) -> Iterator[CopiedFiles]:
    """The files of the context in a stage; `kept`: only those below these paths, as the image has no others of it."""
    chain = _chain(stages, wanted)
    if kept is not None and any(each.keyword == "RUN" and _REMOVES.search(each.text) for each in chain):
        return
    folder = "/"
    for instruction in chain:
        if instruction.keyword == "WORKDIR":
            folder = _below(folder, instruction.text)
        *sources, target = instruction.paths() or ("",)
        target = _below(folder, target)
        if (stage := instruction.from_stage()) is not None:
            index = next((n for n, each in enumerate(stages) if stage in (each.name, str(n))), None)
            touched = kept is None or any(
                _is_kept(target, [each]) or _is_kept(each, [target]) for each in kept
            )
            if index is not None and touched:  # a stage copies from those before it only
                yield from _copied(stages[: index + 1], stages[index].name, names, kept=sources)
            continue
        for source in instruction.sources():
            taken = [name for name in names if copies_file(source, name)]
            if kept is not None:
                taken = [name for name in taken if _is_kept(_landing(source, name, target), kept)]
            if taken:
                yield CopiedFiles(instruction, source, tuple(taken), on=kept is not None)


def _below(folder: str, path: str) -> str:
    """A path in the image; one that begins with a variable is taken for absolute."""
    return path if path.startswith(("/", "$")) else posixpath.join(folder, path)


def _landing(source: str, name: str, target: str) -> str:
    """Where COPY of a source, a folder or the file itself, puts the file of this name."""
    folder = posixpath.normpath(source.lstrip("/") or ".")
    if folder == name and not target.endswith("/"):
        return target
    inside = name if folder == "." else name.removeprefix(f"{folder}/")
    return posixpath.join(target, posixpath.basename(name) if inside == name and folder != "." else inside)


def _is_kept(path: str, kept: Sequence[str]) -> bool:
    name = posixpath.normpath(path).lstrip("/")
    return any(copies_file(each, name) for each in kept)
