"""The actions of operators on dead letters: retry and discard."""

from typing import Final, NamedTuple

from sqlalchemy import Connection

from sagaline.admin.letter_queue import LetterQueue
from sagaline.errors import FencedOut, LetterBusy, LetterUnknown, VersionConflict, describe_error
from sagaline.followers.follower import Follower
from sagaline.followers.timers import timer_id
from sagaline.messaging.declaring import refuse_given, refuse_wrong
from sagaline.messaging.interruption import raise_interruption
from sagaline.runner.runner import Runner
from sagaline.storage.sql.errors import raise_store_failure
from sagaline.storage.tables.dead_letters import Letter, delete_letter
from sagaline.storage.tables.followers import raise_fence
from sagaline.storage.tables.timers import delete_timers

MAX_RETRY_ATTEMPTS = 100
"""Attempts at one letter, while the runner that owns its follower commits first."""

_LETTER: Final = "Give one that `all_letters` has read."


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
    refuse_wrong(runner, Runner, "retry", "Write retry(runner, letter).")
    refuse_wrong(letter, Letter, "retry", _LETTER)
    follower = next((each for each in runner.followers if each.name == letter.follower), None)
    if follower is None:
        refuse_given(letter.follower, "retry", "Give a runner that runs the letter's follower.")
    queue, taken = LetterQueue(follower, letter), 0
    try:
        while _is_one_handled(follower, queue):
            taken += 1
    except LetterBusy:
        raise
    except BaseException as error:
        raise_interruption(error)
        raise_store_failure(error)
        return Retried(taken, queue.count(), describe_error(error))
    finally:
        follower.reset()  # the parked keys must be read again
    return Retried(taken, 0, None)


def _is_one_handled(follower: Follower, queue: LetterQueue) -> bool:
    """Process the first letter; return False where there is none."""
    for _ in range(MAX_RETRY_ATTEMPTS):
        queued = queue.first()
        if queued is None:
            return False
        letter, message = queued
        if message is None:
            raise LookupError(f"there is no event {letter.place}, or no such timer")
        try:
            follower.retry_letter(letter, message)
        except (FencedOut, VersionConflict):
            queue.forget()
            continue
        queue.remove(letter)
        return True
    raise LetterBusy(id=letter.id)


def discard(connection: Connection, letter: Letter) -> None:
    """Delete a letter, and its timer if it is that of a timer.

    Raises LetterUnknown where it does not exist any more.
    """
    refuse_wrong(letter, Letter, "discard", _LETTER)
    raise_fence(connection, letter.follower)
    if letter.position == 0:
        delete_timers(connection, letter.follower, [timer_id(letter.leader)])
    if not delete_letter(connection, letter):
        raise LetterUnknown(id=letter.id)
