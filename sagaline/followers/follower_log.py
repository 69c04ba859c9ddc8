"""What a follower logs: its batches, events that fail, and events that it parks."""

import logging
from collections.abc import Mapping, Sequence
from shlex import quote

from sagaline.codec import TypedMapper
from sagaline.errors import describe_error
from sagaline.messaging.logbook import fields, logger_of
from sagaline.messaging.message import Message
from sagaline.storage.tables.dead_letters import Letter

log = logger_of(__name__)


def log_batch(follower: str, messages: Sequence[Message], reached: Mapping[str, int]) -> None:
    """Logs a batch that is committed."""
    if messages and log.isEnabledFor(logging.DEBUG):
        extra = fields(follower=follower, messages=len(messages))
        log.debug("%s: handled %d, now at %s", follower, len(messages), dict(reached), extra=extra)


def log_attempt(
    follower: str,
    message: Message,
    error: BaseException | None,
    attempt: int,
    mapper: TypedMapper | None,
) -> None:
    """Logs that an event has failed alone; its traceback comes when it is parked."""
    reason, _ = loggable(error, mapper)
    extra = fields(**_about(follower, message), attempt=attempt)
    log.warning("%s: %s failed, attempt %s: %s", follower, message, attempt, reason, extra=extra)


def log_parked(
    letter: Letter, message: Message, error: BaseException | None, mapper: TypedMapper | None
) -> None:
    """Logs that an event is parked, with the traceback and the commands that help."""
    reason, trace = loggable(error, mapper)
    extra = fields(**_about(letter.follower, message), letter=letter.id)
    id_ = quote(letter.id)
    log.error(_PARKED, letter.follower, message, reason, id_, id_, exc_info=trace, extra=extra)


def loggable(
    error: BaseException | None, mapper: TypedMapper | None
) -> tuple[str, BaseException | None]:
    """The text of an error for the log, and the error for its traceback.

    Where events are encrypted, so is what an error says of one: then it is the class alone.
    """
    if error is None:
        return "", None
    if mapper is not None and mapper.cipher is not None:
        return f"{type(error).__name__} (the log is encrypted, so its text is left out)", None
    return describe_error(error), error


def _about(follower: str, message: Message) -> dict[str, object]:
    return {
        "follower": follower,
        "message": message.position if message.id else message.cause,
        "key": message.key,
        "topic": message.topic,
    }


_PARKED = (
    "%s: parked %s: %s; see `sagaline dead-letters show %s`, then `sagaline dead-letters retry %s`"
)
