"""The stages of a Dockerfile: what the image is made of, and what gets into it from the build context."""

from __future__ import annotations

from pathlib import Path

import pytest

from envtasks.docker import ImageSettings, copied_files, kept_instructions

NAMES = (".env.keys", "config/.env.staging", "docker/.env")
BUILDER = "FROM python AS builder\nWORKDIR /src\n"


def _settings(root: Path, *, target: str | None = None) -> ImageSettings:
    return ImageSettings(root, root / "Dockerfile", root, "app", target=target)


def _copied(root: Path, text: str, *, target: str | None = None) -> list[tuple[int, tuple[str, ...], bool]]:
    found = copied_files(_settings(root, target=target), text, NAMES)
    return [(each.instruction.line, each.names, each.on) for each in found]


def test_the_stages_that_the_image_is_made_of(tmp_path: Path) -> None:
    """The target and the stages that it is FROM; not those that it copies from."""
    text = "FROM x AS base\nENV A=1\nFROM base AS builder\nENV B=1\nFROM base\nENV C=1\n"

    def names(target: str | None) -> list[str]:
        kept = kept_instructions(_settings(tmp_path, target=target), text)
        return [name for each in kept for name, _ in each.pairs()]

    assert (names(None), names("builder"), names("base")) == (["A", "C"], ["A", "B"], ["A"])


@pytest.mark.parametrize(
    ("text", "names"),
    [
        (BUILDER + "COPY . .\nFROM python\nCOPY --from=builder /src /app\n", NAMES),
        (BUILDER + "COPY . /opt/app/\nFROM python\nCOPY --from=builder /opt /opt\n", NAMES),
        (BUILDER + "COPY . $APP\nFROM python\nCOPY --from=0 $APP/ $APP/\n", NAMES),
        (BUILDER + "COPY . .\nFROM python\nCOPY --from=builder /src/config /config\n", NAMES[1:2]),
        (BUILDER + "COPY config docker ./\nFROM python\nCOPY --from=builder /src/.env /\n", NAMES[2:]),
        (BUILDER + "COPY .env.keys k\nFROM python\nCOPY --from=Builder /src/k /\n", NAMES[:1]),
        (BUILDER + "COPY . .\nFROM builder AS two\nRUN x\nFROM python\nCOPY --from=two / /\n", NAMES),
        (
            BUILDER
            + "COPY . .\nFROM python AS two\nCOPY --from=builder /src /b\nFROM x\nCOPY --from=two /b /b\n",
            NAMES,
        ),
    ],
)
def test_files_that_come_by_way_of_another_stage(tmp_path: Path, text: str, names: tuple[str, ...]) -> None:
    """COPY in a stage that is not part of the image counts for the paths that the image copies from there."""
    line = next(number for number, row in enumerate(text.splitlines(), 1) if row.startswith("COPY "))

    assert [(number, on) for number, _, on in _copied(tmp_path, text)] == [(line, True)] * len(
        _copied(tmp_path, text)
    )
    assert tuple(name for _, taken, _ in _copied(tmp_path, text) for name in taken) == names


@pytest.mark.parametrize(
    "text",
    [
        BUILDER + "COPY . .\nFROM python\nCOPY --from=builder /src/dist /app\n",
        BUILDER + "COPY . .\nRUN rm -f .env*\nFROM python\nCOPY --from=builder /src /app\n",
        BUILDER + "COPY . .\nFROM python\nCOPY --from=registry.example.com/x /src /app\n",
        BUILDER + "COPY src .\nFROM python\nCOPY --from=builder / /\n",
        BUILDER + "COPY . .\nFROM python\nRUN --mount=type=bind,from=builder,target=/x true\n",
    ],
)
def test_files_that_stay_in_another_stage(tmp_path: Path, text: str) -> None:
    """Other paths, removed files and other images do not count."""
    assert _copied(tmp_path, text) == []


def test_the_target_decides(tmp_path: Path) -> None:
    """What the stage that is built takes itself stays in its layers, also where it is removed again."""
    text = BUILDER + "COPY . .\nRUN rm .env.keys\nFROM python\nCOPY src /app\n"

    assert _copied(tmp_path, text, target="builder") == [(3, NAMES, False)]
    assert _copied(tmp_path, text) == []
