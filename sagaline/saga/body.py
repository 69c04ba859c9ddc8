"""The parts in the body of a saga class, and what is refused there."""

from typing import Any, Final

from sagaline.errors import DefinitionError
from sagaline.messaging.declaring import refuse_wrapped
from sagaline.saga.closings import Closing
from sagaline.saga.folds import Fold
from sagaline.saga.locking import Locks
from sagaline.saga.queries import Query, Result
from sagaline.saga.reminders import Reminder
from sagaline.saga.steps import Step, Undo

PARTS: Final = (Step, Undo, Closing, Fold, Locks, Reminder, Query)
"""What decorators make of the methods of a saga class."""


def check_body(saga: type) -> None:
    """Refuses parts that would not be read, in the body of a class or of one it derives from.

    Raises DefinitionError.
    """
    refuse_wrapped(saga, *PARTS)
    for base in saga.__mro__[1:]:
        for name, part in vars(base).items():
            if isinstance(part, PARTS):
                raise DefinitionError(
                    where=f"{saga.__name__}.{name}",
                    problem=f"{base.__name__} declares it, and parts of a saga are not inherited",
                    cure=f"Derive from Saga, and declare it here: {name} = step(...).",
                )
    _refuse_second(saga, Locks, "Return all names from one method.")
    _refuse_second(saga, Result, "Return all that a parent wants from one method.")


def _refuse_second(saga: type, kind: type[Locks | Result[Any]], cure: str) -> None:
    for each in [each for each in vars(saga).values() if isinstance(each, kind)][1:]:
        where, problem = f"{saga.__name__}.{each.name}", f"a second @{kind.__name__.lower()}"
        raise DefinitionError(where=where, problem=problem, cure=cure)
