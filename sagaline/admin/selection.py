"""Which sagas, or dead letters, an operator acts on at once."""

import re
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from difflib import get_close_matches
from functools import cached_property

from sagaline.errors import NameUnknown, WrongCall
from sagaline.messaging.declaring import named
from sagaline.saga.declaration import Declaration
from sagaline.saga.items import step_name
from sagaline.saga.versions import declarations_of
from sagaline.system.system import System


@dataclass(frozen=True)
class Selection:
    """What is open of one saga, at one step, with such a reason, or since a moment; or `all`.

    What is selected meets every condition. `reason_like` is part of the reason, in upper or lower
    case; with a ``%`` it is a pattern for all of it, in which each ``%`` stands for any text.
    `since` is a moment with its zone: that of a saga's start, or of a letter's parking.

    Raises WrongCall where nothing is said: to act on everything, say so with ``all=True``.
    """

    saga: str | None = None
    step: str | None = None
    reason_like: str | None = None
    since: datetime | None = None
    all: bool = False

    def __post_init__(self) -> None:
        """Refuses a selection of nothing, and a moment without a zone."""
        if not str(self):
            cure = "Write Selection(saga='BookTrip'), or Selection(all=True) for everything."
            raise WrongCall(where="Selection", problem="it selects nothing", cure=cure)
        since: object = self.since
        if since is not None and not (isinstance(since, datetime) and since.tzinfo is not None):
            problem = f"since={named(since)} is no moment with a zone"
            raise WrongCall(where="Selection", problem=problem, cure="Write datetime.now(UTC).")

    def __str__(self) -> str:
        texts = {
            "--saga": self.saga,
            "--step": self.step,
            "--reason-like": self.reason_like,
            "--since": None if self.since is None else self.since.isoformat(),
        }
        found = [f"{option} {text}" for option, text in texts.items() if text]
        return " ".join(found) or ("--all" if self.all else "")

    def check(self, system: System) -> None:
        """Refuses a saga or a step that the system does not have. Raises NameUnknown."""
        sagas = {each.name: declarations_of(each.saga) for each in system.processes}
        if self.saga is not None and self.saga not in sagas:
            raise _unknown("saga", self.saga, sagas)
        chosen = sagas.values() if self.saga is None else [sagas[self.saga]]
        if self.step is not None:
            _refuse_step(self.step, [each for declared in chosen for each in declared])

    def includes(self, saga: str, steps: Collection[str], reason: str) -> bool:
        """Whether it selects what is of this saga, at one of these steps, for this reason."""
        if self.saga not in (None, saga):
            return False
        if self.step is not None and not any(map(self.names_step, steps)):
            return False
        return self._reason is None or self._reason.search(reason) is not None

    def names_step(self, step: str) -> bool:
        """Whether it names this step, or all items of the step that this is one of."""
        return self.step in (None, step, step_name(step))

    @cached_property
    def _reason(self) -> re.Pattern[str] | None:
        if self.reason_like is None:
            return None
        texts = [re.escape(each) for each in self.reason_like.split("%")]
        pattern = rf"\A{'.*'.join(texts)}\Z" if len(texts) > 1 else texts[0]
        return re.compile(pattern, re.IGNORECASE | re.DOTALL)


def _refuse_step(step: str, sagas: Collection[Declaration]) -> None:
    known = [name for each in sagas for name in each.steps]
    known += [closing.name for each in sagas for closing in each.closings]
    if step_name(step) in known:
        return
    for each in (part for saga in sagas for part in saga.steps.values()):
        if each.undoing is not None and each.undoing.name == step:
            raise NameUnknown(kind="step", name=step, known=f"{each.name}, whose undo it is")
    raise _unknown("step", step, known)


def _unknown(kind: str, name: str, known: Collection[str]) -> NameUnknown:
    near = get_close_matches(name.lower(), [each.lower() for each in known], 1)
    meant = next((each for each in known if each.lower() in near), None)
    names = ", ".join(dict.fromkeys(known)) or "nothing, as the system has no saga"
    return NameUnknown(
        kind=kind, name=name, known=f"{names} (did you mean {meant}?)" if meant else names
    )
