"""What a Dockerfile declares, read without an engine by Moby's own parser (the package `dockerfile`)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Final, Protocol

from ...errors import ConfigInvalid, ToolMissing
from .declared import REFERENCE, Argument, Declared, SecretMount, Stage, expand

# BuildKit sets them itself: docs.docker.com/reference/dockerfile, "Automatic platform ARGs"
_PLATFORMS: Final = frozenset(
    side + part for side in ("TARGET", "BUILD") for part in ("PLATFORM", "OS", "ARCH", "VARIANT")
)


class _Command(Protocol):
    cmd: str
    start_line: int
    flags: Sequence[str]
    value: Sequence[str]


def read(path: Path, *, label: str, target: str | None = None) -> Declared:
    """What a Dockerfile declares for a target (default: its last stage).

    Raises ConfigInvalid (no such file or stage, not a Dockerfile) and ToolMissing (no parser is installed).
    """
    import importlib

    try:
        moby = importlib.import_module("dockerfile")  # has no stubs
    except ImportError:
        raise ToolMissing(
            f"{label} cannot be read without a Docker engine: the package 'dockerfile' is not installed.",
            hint="uv add --dev dockerfile (a build does not need it; no wheel for Linux on aarch64)",
        ) from None
    try:
        text = path.read_text(encoding="utf-8-sig")
        commands: Sequence[_Command] = moby.parse_string(text)
    except OSError as error:
        raise ConfigInvalid(f"{label} cannot be read: {error.strerror}.") from None
    except (moby.GoParseError, UnicodeDecodeError) as error:
        raise ConfigInvalid(f"{label} is not a Dockerfile: {error}.") from None
    stages, bodies = _stages(commands)
    wanted = target or (stages[-1].name if stages else "")
    if not any(stage.name.lower() == wanted.lower() for stage in stages):
        known = ", ".join(stage.name for stage in stages)
        raise ConfigInvalid(f"{label} has no stage {wanted!r}.", hint=f"stages: {known or 'none'}")
    return _declared(wanted, stages, bodies, text)


def _stages(commands: Sequence[_Command]) -> tuple[list[Stage], list[list[_Command]]]:
    """The stages, and the commands: what stands before the first FROM, then one list a stage."""
    stages: list[Stage] = []
    bodies: list[list[_Command]] = [[]]
    for command in commands:
        if command.cmd.upper() != "FROM":
            bodies[-1].append(command)
            continue
        named = len(command.value) == 3 and command.value[1].upper() == "AS"
        name = command.value[2].lower() if named else str(len(stages))
        stages.append(Stage(name, command.value[0], command.start_line))
        bodies.append([])
    return stages, bodies


def _declared(
    target: str, stages: Sequence[Stage], bodies: Sequence[Sequence[_Command]], text: str
) -> Declared:
    first = {argument.name: argument for argument in _arguments(bodies[0], {})}
    reachable = _reachable(target, tuple(first.values()), tuple(stages), bodies[1:])
    found = {name: first[name] for stage in reachable for name in _references(stage.base) if name in first}
    mounts: dict[str, SecretMount] = {}
    for stage in reachable:
        body = bodies[stages.index(stage) + 1]
        found |= {argument.name: argument for argument in _arguments(body, first)}
        for mount in _mounts(body, found):
            before = mounts.get(mount.id)
            required = mount.required or (before is not None and before.required)
            mounts[mount.id] = SecretMount(mount.id, required, mount.line)
    arguments = tuple(argument for argument in found.values() if argument.name not in _PLATFORMS)
    return Declared(target, arguments, tuple(mounts.values()), tuple(stages), text)


def _reachable(
    target: str,
    arguments: tuple[Argument, ...],
    stages: tuple[Stage, ...],
    bodies: Sequence[Sequence[_Command]],
) -> list[Stage]:
    """The stages that a target is built from, in order: its FROM chain and what they copy or mount from."""
    found: set[Stage] = set()
    waiting = [target]
    while waiting:
        for stage in Declared(waiting.pop(), arguments, (), stages, "").chain():
            if stage in found:
                continue
            found.add(stage)
            for source in _sources(bodies[stages.index(stage)]):
                numbered = source.isdecimal() and int(source) < len(stages)
                waiting.append(stages[int(source)].name if numbered else source)
    return sorted(found, key=lambda stage: stage.line)


def _sources(commands: Sequence[_Command]) -> Iterator[str]:
    for command in commands:
        for flag in command.flags:
            for part in flag.removeprefix("--mount=").removeprefix("--").split(","):
                if part.startswith("from="):
                    yield part.removeprefix("from=")


def _arguments(commands: Sequence[_Command], inherited: Mapping[str, Argument]) -> Iterator[Argument]:
    for command in commands:
        if command.cmd.upper() != "ARG":
            continue
        for text in command.value:
            name, given, default = text.partition("=")
            before = inherited.get(name)
            value = default.strip("\"'") if given else before.default if before else None
            yield Argument(name, value, command.start_line)


def _mounts(commands: Sequence[_Command], arguments: Mapping[str, Argument]) -> Iterator[SecretMount]:
    values = {argument.name: argument.default or "" for argument in arguments.values()}
    for command in commands:
        for flag in command.flags:
            options = dict(part.partition("=")[::2] for part in flag.removeprefix("--mount=").split(","))
            if not flag.startswith("--mount=") or options.get("type") != "secret":
                continue
            # the file's name is the id of a mount that gives none
            target = next((options[key] for key in ("target", "dst", "destination") if key in options), "")
            name = options.get("id") or target.rpartition("/")[2] or options.get("env", "")
            required = options.get("required", "false").lower() in ("", "true", "1", "t")
            yield SecretMount(expand(name, values) or name, required, command.start_line)


def _references(text: str) -> list[str]:
    return [match[1] or match[2] for match in REFERENCE.finditer(text)]
