"""Replace the key of env files by a new one, in steps that can be interrupted anywhere and done again.

There is no journal. The list of keys in the key file tells where a rotation stands: its first key is the one that every
file under another key of the list goes to.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, field

from .. import git
from ..config import Environment, Project
from ..envfiles import (
    PRIVATE_KEY,
    PUBLIC_KEY,
    EnvFile,
    Keys,
    by_public_key,
    decode_env_file,
    decrypt,
    generate_keys,
    key_variables,
    locked,
    public_key,
    public_keys_in,
    read_env_file,
    replace_values,
)
from ..errors import DecryptionFailed, EnvFileInvalid, EnvFileMissing, KeyMissing, Refused
from .draft import Draft, TargetFile, read_target
from .file_key import FileKey, drop_old_keys, key_file_for, list_keys_first, listed_keys


@dataclass(frozen=True, slots=True)
class Rotation:
    """What a step of a rotation did, or would do in a dry run.

    `secrets` are the encrypted variables of the files: whoever has the old key can read their values in git's history.
    """

    step: str  # prepared, rotated, finished, unchanged
    environment: str
    key_file: str
    variable: str
    files: tuple[str, ...] = ()
    secrets: tuple[str, ...] = ()
    dry: bool = False
    notes: tuple[str, ...] = ()


@dataclass(slots=True)
class _State:
    """The files of a project while one of their keys is rotated; their locks are held."""

    project: Project
    target: TargetFile
    file: EnvFile
    keys: list[str] = field(repr=False)  # those of the key file, the one to rotate to first
    notes: list[str] = field(default_factory=list)

    @property
    def public(self) -> str:
        """The public key that the target names."""
        return public_keys_in(self.file)[0]

    @property
    def old(self) -> list[str]:
        """The public keys that files are rotated from."""
        return list(by_public_key(self.keys[1:]))

    @property
    def pending(self) -> bool:
        """Whether there is a key to rotate the target to."""
        return self.public in self.old

    def under(self, publics: Sequence[str]) -> list[tuple[Environment, EnvFile]]:
        """The env files of the project that name one of these public keys, each once for each environment."""
        return [
            (environment, file)
            for environment, file in _env_files(self.project)
            if set(public_keys_in(file)[:1]) & set(publics)
        ]

    def report(self, step: str, files: Sequence[EnvFile] = (), secrets: Iterable[str] = ()) -> Rotation:
        """What a step did with these files."""
        environment = self.target.environment
        return Rotation(
            step=step,
            environment=environment.name,
            key_file=environment.label(key_file_for(environment, self.target.path)),
            variable=key_variables(self.file.path, self.file.text).private,
            files=tuple(dict.fromkeys(environment.label(file.path) for file in files)),
            secrets=tuple(name for name in dict.fromkeys(secrets) if not environment.is_not_secret(name)),
            dry=self.target.dry,
            notes=tuple(dict.fromkeys(self.notes)),
        )


def prepare_rotation(project: Project, target: TargetFile) -> Rotation:
    """Make a new key and put it first in the key file; no env file changes. A key made before is taken again.

    Raises KeyMissing where no key opens the file, EnvFileInvalid, EnvFileMissing, LeakFound.
    """
    with _opened(project, target) as state:
        return state.report("prepared" if _prepare(state) else "unchanged", [state.file])


def rotate(project: Project, target: TargetFile, *, prepare: bool = False) -> Rotation:
    """Encrypt every file under the target's key for the prepared one; with `prepare` one is made, if there is none.

    Each file is replaced at once and proven to open with the new key alone. Raises Refused where no key is prepared,
    DecryptionFailed where a value opens with no key, KeyMissing, EnvFileInvalid, EnvFileMissing, LeakFound.
    """
    with _opened(project, target) as state:
        if prepare and not state.under(state.old):
            _prepare(state)
        files = state.under(state.old)
        if not files and len(state.keys) < 2:
            raise Refused(
                f"No new key is prepared for {target.label}.",
                hint=f"inv env.rotate {target.flags} --prepare; or --now, if nobody else has the key",
            )
        drafts = {file.path: _draft(state, environment, file) for environment, file in files}
        for environment, file in files if not target.dry else ():
            own = by_public_key(state.keys)[public_keys_in(file)[0]]
            state.notes += list_keys_first(environment, file, [state.keys[0], own], target.process_env)
        for draft in drafts.values():
            _encrypt_again(draft)
        rotated = [file for _, file in files] or [state.file]
        secrets = (entry.name for file in rotated for entry in file.ciphertexts)
        return state.report("rotated" if files else "unchanged", rotated, secrets)


def finish_rotation(project: Project, target: TargetFile, *, keep_old: bool = False) -> Rotation:
    """Remove the old keys from the key files; with `keep_old` they stay there, under a name of their own.

    Raises Refused where a file, or its last commit, is still under an old key; KeyMissing, EnvFileInvalid.
    """
    with _opened(project, target) as state:
        _refuse_unfinished(state, committed=not keep_old)
        if len(state.keys) < 2:
            return state.report("unchanged")
        files = state.under([state.public])
        secrets = [
            name for environment, file in files for name in _known_from_history(state, environment, file)
        ]
        for environment, file in files if not target.dry else ():
            drop_old_keys(environment, file, keep=keep_old)
        return state.report("finished", [file for _, file in files], secrets)


@contextmanager
def _opened(project: Project, target: TargetFile) -> Iterator[_State]:
    """The state of a rotation, under the locks of all env files and key files of the project."""
    paths = {path for each in project.environments.values() for path in each.files}
    paths |= {key_file_for(each, path) for each in project.environments.values() for path in each.files} | {
        target.path
    }
    with nullcontext() if target.dry else locked(*sorted(paths)):
        file = read_target(target)
        if not public_keys_in(file):
            raise EnvFileInvalid(
                f"{target.label} names no public key, so there is no key to rotate.",
                hint=f"inv env.encrypt {target.flags} makes one; if it is lost, "
                f"inv env.keys {target.flags} --import with the private key restores it",
            )
        keys = listed_keys(target.environment, file)
        # a list without the file's own key is left from an earlier one, and no rotation
        own = public_keys_in(file)[0] in by_public_key(keys)
        yield _State(project, target, file, keys if own else [])


def _prepare(state: _State) -> bool:
    """Put a new key before the file's own in the key file, unless one is there; whether it was made."""
    if state.pending:
        return False
    target = state.target
    keys = Keys(target.environment, target.process_env, [state.file])
    keys.decrypt([entry.value for entry in state.file.ciphertexts])
    own = by_public_key(keys.ring.hexes).get(state.public)
    if own is None:
        raise KeyMissing(
            f"No private key at hand is that of {target.label}.",
            hint=f"{target.how_to_get_key(key_variables(state.file.path, state.file.text).private)}; "
            f"{keys.ring.search_report}",
        )
    state.keys = [generate_keys()[0], own, *(key for key in state.keys if key != own)]
    if not target.dry:
        state.notes += list_keys_first(target.environment, state.file, state.keys[:2], target.process_env)
    return True


