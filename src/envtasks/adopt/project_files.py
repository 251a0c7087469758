"""Plan what stands around the env files: pyproject.toml, settings class, ignore files, allowlist, page for the team."""

from __future__ import annotations

import json
import re
from typing import Any, Final

from .. import git, inventory
from ..authoring import attribute_lines, missing_patterns, with_environment
from ..check import is_secret_name
from ..config import LAYERED, OVERRIDES, PROTECTED, Project
from ..console import counted
from ..envfiles import KEY_FILE, appended
from ..hydration import steers
from .baselines import flag_of
from .code import Read, module_of, settings_classes, variables_read
from .file_names import is_test
from .insertion import with_table
from .plan import Draft
from .readers import injected_services
from .render import render
from .sources import baseline_name

PYPROJECT: Final = "pyproject.toml"
ALLOWLIST: Final = "deploy/env.allowlist"
PAGE: Final = "docs/environments.md"
ATTRIBUTES: Final = ".gitattributes"
_BOOLEAN: Final = ("true", "false")
_RESERVED: Final = re.compile(r"model_.*|[^a-z].*")  # names that a field of pydantic cannot have
_DOCKER_PATTERNS: Final = (".env*", "**/.env*", "*.keys", "**/*.keys")


def plan_pyproject(draft: Draft, names: tuple[str, ...], settings: str | None) -> None:
    """Declare environments, settings class and the variable of the environment's name in pyproject.toml."""
    text = draft.text(PYPROJECT)
    present = draft.survey.pyproject.get("tool", {}).get("envtasks")
    if present is not None:
        after = text
        for name in names:
            after = with_environment(after, name, _declaration(name))
        if after != text:
            draft.write(PYPROJECT, after, what="environments", why="each is declared")
        return
    table = _table(draft, names, settings)
    if not text and set(table) == {"environments"} and set(draft.survey.project.environments) <= set(names):
        return  # what it would say is the default, and the project has no such file
    after = with_table(text, _toml(table), PYPROJECT, table)
    draft.write(PYPROJECT, after, what="[tool.envtasks]", why="environments are declared")


def plan_gitignore(draft: Draft) -> None:
    """Write a .gitignore where the project has none."""
    survey = draft.survey
    folders = [survey.root, *survey.root.parents] if survey.top else [survey.root]
    inside = [
        folder for folder in folders if survey.top is None or folder.is_relative_to(survey.top.resolve())
    ]
    if not any((folder / ".gitignore").is_file() for folder in inside):
        text = render("gitignore.j2", public=(), library=False)
        draft.write(".gitignore", text, what="keys, your own values, caches", why="they stay out of git")


def plan_ignore_files(draft: Draft, names: tuple[str, ...]) -> None:
    """Keep overrides, keys and temporary files out of git and out of images, and baselines in git."""
    patterns: dict[str, None] = {}
    for name in names:
        environment = draft.project.environments[name]
        path = environment.baselines[0]
        patterns |= dict.fromkeys(
            missing_patterns(environment, path, draft.root / KEY_FILE, draft.survey.process_env)
        )
    # what leaves the index would come back with the next `git add --all`
    exposed = [draft.survey.root / each for each in draft.untrack]
    ignored = git.ignored(draft.survey.root, exposed, draft.survey.process_env)
    patterns |= dict.fromkeys(
        f"/{each}"
        for each, path in zip(draft.untrack, exposed, strict=True)
        if path not in ignored and each not in patterns
    )
    if patterns:
        after = appended(draft.text(".gitignore"), "".join(f"{each}\n" for each in patterns))
        draft.write(
            ".gitignore", after, what=", ".join(patterns), why="keys and your own values stay out of git"
        )
    text = draft.text(".dockerignore")
    if not text and not draft.survey.named(r"(?:docker/)?(?:Dockerfile|Containerfile)[^/]*"):
        return
    lines = {line.strip() for line in text.splitlines()}
    missing = [] if lines & {"*", "**"} else [each for each in _DOCKER_PATTERNS if each not in lines]
    if missing:
        draft.write(
            ".dockerignore",
            appended(text, "".join(f"{each}\n" for each in missing)),
            what=", ".join(missing),
            why="no env file and no key gets into an image",
        )


