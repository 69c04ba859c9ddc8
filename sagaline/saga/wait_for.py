"""A step without a command: the saga waits for a decision, or an event, from outside."""

from collections.abc import Sequence
from datetime import timedelta
from typing import Any, ClassVar, NoReturn

from typing_extensions import override

from sagaline.saga.deadline import Deadline
from sagaline.saga.kinds import NO_EFFECT
from sagaline.saga.steps import Events, Step, StepOptions, declared_answers


class Wait(Step):
    """A step that issues no command; any application may record the events that answer it."""

    waits: ClassVar[bool] = True

    @override
    @override
    def __set_name__(self, owner: type, name: str) -> None:
        super().__set_name__(owner, name)
        self.make_command.__name__ = name


class _NoCommand:
    """Stands where other steps have the method that makes their command, and has the name."""

    __name__ = "wait_for"

    def __call__(self, saga: Any) -> NoReturn:
        raise NotImplementedError  # the engine requests nothing for such a step


def wait_for(
    *,
    done: Events,
    refused: Events = (),
    within: timedelta | None = None,
    until: Deadline | None = None,
    after: Sequence[Step] | None = None,
    optional: bool = False,
    instead_of: Step | None = None,
    expected: timedelta | None = None,
) -> Wait:
    """Declares a step without a command: the saga waits for an event from outside.

    ``approve = wait_for(done=Order.Approved, refused=Order.Rejected, within=hours(48))``. The
    events have the key of the saga, and any application may record them, whatever has led to them.
    A command class is a signal: a caller gives that command by `Runner.signal`, and a person by
    ``sagaline sagas signal``. The step has no effect, so there is nothing to undo. Without an
    answer within the time limit, or until the date, it is refused, and the saga compensates; where
    it is `optional`, the saga goes on. The arguments are those of `step`; the step can have
    reminders.
    """
    options: StepOptions = {
        "kind": NO_EFFECT,
        "within": within,
        "until": until,
        "after": after,
        "optional": optional,
        "instead_of": instead_of,
        "expected": expected,
    }
    answers = declared_answers("wait_for", "", done, refused, or_signals=True)
    return Wait(_NoCommand(), *answers, options)
