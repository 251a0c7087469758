"""Shell lines: which of them are a program and its arguments, and which need a shell."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

_SPECIAL: Final = frozenset("|&;<>()$`*?\n")
_PLAIN: Final = re.compile(r"[^|&;<>()$`*?\n'\"\\~#]*")
_ASSIGNMENT: Final = re.compile(r"([A-Za-z_]\w*)=")
_SHELL_WORDS: Final = (
    "! . : [ [[ alias bg break builtin case cd command continue do done elif else esac eval exec exit export fg fi for "
    "function getopts hash if jobs local read readonly return select set shift source test then time times trap type "
    "ulimit umask unalias unset until wait while { }"
)
_NEEDS_SHELL: Final = frozenset(_SHELL_WORDS.split())
# where bash and a plain sh would do different things with a line
_BASH_DIFFERS: Final = re.compile(
    r"\[\[|\(\(|&>|<\(|>\(|<<<|\|&|\{[^{}\s]*(?:,|\.\.)[^{}\s]*\}|\becho\b.*\\|\$'|\bfunction\s"
)
_BRACES: Final = re.compile(
    r"""(?:^|\s)[^\s'"]*\{[^{}\s'"]*(?:,|\.\.)[^{}\s'"]*\}"""
)  # which some shells expand
_DOTENVX: Final = re.compile(
    r"(?:npx (?:-y |--yes )?|pnpm exec |bunx )?(?:@dotenvx/)?dotenvx run"
    r"(?P<options>(?:\s+(?:-f|--env-file|-fk|--env-keys-file)(?:\s+|=)\S+|\s+(?:-q|--quiet|--strict))*)\s+--\s+(?P<rest>.+)",
    re.DOTALL,
)
_FILES: Final = re.compile(r"(?:-f|--env-file)(?:\s+|=)(\S+)")
Samples = Mapping[str, str]  # of characters that stand for values in a text: an example of each value


@dataclass(frozen=True, slots=True)
class Word:
    """One argument; `open`: it is one value without quotes, which a shell would split into words."""

    text: str
    open: bool = False


@dataclass(frozen=True, slots=True)
class Step:
    """One command: its words, or a shell line where it needs a shell; with folder, variables and env files."""

    words: tuple[Word, ...] = ()
    line: str = ""
    folder: str = ""
    variables: tuple[tuple[str, str], ...] = ()
    env_files: tuple[str, ...] = ()  # those of dotenvx; none: it runs without
    warn: bool = False

    @property
    def needs_posix_shell(self) -> bool:
        """Whether bash would do something else with this line than the plain sh of make."""
        return bool(self.line and _BASH_DIFFERS.search(self.line))


def steps(text: str, samples: Samples, *, warn: bool = False) -> tuple[Step, ...]:
    """The commands of one recipe line, as few shells as they need."""
    whole = re.sub(r"[ \t]*\\\n[ \t]*", " ", text).strip()
    if not whole:
        return ()
    parts = _split(whole)
    folder, rest = _folder(parts, samples)
    found = [_simple(part, samples) for part in rest]
    if rest and all(found) and (len(found) == 1 or not warn):
        return tuple(replace(each, folder=folder, warn=warn) for each in found if each)
    line = _shell_line(" && ".join(rest) if folder else whole)
    return (replace(line, folder=folder, warn=warn),)


def _folder(parts: Sequence[str], samples: Samples) -> tuple[str, Sequence[str]]:
    """The folder that `cd` leads to before all other commands, and these."""
    words = split_words(parts[0], samples) if len(parts) > 1 else None
    if words and len(words) == 2 and words[0].text == "cd" and not words[1].text.startswith("-"):
        return words[1].text, parts[1:]
    return "", parts


def _simple(text: str, samples: Samples) -> Step | None:
    """The one program that a text starts; None where it needs a shell."""
    if found := _DOTENVX.fullmatch(text):
        inner = _simple(found["rest"], samples)
        files = tuple(_FILES.findall(found["options"]))
        return replace(inner, env_files=files) if inner and files and not inner.env_files else None
    words = None if _BRACES.search(text) else split_words(text, samples)
    if words is None:
        return None
    variables = []
    while words and (found := _ASSIGNMENT.match(words[0].text)):
        variables.append((found[1], words.pop(0).text[found.end() :]))
    if not words or words[0].text in _NEEDS_SHELL or _is_relative_home(words):
        return None
    if words[0].text == "echo" and any("\\" in _sample(word.text, samples) for word in words):
        return None  # the shell's own echo reads escapes, the program of that name does not
    return Step(tuple(words), variables=tuple(variables))


def _sample(text: str, samples: Samples) -> str:
    return "".join(samples.get(sign, sign) for sign in text)


def _is_relative_home(words: Sequence[Word]) -> bool:
    return any(word.text.startswith("~") for word in words)


def _shell_line(text: str) -> Step:
    """A line for a shell; dotenvx before a single pipeline is taken off."""
    found = _DOTENVX.fullmatch(text)
    if found and not re.search(r"&&|\|\||;|\n", found["rest"]):
        return Step(line=found["rest"], env_files=tuple(_FILES.findall(found["options"])))
    return Step(line=text)


def split_words(text: str, samples: Samples) -> list[Word] | None:
    """The arguments of a text that means the same without a shell; None for any other."""
    words: list[Word] = []
    current: list[str] = []
    quoted, at = False, 0
    while at < len(text):
        sign = text[at]
        if sign in " \t":
            _end_word(words, current, quoted, samples)
            quoted, at = False, at + 1
        elif sign in "'\"":
            inner = _quoted(text, at, samples)
            if inner is None:
                return None
            current.append(inner[0])
            quoted, at = True, inner[1]
        elif sign == "\\" and at + 1 < len(text):
            current.append(text[at + 1])
            quoted, at = True, at + 2
        elif sign in _SPECIAL or (sign in "~#" and not current) or not _fits(sign, text, at, samples):
            return None
        else:
            current.append(sign)
            at += 1
    _end_word(words, current, quoted, samples)
    return words


def _quoted(text: str, at: int, samples: Samples) -> tuple[str, int] | None:
    """What quotes that open at a position hold, and where they end; None where a shell would expand it."""
    quote = text[at]
    found, at = [], at + 1
    while at < len(text) and text[at] != quote:
        value = samples.get(text[at], text[at])
        if (quote == '"' and set(value) & set("$`")) or (value != text[at] and quote in value):
            return None
        if quote == '"' and text[at] == "\\" and text[at + 1 : at + 2] in ('"', "\\", "$", "`"):
            at += 1
        found.append(text[at])
        at += 1
    return ("".join(found), at + 1) if at < len(text) else None


def _fits(sign: str, text: str, at: int, samples: Samples) -> bool:
    """Whether a value without quotes is one word, or stands alone; any other character fits."""
    if sign not in samples:
        return True
    if not _PLAIN.fullmatch(samples[sign]):
        return False
    alone = not text[max(at - 1, 0) : at].strip() and not text[at + 1 : at + 2].strip()
    return alone or len(samples[sign].split()) == 1


def _end_word(words: list[Word], current: list[str], quoted: bool, samples: Samples) -> None:
    text = "".join(current)
    current.clear()
    if text or quoted:
        words.append(Word(text, open=not quoted and text in samples))


def _split(text: str) -> list[str]:
    """The commands that `&&` joins, outside of quotes and parentheses; the whole where a shell has more to do."""
    parts, start, quote, depth, at = [], 0, "", 0, 0
    while at < len(text):
        sign = text[at]
        if sign == "\\" and quote != "'":
            at += 1
        elif quote:
            quote = "" if sign == quote else quote
        elif sign in "'\"`":
            quote = sign
        elif sign in "()":
            depth += 1 if sign == "(" else -1
        elif text.startswith(("||", ";"), at) and depth == 0:
            return _split_once(text)
        elif text.startswith("&&", at) and depth == 0:
            parts.append(text[start:at].strip())
            start = at + 2
            at += 1
        at += 1
    return [*parts, text[start:].strip()]


def _split_once(text: str) -> list[str]:
    """`cd folder` and the rest, where the rest is for a shell."""
    found = re.fullmatch(r"(cd [\w./-]+) && (.+)", text, re.DOTALL)
    # a || after it would also be reached where cd fails
    return [found[1], found[2]] if found and "||" not in found[2] else [text]


def printed(step: Step) -> str | None:
    """The text that a step prints where it is a plain `echo`; None for any other."""
    if not step.words or step.words[0].text != "echo" or step.variables or step.folder or step.env_files:
        return None
    words = [word.text for word in step.words[1:]]
    if any(word.startswith("-") for word in words[:1]):
        return None
    return " ".join(words)