def plan_attributes(draft: Draft) -> None:
    """Let git show and merge env files by variable, where `env.git-setup` has been run."""
    text = draft.text(ATTRIBUTES)
    present = {line.strip() for line in text.splitlines()}
    missing = [line for line in attribute_lines(draft.project) if line not in present]
    if missing and draft.survey.top is not None:
        after = appended(text, "".join(f"{each}\n" for each in missing))
        draft.write(ATTRIBUTES, after, what="diff and merge of env files", why="inv env.git-setup uses it")


def plan_allowlist(draft: Draft, names: tuple[str, ...]) -> None:
    """List the variables that may reach a cluster, where nothing lists them yet."""
    if draft.text(ALLOWLIST):
        draft.keep(ALLOWLIST, "it is there already")
        return
    if draft.survey.discovers_packages and not draft.survey.named(r"deploy/.*"):
        draft.leave(
            "pyproject.toml",
            1,
            "setuptools would take a folder deploy for a package, so no deploy/env.allowlist was written",
            '[tool.setuptools] packages = ["…"]',
        )
        return
    common = _variables(draft.project, names)
    variable = draft.project.environment_variable
    listed = [variable, *(name for name in common if name != variable)]
    text = render("env.allowlist.j2", groups=[("", dict.fromkeys(group, "")) for group in _grouped(listed)])
    draft.write(ALLOWLIST, text, what=counted(len(listed), "variable"), why="only these may reach a cluster")


def plan_page(draft: Draft, names: tuple[str, ...], start: str) -> None:
    """Write the page about environments for the team."""
    if draft.text(PAGE):
        draft.keep(PAGE, "it is there already")
        return
    project = draft.project
    text = render(
        "environments.md.j2",
        name=project.name,
        environments=[project.environments[name] for name in names],
        layered=[name for name in names if len(project.environments[name].files) > 1],
        commands=_daily(start, draft.survey.runner, names[0]),
        key_file=KEY_FILE,
    )
    draft.write(PAGE, text, what="environments, files, keys, commands", why="the team reads it")


def _daily(start: str, runner: str, first: str) -> dict[str, str]:
    """The commands of every day, each with what it does."""
    return {
        start: "install everything",
        f"{runner}inv --list": "all tasks",
        f"{runner}inv env.show --env {first}": "what is set, secrets hidden",
        f"{runner}inv env.set NAME --env {first}": "set a variable; asks for the value and stores it encrypted",
        f"{runner}inv env.edit --env {first}": "edit the file with its values decrypted",
        f"{runner}inv env.check": "do all parts of the project agree?",
        f"{runner}nox -s unit": "the unit tests",
    }


def _table(draft: Draft, names: tuple[str, ...], settings: str | None) -> dict[str, Any]:
    table: dict[str, Any] = {}
    if settings is not None:
        table["settings"] = settings
    if (flag := flag_of(draft)) is not None:
        table["environment-variable"] = flag
    if steering := _steering(draft, names, flag):
        table["allow-steering"] = steering
    table["environments"] = {name: _declaration(name) for name in names}
    if services := injected_services(draft, names):
        table["compose"] = {"inject": list(services)}
    return table


def _steering(draft: Draft, names: tuple[str, ...], flag: str | None) -> list[str]:
    """The variables that make programs run code and that env files set, today or from now on; a note names them."""
    found: dict[str, str] = {flag: baseline_name(names[0])} if flag and steers(flag) else {}
    for source in draft.sources:
        if source.environment in names or source.kind == "example":
            for entry in source.entries:
                if steers(entry.name):
                    found.setdefault(entry.name, f"{source.file}:{entry.line}")
    if found:
        listed = ", ".join(list(found)[:5]) + (f" and {len(found) - 5} more" if len(found) > 5 else "")
        verb, them = ("makes", "it") if len(found) == 1 else ("make", "them")
        sentence = f"{next(iter(found.values()))}: {listed} {verb} programs run or load code"
        advice = f"allow-steering in {PYPROJECT} permits {them}, remove from both what nobody needs"
        draft.notes.append(f"{sentence}; {advice}")
    return list(found)


