"""The timers of a saga instance, as the commands that they give to it."""

from sagaline.messaging.commands import Command
from sagaline.messaging.timers import RetryTimer
from sagaline.messaging.topics import fix_topic


class StepTimedOut(Command, key="saga_key"):
    """The time of a step has run out."""

    saga_key: str
    step: str


class StepDue(RetryTimer, key="saga_key"):
    """The pause before a step's, or an undo's, next attempt is over."""

    saga_key: str
    step: str


class LocksFreed(Command, key="saga_key"):
    """A saga may be the first in the queues for its locks."""

    saga_key: str


for _class in (StepTimedOut, StepDue, LocksFreed):
    _name = _class.__name__
    fix_topic(_class, f"sagaline:{_name}", former=f"sagaline.timers:{_name}")
