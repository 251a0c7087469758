"""What the files of a pipeline say, job by job, whoever wrote them: GitLab's and GitHub's in one form."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Final

import yaml

from .yaml_text import child, entries, scalar, strings

# top-level names of .gitlab-ci.yml that are no jobs: https://docs.gitlab.com/ci/yaml/
_NO_JOBS: Final = {"after_script", "before_script", "cache", "default", "image", "include", "services", "spec",
                   "stages", "variables", "workflow"}  # fmt: skip
_SCRIPTS: Final = ("before_script", "script", "after_script")
_KEY: Final = re.compile(r"DOTENV_PRIVATE_KEY\w*")
_SEPARATORS: Final = re.compile(r"&&|\|\||[;|\n]")
_PROGRAMS: Final = ("inv", "invoke", "envtasks", "nox")
# flags of inv itself that are followed by a value: https://docs.pyinvoke.org/en/stable/invoke.html
_TAKE_A_VALUE: Final = ("-c", "--collection", "-r", "--search-root", "-f", "--config", "-T", "--command-timeout",
                        "-D", "--list-depth", "-F", "--list-format")  # fmt: skip


@dataclass(frozen=True, slots=True)
class Command:
    """A call of our tasks or sessions in a script: the program, what it runs, and the environment it names."""

    program: str
    names: tuple[str, ...]
    environment: str | None
    node: yaml.ScalarNode


@dataclass(frozen=True, slots=True)
class Work:
    """One job as its file has it, with what it takes over from hidden jobs."""

    name: str
    node: yaml.Node
    environment: str | None  # the platform's
    guarded: bool  # runs on a protected branch only
    keys: frozenset[str]
    scripts: tuple[yaml.ScalarNode, ...]
    variables: tuple[tuple[yaml.ScalarNode, yaml.Node], ...] = field(repr=False)

    def commands(self) -> Iterator[Command]:
        """The calls of inv, envtasks and nox in its scripts."""
        for node in self.scripts:
            for part in _SEPARATORS.split(node.value):
                if command := _command(_words(part), node):
                    yield command


def of_gitlab(document: yaml.MappingNode) -> Iterator[Work]:
    """The jobs of a `.gitlab-ci.yml`; hidden ones only as far as others extend them."""
    shared = child(document, "variables")
    for name, (_, node) in entries(document).items():
        if name in _NO_JOBS or name.startswith(".") or not isinstance(node, yaml.MappingNode):
            continue
        chain = [node, *_extended(document, node, seen=[name])]
        found = {key: next((n for each in chain if (n := child(each, key))), None) for key in
                 ("environment", "rules", "only")}  # fmt: skip
        variables = [pair for each in chain for pair in entries(child(each, "variables")).values()]
        variables += entries(shared).values()
        yield Work(
            name,
            node,
            environment=_environment(found["environment"]),
            guarded=_guarded_by_rules(found["rules"], found["only"]),
            keys=_keys([*chain, shared], variables),
            scripts=tuple(s for key in _SCRIPTS for s in _first_script(chain, document, key)),
            variables=tuple(variables),
        )


def of_github(document: yaml.MappingNode) -> Iterator[Work]:
    """The jobs of a workflow."""
    shared = child(document, "env")
    for name, (_, node) in entries(child(document, "jobs")).items():
        steps = child(node, "steps")
        each = list(steps.value) if isinstance(steps, yaml.SequenceNode) else []
        maps = [child(step, "env") for step in each]
        variables = [pair for env in (*maps, child(node, "env"), shared) for pair in entries(env).values()]
        yield Work(
            name,
            node,
            environment=_environment(child(node, "environment")),
            guarded=_guarded_by_if(scalar(child(node, "if")) or ""),
            keys=_keys([node, shared], variables),
            scripts=tuple(run for step in each if isinstance(run := child(step, "run"), yaml.ScalarNode)),
            variables=tuple(variables),
        )


def _extended(document: yaml.MappingNode, node: yaml.Node, *, seen: list[str]) -> list[yaml.Node]:
    found: list[yaml.Node] = []
    for parent in list(strings(child(node, "extends")) if child(node, "extends") else ())[::-1]:
        base = child(document, parent.value)
        if base is not None and parent.value not in seen:
            found += [base, *_extended(document, base, seen=[*seen, parent.value])]
    return found


def _first_script(
    chain: Sequence[yaml.Node], document: yaml.MappingNode, key: str
) -> Iterator[yaml.ScalarNode]:
    places = [*chain, child(document, "default"), document] if key != "script" else list(chain)
    node = next((n for each in places if (n := child(each, key))), None)
    if node is not None:
        yield from strings(node)


def _environment(node: yaml.Node | None) -> str | None:
    return scalar(node) or scalar(child(node, "name"))


def _guarded_by_rules(rules: yaml.Node | None, only: yaml.Node | None) -> bool:
    if isinstance(rules, yaml.SequenceNode):
        running = [rule for rule in rules.value if scalar(child(rule, "when")) != "never"]
        conditions = [scalar(child(rule, "if")) or "" for rule in running]
        return bool(conditions) and all(
            "$CI_COMMIT_REF_PROTECTED" in text or re.search(r'\$CI_COMMIT_BRANCH == ("|\$CI_DEFAULT)', text)
            for text in conditions
        )
    refs = [node.value for node in strings(only)] if only is not None else []
    return bool(refs) and not {"branches", "merge_requests", "pushes"} & set(refs)


def _guarded_by_if(condition: str) -> bool:
    return "github.ref_protected" in condition or bool(re.search(r"github\.ref(_name)? ==", condition))


def _keys(
    nodes: Sequence[yaml.Node | None], variables: Sequence[tuple[yaml.Node, yaml.Node]]
) -> frozenset[str]:
    texts = [text.value for node in nodes if node is not None for text in strings(node)]
    texts += [scalar(key) or "" for key, _ in variables]
    return frozenset(name for text in texts for name in _KEY.findall(text))


def _words(text: str) -> list[str]:
    try:
        return shlex.split(text, comments=True)
    except ValueError:  # a quote that ends in another part
        return text.split()


def _command(words: Sequence[str], node: yaml.ScalarNode) -> Command | None:
    at = next((i for i, word in enumerate(words) if word.rpartition("/")[2] in _PROGRAMS), None)
    if at is None or (at and words[0] in ("echo", "printf", "pip", "uv") and words[:2] != ["uv", "run"]):
        return None
    program, rest = words[at].rpartition("/")[2], list(words[at + 1 :])
    if program == "nox":
        end = rest.index("--") if "--" in rest else len(rest)
        names = _values(rest[:end], "-s", "-e", "--session", "--sessions")
        return Command(program, tuple(names), _environment_flag(rest[end:]), node)
    task = _task(rest)
    if task is None:
        return None
    # before the task's name `-e` is Invoke's own --echo
    return Command(program, (rest[task],), _environment_flag(rest[task + 1 :]), node)


def _task(words: Sequence[str]) -> int | None:
    """Where the first task of an inv command stands. What follows it may be its arguments or another task."""
    skipped = False
    for at, word in enumerate(words):
        if not skipped and not word.startswith("-"):
            return at
        skipped = word in _TAKE_A_VALUE
    return None


def _environment_flag(words: Sequence[str]) -> str | None:
    return next(iter(_values(words, "-e", "--env")), None)


def _values(words: Sequence[str], *flags: str) -> Iterator[str]:
    """What follows these flags, up to the next flag."""
    taking = False
    for word in words:
        if word.startswith("-"):
            flag, equals, value = word.partition("=")
            taking = flag in flags
            if taking and equals:
                yield value
                taking = False
        elif taking:
            yield word
