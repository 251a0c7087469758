"""What `init` asks: each question with its key, its default and how an answer is read."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from ..errors import ConfigInvalid, did_you_mean

Ask = Callable[[str], str]


@dataclass(frozen=True, slots=True)
class Question:
    """One question: the key of `--answer`, its text, and the words that it takes; none: any."""

    key: str
    text: str
    words: tuple[str, ...] = ()


YES_NO: Final = ("yes", "no")
QUESTIONS: Final = {
    each.key: each
    for each in (
        Question("environments", "Names of the environments, with commas"),
        Question("manager", "The package manager", ("uv", "poetry", "pdm", "pipenv", "pip")),
        Question("encrypt", "Variables to encrypt besides those marked as secret, with commas"),
        Question("plain", "Variables that are no secrets and stay readable, with commas"),
        Question("untrack", "Take the plain env files out of git's index (they stay on disk)?", YES_NO),
        Question("settings-class", "Write a settings class for pydantic-settings?", YES_NO),
        Question("patch", "Change the lines that read env files by themselves?", YES_NO),
        Question("docker", "Write docker/Dockerfile and docker/compose.yaml?", YES_NO),
        Question("deploy", "Write deploy/app.yaml, the manifests for Kubernetes?", YES_NO),
        Question("pre-commit", "Let pre-commit run env.check?", YES_NO),
        Question("ci", "Write a pipeline that runs these tasks?", ("github", "gitlab", "no")),
        Question("dependency", "Add that to the project's development dependencies?", YES_NO),
    )
}


@dataclass(frozen=True)
class Answers:
    """The answers: those given on the command line, then those typed, then the defaults."""

    given: Mapping[str, str]
    ask: Ask | None = None  # None: take the defaults

    def word(self, key: str, default: str, *, about: str = "") -> str:
        """The answer to a question: one of its words, or any text where it has none."""
        question = QUESTIONS[key]
        if key in self.given:
            return self.given[key]
        if self.ask is None:
            return default
        shown = f"{about}\n{question.text}" if about else question.text
        choices = f" ({', '.join(question.words)})" if question.words else ""
        while True:
            answer = self.ask(f"{shown}{choices} [{default or 'none'}]: ").strip()
            if not answer:
                return default
            chosen = [word for word in question.words if word.startswith(answer.lower())]
            if not question.words:
                return answer
            if len(chosen) == 1:
                return chosen[0]
            shown = f"{answer!r} is none of {', '.join(question.words)}.\n{question.text}"

    def yes(self, key: str, *, default: bool, about: str = "") -> bool:
        """The answer to a question that takes yes or no."""
        return self.word(key, "yes" if default else "no", about=about) == "yes"

    def names(self, key: str, default: Sequence[str], *, about: str = "") -> tuple[str, ...]:
        """The answer to a question that takes a list of names."""
        text = self.word(key, ",".join(default), about=about)
        return tuple(dict.fromkeys(filter(None, (each.strip() for each in text.split(",")))))


def read_answers(pairs: Sequence[str]) -> dict[str, str]:
    """The answers of `--answer KEY=VALUE`. Raises ConfigInvalid for a key or a word that there is not."""
    given = {}
    for pair in pairs:
        key, equals, value = pair.partition("=")
        if key in QUESTIONS and not equals:
            raise ConfigInvalid(
                f"--answer {pair}: the answer is missing.",
                hint=f"--answer {key}={'|'.join(QUESTIONS[key].words) or 'TEXT'}",
            )
        if key not in QUESTIONS:
            raise ConfigInvalid(
                f"--answer {pair}: there is no question {key!r}{did_you_mean(key, QUESTIONS)}",
                hint=f"KEY=VALUE with one of {', '.join(QUESTIONS)}",
            )
        words = QUESTIONS[key].words
        if words and value not in words:
            raise ConfigInvalid(f"--answer {pair}: expected one of {', '.join(words)}.")
        given[key] = value
    return given
