"""What a test says of a saga that is a step of the tested one: how it ended."""

from typing import Any

from sagaline.saga.instance import Journal
from sagaline.saga.state import Role, State
from sagaline.testing.given.happened import LONG_AGO, SOMEONE


def reply_of(
    parent: Journal, request: Journal.Requested, state: State, reason: str, result: str
) -> Any:
    """The event by which a child answers its parent, to a step or to the undo of one."""
    replied: type[Any] = Journal.Replied
    completed = state is State.COMPLETED
    return replied(
        originator_id=SOMEONE,
        originator_version=1,
        timestamp=LONG_AGO,
        saga=parent.saga,
        key=parent.key,
        request=request.command.id,
        done=completed is not (request.role is Role.UNDO),
        reason=reason,
        result=result if completed else "",
    )
