"""Parked events: dead letters of a follower, made of messages that it cannot handle now."""

import traceback
from datetime import UTC, datetime

from sagaline.errors import describe_error, storable_text
from sagaline.messaging.message import Message
from sagaline.storage.tables.dead_letters import Letter


def dead_letter(
    follower: str, message: Message, error: BaseException | None, attempts: int
) -> Letter:
    """The dead letter of a message; without an error it is queued after an earlier one."""
    reason = describe_error(error) if error else "queued after an earlier event"
    trace = "".join(traceback.format_exception(error)) if error else ""
    return Letter(
        follower,
        message.application if message.id else message.cause or "",
        message.id,
        message.key,
        message.topic,
        reason,
        storable_text(trace),
        attempts,
        datetime.now(UTC),
    )


def retried_letter(letter: Letter, message: Message, error: BaseException) -> Letter:
    """The same dead letter after one more attempt, which has failed with this error."""
    again = dead_letter(letter.follower, message, error, letter.attempts + 1)
    return letter._replace(error=again.error, traceback=again.traceback, attempts=again.attempts)