def _declaration(name: str) -> dict[str, Any]:
    files = [OVERRIDES, baseline_name(name)] if name in LAYERED else [baseline_name(name)]
    return {"files": files, **({"protected": True} if name in PROTECTED else {})}


def _toml(table: dict[str, Any]) -> str:
    lines = ["[tool.envtasks]"]
    lines += [
        f"{key} = {json.dumps(value)}" for key, value in table.items() if isinstance(value, (str, list))
    ]
    if len(lines) > 1:
        lines.append("")
    else:
        lines = []
    lines.append("[tool.envtasks.environments]")
    for name, value in table["environments"].items():
        files = ", ".join(f'"{each}"' for each in value["files"])
        lines.append(
            f"{name} = {{ files = [{files}]{', protected = true' if 'protected' in value else ''} }}"
        )
    if "compose" in table:
        lines += ["", "[tool.envtasks.compose]", f"inject = {json.dumps(table['compose']['inject'])}"]
    return "\n".join(lines) + "\n"


def _variables(project: Project, names: tuple[str, ...]) -> list[str]:
    """The variables that every one of these environments has, in the order of the first."""
    found = [list(inventory.read(project.environments[name]).variables) for name in names]
    return [name for name in found[0] if all(name in each for each in found)]


def _grouped(names: list[str]) -> list[list[str]]:
    """The names in groups by their first word, as an allowlist shows them."""
    groups: dict[str, list[str]] = {}
    for name in names:
        groups.setdefault(re.split(r"_", name)[0], []).append(name)
    large = [group for group in groups.values() if len(group) > 1]
    rest = [name for group in groups.values() if len(group) == 1 for name in group]
    return [*large, *([rest] if rest else [])]


def plan_settings(draft: Draft) -> str | None:
    """The settings class of the project, `module:Class`: its own, else one that is written here; None for none."""
    classes = settings_classes(draft.survey)
    if classes:
        return classes[0].reference
    reads: dict[str, Read] = {}
    for each in variables_read(draft.survey):
        if each.required or each.name not in reads:
            reads[each.name] = each
    file = _file(draft)
    about = (
        f"The code reads {', '.join(list(reads)[:5])}{', …' if len(reads) > 5 else ''} from the environment."
    )
    if not reads or draft.text(file) or not draft.answers.yes("settings-class", default=False, about=about):
        return None
    fields = [_field(each) for each in reads.values() if not _RESERVED.fullmatch(each.name.lower())]
    secrets = any("SecretStr" in kind for _, kind, _ in fields)
    text = render("settings.py.j2", title=draft.survey.project.name, fields=fields, secrets=secrets)
    draft.write(file, text, what=f"a settings class, {len(fields)} fields", why="values are checked by type")
    draft.leave(
        file,
        1,
        "nothing uses this class yet",
        "settings = Settings(), and pydantic-settings among the dependencies",
    )
    return f"{module_of(draft.survey, file)}:Settings"


def _file(draft: Draft) -> str:
    """Where the class goes: into the project's package, else beside its modules."""
    packages = [name for name in draft.survey.named(r"(?:src/)?[^/]+/__init__\.py") if not is_test(name)]
    folder = packages[0].removesuffix("__init__.py") if packages else ""
    return f"{folder}settings.py"


def _field(read: Read) -> tuple[str, str, str | None]:
    """Name, type and default of the field of a variable; a secret's default is in no file."""
    name, default = read.name.lower(), read.default
    if is_secret_name(read.name):
        return (name, "SecretStr", None) if read.required else (name, "SecretStr | None", "None")
    if default is None:
        return (name, "str", None) if read.required else (name, "str | None", "None")
    if default.lower() in _BOOLEAN:
        return name, "bool", str(default.lower() == "true")
    if re.fullmatch(r"-?\d+", default):
        return name, "int", str(int(default))
    return name, "str", repr(default)
