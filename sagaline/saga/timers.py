"""The commands that the timers of a saga instance carry to it."""

from sagaline.messaging.commands import Command
from sagaline.messaging.timers import RetryTimer
from sagaline.messaging.topics import fix_topic


class StepTimedOut(Command, key="saga_key"):
    """The time limit of a step has expired."""

    saga_key: str
    step: str
    run: int = 1


class StepDue(RetryTimer, key="saga_key"):
    """The pause before the next attempt at a step, or at its undo, has ended."""

    saga_key: str
    step: str
    run: int = 1


class ReminderDue(Command, key="saga_key"):
    """A reminder is to be issued for the so manyth time, where its step is still unanswered."""

    saga_key: str
    step: str
    """The name of the reminder, with the item where its step has some: ``remind_guest[3]``."""
    number: int
    run: int = 1


class LocksFreed(Command, key="saga_key"):
    """The instance may have become the first in the queue for each of its locks."""

    saga_key: str


for _class in (StepTimedOut, StepDue, ReminderDue, LocksFreed):
    _name = _class.__name__
    fix_topic(_class, f"sagaline:{_name}", former=f"sagaline.timers:{_name}")
