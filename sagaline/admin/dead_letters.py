"""What a person may do to a dead letter: have it taken after all, or thrown away."""

from collections.abc import Sequence
from typing import NamedTuple

from sqlalchemy import Connection

from sagaline.errors import FencedOut, LetterBusy, LetterUnknown, VersionConflict, describe_error
from sagaline.followers.follower import Follower
from sagaline.followers.log_window import message_of
from sagaline.followers.timers import timer_id, timer_message
from sagaline.messaging.message import Message
from sagaline.runner.runner import Runner
from sagaline.storage import Datastore
from sagaline.storage.tables.dead_letters import Letter, delete_letter, letters_of
from sagaline.storage.tables.followers import raise_fence
from sagaline.storage.tables.timers import delete_timers, timer_of_id

TRIES = 100
"""How often a letter is tried while a runner that leads its follower is first."""


class Retried(NamedTuple):
    """How many letters of one key were taken, how many are left, and what stopped at the next."""

    taken: int
    left: int
    error: str | None


def retry(runner: Runner, letter: Letter) -> Retried:
    """Takes a letter, and all of its key that wait for this follower, in the order of their coming.

    Each is a transaction of its own, with the follower's fence, so it does no harm while another
    runner leads the follower. The first that fails stops the rest, and stays with its new error.
    Raises LetterBusy where another runner is always first.
    """
    (follower,) = (each for each in runner.followers if each.name == letter.follower)
    taken = 0
    for _ in range(TRIES):
        waiting = _waiting(follower.datastore, letter)
        if not waiting:
            return Retried(taken, 0, None)
        try:
            follower.retry_letter(waiting[0], _message(runner, follower, waiting[0]))
        except (FencedOut, VersionConflict):
            continue
        except Exception as error:
            return Retried(taken, len(waiting), describe_error(error))
        taken += 1
        if letter.key is None:
            return Retried(taken, 0, None)
    raise LetterBusy(id=letter.id)


def discard(connection: Connection, letter: Letter) -> None:
    """Throws a letter away, and its timer if it is of one.

    Raises LetterUnknown where it is not there any more.
    """
    raise_fence(connection, letter.follower)
    if letter.position == 0:
        delete_timers(connection, letter.follower, [timer_id(letter.leader)])
    if not delete_letter(connection, letter):
        raise LetterUnknown(id=letter.id)


def _waiting(datastore: Datastore, letter: Letter) -> Sequence[Letter]:
    with datastore.read() as connection:
        found = letters_of(connection, letter.follower)
    if letter.key is None:
        return [each for each in found if each.id == letter.id]
    return [each for each in found if each.key == letter.key]


def _message(runner: Runner, follower: Follower, letter: Letter) -> Message:
    """The event of a letter, from the log; or its timer. Raises LookupError where it is gone."""
    if letter.position == 0:
        with follower.datastore.read() as connection:
            timer = timer_of_id(connection, letter.follower, timer_id(letter.leader))
        if timer is None:
            raise LookupError(f"there is no timer {letter.leader}")
        return timer_message(letter.follower, timer)
    app = runner.apps[letter.leader]
    for row in app.recorder.page(letter.position - 1, 1).rows:
        if row.id == letter.position:
            return message_of(letter.leader, row, app.mapper)
    raise LookupError(f"there is no event {letter.position} in the log of {letter.leader}")
