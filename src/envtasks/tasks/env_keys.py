"""`inv env.keys`, `rotate`, `git-setup`: private keys found, handed over and replaced; git made to read env files."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING

from .. import console
from ..context import Context
from ..declare import task
from ..errors import ConfigInvalid, KeyMissing, Refused
from ..invocation import current_invocation
from .env_values import FILE, JSON, target_of

if TYPE_CHECKING:
    from ..authoring import FileKeys, Rotation, TargetFile


@task(
    hydrate=False,
    confirm=False,
    requires_environment=True,
    optional=["export"],
    help={
        "export": "Show the private key; with a value, write it into a new file, or to stdout (-)",
        "import": "Take a private key from a pipe or a hidden prompt",
        "file": FILE,
        "json": JSON,
    },
)
def keys(
    c: Context, export: str | None = None, import_: bool = False, file: str = "", json: bool = False
) -> None:
    """Say which private key opens the env files and where it comes from; hand it over, or take it."""
    if import_ and export is not None:
        raise ConfigInvalid("env.keys takes --export or --import, not both.")
    if json and export is not None:
        raise ConfigInvalid(
            "env.keys --export has no JSON.", hint="--export - prints the key alone, --export FILE writes it"
        )
    if import_:
        _import(target_of(c, file), json=json)
    elif export is not None:
        _export(c, target_of(c, file), export)
    else:
        _describe(target_of(c, file), json=json)


@task(
    hydrate=False,
    confirm=False,
    requires_environment=True,
    help={
        "prepare": "Make the new key, to hand it over before anything changes",
        "now": "Prepare and rotate at once, where nobody else has the key",
        "finish": "Remove the old key, once everybody and every CI has the new one",
        "keep-old": "With --finish: keep the old key under another name, for old commits",
        "file": FILE,
        "json": JSON,
    },
)
def rotate(
    c: Context,
    prepare: bool = False,
    now: bool = False,
    finish: bool = False,
    keep_old: bool = False,
    file: str = "",
    json: bool = False,
) -> None:
    """Replace the key of an environment: --prepare, rotate, --finish; each can be interrupted and repeated."""
    from .. import authoring

    if prepare + now + finish > 1 or (keep_old and not finish):
        raise ConfigInvalid(
            "env.rotate takes one of --prepare, --now and --finish; --keep-old goes with --finish."
        )
    target, invocation = target_of(c, file), current_invocation(c)
    if not target.dry:
        question = _question(target, now=now, drop=finish and not keep_old and _has_old_key(c, target))
        invocation.confirm(c.call_options, what="env.rotate", confirm=question)
    if prepare:
        done = authoring.prepare_rotation(invocation.project, target)
    elif finish:
        done = authoring.finish_rotation(invocation.project, target, keep_old=keep_old)
    else:
        done = authoring.rotate(invocation.project, target, prepare=now)
    for note in done.notes:
        console.say("note", note)
    if json:
        console.print_json(asdict(done))
        return
    step = "prepare" if prepare else "finish" if finish else "rotate"
    for line in _about(target, done, step=step, keep_old=keep_old):
        print(console.as_called_here(line))


@task(
    name="git-setup",
    hydrate=False,
    confirm=False,
    help={"remove": "Undo it: the lines of .gitattributes and git's configuration", "json": JSON},
)
def git_setup(c: Context, remove: bool = False, json: bool = False) -> None:
    """Let git show env files readably and merge them variable by variable, in this clone."""
    from ..authoring import set_up_git

    dry = bool(c.config.run.dry)
    done = set_up_git(current_invocation(c).project, os.environ, remove=remove, dry=dry)
    if json:
        console.print_json({"changed": done, "dry": dry})
        return
    for sentence in done or ["git is set up already" if not remove else "there is nothing to remove"]:
        print(f"would change: {sentence}" if dry and done else sentence)
    if done and not remove and not dry:
        console.say(
            "note", "each clone needs this once; merge buttons of GitHub and GitLab merge line by line"
        )


def _describe(target: TargetFile, *, json: bool) -> None:
    from ..authoring import describe_keys

    found = describe_keys(target.environment, target.process_env)
    if json:
        console.print_json([{**asdict(each), "opened": each.opened} for each in found])
    else:
        columns = ["file", "encrypted", "public key", "opened by", "mode"]
        console.table(columns, [_row(each) for each in found])
    for each in found:
        flags = target.environment.flags(each.file)
        if each.closed:
            names = each.closed[0] if len(each.closed) == 1 else "'*'"
            rekey = f"inv env.encrypt --rekey {names} {flags}"
            console.say("warning", f"{each.file}: not under this key: {', '.join(each.closed)}: {rekey}")
        if each.rotation:
            step = "" if each.rotation == "prepared" else " --finish"
            done = "a new key is prepared" if each.rotation == "prepared" else "the old key is still there"
            console.say("note", f"{each.file}: {done}; go on with inv env.rotate {flags}{step}")
        if each.mode[-2:] not in ("", "00") and not target.environment.public:
            console.say("warning", f"others can read {each.source}: chmod 600 {each.source}")
    if missing := [each for each in found if not each.opened]:
        from ..envfiles import how_to_get_key

        first = missing[0]
        how = how_to_get_key(first.key_variable, target.environment, target.process_env, file=first.file)
        raise KeyMissing(
            f"No key at hand opens {', '.join(each.file for each in missing)}.",
            hint=f"{how}; searched: {'; '.join(first.searched)}",
        )


def _row(each: FileKeys) -> list[str]:
    opened = f"{each.variable} in {each.source}" if each.variable != "key-command" else each.source
    if not each.variable:
        opened = "no key" if each.encrypted else "none needed"
    public = f"{each.public_key[:12]}…" if each.public_key else ""
    return [each.file, str(each.encrypted), public, opened, each.mode]


def _import(target: TargetFile, *, json: bool) -> None:
    from ..authoring import import_keys, read_value

    command = f"{_command(target)} --import"
    text = read_value(
        f"private key of {target.label}",
        target.process_env,
        file=None,
        how_to_pipe=f"pipe it: … | {command}",
        empty_hint="",
    )
    done = import_keys(target, text)
    for note in done.notes:
        console.say("note", note)
    if json:
        console.print_json(asdict(done))
        return
    count = "the key, which opens" if done.stored == 1 else f"{done.stored} keys, which open"
    verb = "would store" if done.dry else "stored"
    stored = f"{verb} {count} {done.file}, as {done.variable} in {done.key_file}"
    print(stored if done.stored else f"{done.variable} is in {done.key_file} already, and opens {done.file}")


def _export(c: Context, target: TargetFile, export: str | bool) -> None:
    """Show the key on the terminal, or write it into a file; with `-` to stdout, whatever that is."""
    from ..authoring import keys_to_hand_over

    shows = export in (True, "-")
    if shows or not target.dry:
        current_invocation(c).confirm(c.call_options, what="env.keys --export", confirm=None)
    if export is True and not sys.stdout.isatty():
        raise Refused(
            "The key would go into a pipe or a file.", hint="if that is meant: --export - or --export FILE"
        )
    private = keys_to_hand_over(target)
    variable = _key_variable(target)
    if export == "-":
        console.write_utf8("\n".join(private), newline_on_terminal=True)
        return
    if export is True:
        print(f"{variable}={','.join(private)}")
        colleague = f"{_command(target)} --import, and paste it"
    else:
        _write(target, Path(str(export)), private)
        colleague = f"{_command(target)} --import < {export}"
    for line in [*_hand_over(target, variable, len(private)), f"colleague: {colleague}"]:
        print(console.as_called_here(line))


def _write(target: TargetFile, path: Path, private: Sequence[str]) -> None:
    from .. import git
    from ..authoring import write_keys

    if not target.dry:
        write_keys(path, private)
    readers = "with the permissions of its folder" if sys.platform == "win32" else "which only you can read"
    print(f"{'would write' if target.dry else 'wrote'} {path}, {readers}; remove it in the end")
    if git.is_ignored(target.environment.root, path.absolute(), target.process_env) is False:
        console.say("warning", f"git does not ignore {path}: `git add` would publish the key")


def _command(target: TargetFile, task: str = "env.keys") -> str:
    return f"inv {task} {target.flags}"


def _key_variable(target: TargetFile) -> str:
    from ..envfiles import key_variables, settable_name

    return settable_name(key_variables(target.path).private)


def _hand_over(target: TargetFile, variable: str, count: int) -> list[str]:
    """The commands that give CI the key, through a pipe; while a key is rotated, the old one and the new one."""
    name = target.environment.name
    masked = f"--scope {name} --masked{' --protected' if target.environment.protected else ''}"
    # GitHub hides each line of a secret in logs; GitLab takes no two lines, so the new key is a variable more
    head = 'python -c "print(input()[:64])"' if sys.platform == "win32" else "head -c 64"
    first, added = ("", "") if count == 1 else (f" | {head}", "_NEW")
    custody = target.environment.key_command
    return [
        f"GitHub:    {_command(target)} --export - | gh secret set {variable} --env {name}",
        f"GitLab:    {_command(target)} --export -{first} | glab variable set {variable}{added} {masked}",
        *(
            [f"key-command: {_command(target)} --export, and store it where {custody[0]} finds it"]
            if custody
            else []
        ),
    ]


def _has_old_key(c: Context, target: TargetFile) -> bool:
    """Whether the end of a rotation would remove a key. Raises what that would raise, before anything is asked."""
    from .. import authoring

    project = current_invocation(c).project
    return authoring.finish_rotation(project, replace(target, dry=True), keep_old=False).step != "unchanged"


def _question(target: TargetFile, *, now: bool, drop: bool) -> str | None:
    """What has to be confirmed besides a protected environment."""
    if now:
        return f"Everybody who works with {target.label}, and its CI, needs the new key from then on."
    if drop:
        return "The old key is removed here; commits from before the rotation open with no other. --keep-old keeps it."
    return None


def _about(target: TargetFile, done: Rotation, *, step: str, keep_old: bool) -> Iterator[str]:
    """What was done, and what comes next."""
    rotate = _command(target, "env.rotate")
    would = "would be " if done.dry else ""
    files, key = ", ".join(done.files), f"{done.variable} in {done.key_file}"
    if step == "prepare":
        already = " already" if done.step == "unchanged" else ""
        yield f"a new key for {files} {would or 'is '}prepared{already}: first of {key}; no env file is changed"
        yield "next, hand over both keys:"
        yield from _hand_over(target, _key_variable(target), 2)
        yield f"colleague: {_command(target)} --export FILE; they run {_command(target)} --import < FILE"
        yield f"then: {rotate}"
        return
    if step == "finish":
        yield from _about_finish(target, done, keep_old=keep_old)
    elif done.step == "unchanged":
        yield f"{files}: every value is under the new key already"
        yield f"next, when everybody has the new key: {rotate} --finish"
    else:
        yield f"{'would rotate' if done.dry else 'rotated'} {files}: commit {'them' if len(done.files) > 1 else 'it'}"
        yield f"next, when everybody has the new key ({_command(target)} --export): {rotate} --finish"
    if done.secrets:
        yield (
            "whoever has the old key reads these in git's history; change what they may not know: "
            f"{', '.join(done.secrets)} (inv env.set NAME --env {done.environment})"
        )


def _about_finish(target: TargetFile, done: Rotation, *, keep_old: bool) -> Iterator[str]:
    if done.step == "unchanged":
        yield f"{done.key_file} has one key for {target.label}: there is nothing to finish"
        return
    would = "would be" if done.dry else "is"
    yield (
        f"the old key {would} {done.variable}_OLD in {done.key_file}, for old commits"
        if keep_old
        else f"the old key {would} removed from {done.key_file}"
    )
    yield "next, the new key alone in CI:"
    name = done.environment
    github, gitlab, *custody = _hand_over(target, _key_variable(target), 1)
    yield github
    yield gitlab.replace("glab variable set", "glab variable update")
    yield f"           glab variable delete {_key_variable(target)}_NEW --scope {name}"
    yield from custody
