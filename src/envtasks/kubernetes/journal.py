"""What has been done to a cluster so far, for the one who reads an error in the middle of it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Final

from ..errors import ClusterFailed

Say = Callable[[str], None]
CARRY_ON: Final = "run deploy.apply again: it carries on from what the cluster holds"


@dataclass(slots=True)
class Journal:
    """The steps of one apply, in order, and those that are done."""

    say: Say
    steps: list[str]
    done: list[str] = field(default_factory=list)

    def did(self, step: str, how: str) -> None:
        """Note a step as done, and say so."""
        self.done.append(step)
        self.say(f"{step} {how}")

    @contextmanager
    def accounted(self) -> Iterator[None]:
        """Whatever ends the block early, what was done by then and what was not is said."""
        try:
            yield
        except ClusterFailed as error:
            raise ClusterFailed(f"{error.message}\n  {self.account()}", hint=error.hint or CARRY_ON) from None
        except BaseException:
            self.say(f"Interrupted. {self.account()} To finish, {CARRY_ON}.")
            raise

    def account(self) -> str:
        """One sentence on what was done and what is not known to be done."""
        left = ", ".join(step for step in self.steps if step not in self.done) or "nothing"
        return f"Done: {', '.join(self.done) or 'nothing'}. Not confirmed: {left}."
