"""Parked events: dead letters of a follower, made of messages that it cannot handle now."""

import traceback
from base64 import b64decode, b64encode
from collections.abc import Sequence, Set
from datetime import UTC, datetime
from typing import Final

from sagaline.codec import TypedMapper
from sagaline.errors import describe_error, storable_text
from sagaline.messaging.message import Message
from sagaline.storage.tables.dead_letters import Letter

_MARK: Final = "encrypted:"

UNREADABLE: Final = "(encrypted)"
"""Stands for a text of a dead letter that cannot be decrypted."""


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


def split_parked(
    messages: Sequence[Message], parked: Set[str]
) -> tuple[Sequence[Message], Sequence[Message]]:
    """The messages to handle, and those whose key is parked, to be queued in order."""
    if not parked:
        return messages, ()
    free = [each for each in messages if each.key not in parked]
    return free, [each for each in messages if each.key in parked]


def protected(letter: Letter, mapper: TypedMapper | None) -> Letter:
    """A letter as it is stored: its texts are encrypted where the events are."""
    if mapper is None or mapper.cipher is None:
        return letter
    return letter._replace(
        error=_hidden(letter.error, f"error {letter.id}", mapper),
        traceback=_hidden(letter.traceback, f"traceback {letter.id}", mapper),
    )


def revealed(letter: Letter, mapper: TypedMapper | None) -> Letter:
    """A letter whose texts can be read, or that says why they cannot."""
    return letter._replace(
        error=_revealed(letter.error, f"error {letter.id}", mapper),
        traceback=_revealed(letter.traceback, f"traceback {letter.id}", mapper),
    )


def _hidden(text: str, place: str, mapper: TypedMapper) -> str:
    return f"{_MARK}{b64encode(mapper.protect(text.encode(), place)).decode()}"


def _revealed(text: str, place: str, mapper: TypedMapper | None) -> str:
    if not text.startswith(_MARK):
        return text
    if mapper is None:
        return UNREADABLE
    try:
        return mapper.reveal(b64decode(text[len(_MARK) :]), place).decode()
    except ValueError as error:
        return f"{UNREADABLE}: {error}"


def retried_letter(letter: Letter, message: Message, error: BaseException) -> Letter:
    """The same dead letter after one more attempt, which has failed with this error."""
    again = dead_letter(letter.follower, message, error, letter.attempts + 1)
    return letter._replace(error=again.error, traceback=again.traceback, attempts=again.attempts)