def _draft(state: _State, environment: Environment, file: EnvFile) -> Draft:
    """A file that is to be encrypted for the first key. Raises DecryptionFailed where a value opens with no key."""
    target = TargetFile(environment, file.path, state.target.process_env, state.target.dry)
    key = FileKey(public_key(state.keys[0]), private=state.keys[0])
    draft = Draft(target, file, key=key, further=state.keys)
    opened = draft.plaintexts(file.ciphertexts, ask=True)
    if closed := [entry.name for entry in file.ciphertexts if entry.value not in opened]:
        raise DecryptionFailed(
            f"{target.label}: no key at hand opens {', '.join(dict.fromkeys(closed))}, so it cannot be rotated.",
            hint=f"set the values anew: inv env.set {closed[0]} {target.flags}; {draft.search_report}",
        )
    return draft


def _encrypt_again(draft: Draft) -> None:
    """Encrypt a file for its new key, which is in the key file already."""
    file = draft.file
    spelled = {
        entry: _quoted(entry.quote, draft.encrypted(draft.plaintext(entry))) for entry in file.ciphertexts
    }
    spelled |= {entry: _quoted(entry.quote, draft.key.public) for entry in file.headers}
    kept = {
        name: value
        for name, value in draft.values().items()
        if not name.startswith((PUBLIC_KEY, PRIVATE_KEY))
    }
    draft.save(replace_values(file, spelled), expected=kept)


def _quoted(quote: str, text: str) -> str:
    """The text in the quotes that it had; backticks, in which `$` is expanded too, become double quotes."""
    quote = '"' if quote == "`" else quote
    return f"{quote}{text}{quote}"


def _refuse_unfinished(state: _State, *, committed: bool) -> None:
    """Raise Refused where something still opens with an old key alone: a file, or what git has committed of it."""
    if files := state.under(state.old):
        labels = ", ".join(dict.fromkeys(environment.label(file.path) for environment, file in files))
        raise Refused(
            f"{labels}: still under an old key.", hint=f"first: inv env.rotate {state.target.flags}"
        )
    for environment, file in state.under([state.public]) if committed else ():
        head = _version(environment, file, "HEAD", state.target.process_env)
        if head is not None and set(public_keys_in(head)) & set(state.old):
            label = environment.label(file.path)
            raise Refused(
                f"{label} is not committed since it was rotated: its last commit opens with the old key alone.",
                hint=f"git commit {label}; or keep the old key: --keep-old",
            )


def _known_from_history(state: _State, environment: Environment, file: EnvFile) -> list[str]:
    """The variables with the value that an old key opens in git's history; all, where there is no history."""
    ciphertexts = {entry.name: entry.value for entry in file.ciphertexts}
    before = _last_version_under(state.old[0], environment, file, state.target.process_env)
    if before is None:
        return list(ciphertexts)
    old = decrypt([entry.value for entry in before.ciphertexts], state.keys)
    new = decrypt(list(ciphertexts.values()), state.keys)
    return [name for name, value in zip(ciphertexts, new, strict=True) if value is None or value in old]


def _last_version_under(
    public: str, environment: Environment, file: EnvFile, process_env: Mapping[str, str]
) -> EnvFile | None:
    """The last committed version of an env file that names this public key."""
    head = _version(environment, file, "HEAD", process_env)
    if head is not None and public in public_keys_in(head):
        return head
    words = ("log", "-1", "--format=%H", f"-S{public}", "--", str(file.path))
    commit = git.output(environment.root, process_env, *words)  # the one that took the key out
    return _version(environment, file, f"{commit}^", process_env) if commit else None


def _version(
    environment: Environment, file: EnvFile, revision: str, process_env: Mapping[str, str]
) -> EnvFile | None:
    """An env file as it is in a revision; None where it is not there, or there is no repository."""
    data = git.content_at(environment.root, revision, file.path, process_env)
    return None if data is None else decode_env_file(data, file.path, label=environment.label(file.path))


def _env_files(project: Project) -> Iterator[tuple[Environment, EnvFile]]:
    """The env files of all environments that are there."""
    for environment in project.environments.values():
        for path in environment.files:
            environment.refuse_outside_link(path)
            try:
                yield environment, read_env_file(path, label=environment.label(path))
            except EnvFileMissing:
                continue
