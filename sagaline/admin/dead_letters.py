"""The actions of operators on dead letters: retry and discard."""

from collections.abc import Sequence
from typing import NamedTuple

from sqlalchemy import Connection

from sagaline.errors import FencedOut, LetterBusy, LetterUnknown, VersionConflict, describe_error
from sagaline.followers.follower import Follower
from sagaline.followers.stored_messages import stored_messages
from sagaline.followers.timers import timer_id
from sagaline.messaging.interruption import raise_interruption
from sagaline.messaging.message import Message
from sagaline.runner.runner import Runner
from sagaline.storage import Datastore
from sagaline.storage.sql.errors import raise_store_failure
from sagaline.storage.tables.dead_letters import Letter, delete_letter, letters_of
from sagaline.storage.tables.followers import raise_fence
from sagaline.storage.tables.timers import delete_timers

MAX_RETRY_ATTEMPTS = 100
"""Attempts at the letters of a key, while the runner that owns their follower commits first."""


class Retried(NamedTuple):
    """How many letters of a key were processed, how many are left, and the error of the next."""

    taken: int
    left: int
    error: str | None


def retry(runner: Runner, letter: Letter) -> Retried:
    """Process a letter and all others of its key and follower, in the order of the log.

    Each is a transaction with the follower's fence, so it is safe while another runner owns the
    follower. The first that fails stops the rest, and stays with its new error. Raises LetterBusy
    where another runner always commits first, and what is wrong where the store is.
    """
    (follower,) = (each for each in runner.followers if each.name == letter.follower)
    taken = 0
    for _ in range(MAX_RETRY_ATTEMPTS):
        queued = _queued(follower.datastore, letter)
        if not queued:
            return Retried(taken, 0, None)
        try:
            follower.retry_letter(queued[0], _message(follower, queued[0]))
        except (FencedOut, VersionConflict):
            continue
        except BaseException as error:
            raise_interruption(error)
            raise_store_failure(error)
            return Retried(taken, len(queued), describe_error(error))
        taken += 1
        if letter.key is None:
            return Retried(taken, 0, None)
    raise LetterBusy(id=letter.id)


def discard(connection: Connection, letter: Letter) -> None:
    """Delete a letter, and its timer if it is that of a timer.

    Raises LetterUnknown where it does not exist any more.
    """
    raise_fence(connection, letter.follower)
    if letter.position == 0:
        delete_timers(connection, letter.follower, [timer_id(letter.leader)])
    if not delete_letter(connection, letter):
        raise LetterUnknown(id=letter.id)


def _queued(datastore: Datastore, letter: Letter) -> Sequence[Letter]:
    with datastore.read() as connection:
        found = letters_of(connection, letter.follower)
    if letter.key is None:
        return [each for each in found if each.id == letter.id]
    return [each for each in found if each.key == letter.key]


def _message(follower: Follower, letter: Letter) -> Message:
    """Return the event of a letter, from the log, or its timer.

    Raises LookupError where it does not exist.
    """
    place = letter.leader, letter.position
    found = stored_messages(
        [place], follower.leaders, follower.datastore, follower.name, follower.mapper
    )
    if place not in found:
        raise LookupError(f"there is no {letter.place}")
    return found[place]
