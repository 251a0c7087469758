"""Let a person edit an env file with its values decrypted; what comes back is encrypted, value by value."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from ..envfiles import EnvFile, locked, write_atomic, writing
from ..errors import EnvFileInvalid, EnvtasksError
from .decrypted_view import DecryptedView, Result
from .draft import Draft, TargetFile, read_target
from .editor import Editor
from .file_key import key_file_for
from .private_folders import private_folder


@dataclass(frozen=True, slots=True)
class Edit:
    """What an edit changed in an env file, by name; `written`: whether anything did."""

    file: str
    written: bool = False
    changed: tuple[str, ...] = ()
    added: tuple[str, ...] = ()
    removed: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Dialogue:
    """What is asked and said in the course of an edit."""

    encrypts: Callable[[str], bool]  # whether a new variable is encrypted
    again: Callable[[EnvtasksError], bool]  # whether text that cannot be written is edited again
    note: Callable[[str], None]


def edit_file(target: TargetFile, editor: Editor, dialogue: Dialogue) -> Edit:
    """Open an env file in an editor, and write what comes back.

    Values that are as they were keep their ciphertext. The file is not locked meanwhile: if it has changed, what was
    edited is kept beside it, encrypted. Raises EnvFileInvalid, EnvFileMissing, DecryptionFailed, EnvtasksError.
    """
    draft = Draft(target, read_target(target))
    view = DecryptedView(draft)
    with private_folder(target.process_env) as (folder, in_memory):
        if not in_memory:
            dialogue.note(f"while you edit, the decrypted text is in {folder}, which may be on a disk")
        if editor.keeps_history:
            dialogue.note(
                f"{editor.name} keeps copies: exclude **/{folder.name[:14]}*/** from its local history"
            )
        path, data = folder / target.path.name, view.text()
        while True:
            edited, at_once = _edited(view, path, data, editor)
            if view.is_unchanged(edited):
                return Edit(target.label, notes=(_wait_hint(editor),) if at_once else ())
            try:
                result = view.result(edited, encrypts=dialogue.encrypts)
                return _save(draft, result)
            except _ChangedMeanwhileError:
                raise
            except EnvtasksError as error:
                if not dialogue.again(error):
                    raise
                data = view.text(edited, problem=error.message)


class _ChangedMeanwhileError(EnvFileInvalid):
    """The env file is not what it was when the editor was opened."""


def _edited(view: DecryptedView, path: Path, data: bytes, editor: Editor) -> tuple[EnvFile, bool]:
    """The text as it comes back from the editor, and whether that returned at once."""
    with writing(path):
        path.touch(mode=0o600)
        path.write_bytes(data)
    at_once = editor.edit(path)
    try:
        return view.read(path.read_bytes()), at_once  # by its path: editors replace the file
    except OSError as error:
        raise EnvFileInvalid(f"What {editor.name} saved cannot be read: {error.strerror}.") from None


def _save(draft: Draft, result: Result) -> Edit:
    target = draft.target
    with locked(target.path, key_file_for(target.environment, target.path)):
        if read_target(target).text != draft.file.text:
            kept = target.path.with_name(f"{target.path.name}.edited")
            write_atomic(kept, result.file.encode(result.file.text))
            raise _ChangedMeanwhileError(
                f"{target.label} was changed by something else while you edited it, and is as that left it.",
                hint=f"your edit is in {target.environment.label(kept)}, its values encrypted: merge it and remove it",
            )
        draft.save(result.file, expected=result.expected)
    return Edit(
        file=target.label,
        written=True,
        changed=result.changed,
        added=result.added,
        removed=result.removed,
        notes=tuple(draft.notes),
    )


def _wait_hint(editor: Editor) -> str:
    return f"{editor.name} returned at once; if its window is open, make it wait: EDITOR='code --wait'"
