"""What waits behind dead letters: sagas above all, which look as if they waited for an answer."""

from collections.abc import Iterable, Iterator
from shlex import quote
from typing import Any, Final, NamedTuple

from sagaline.messaging.logbook import fields, logger_of
from sagaline.storage import Datastore
from sagaline.storage.tables.dead_letters import LetterPlace, letter_places
from sagaline.system.system import System

MAX_LOGGED: Final = 10
"""What waits behind dead letters, and is logged one by one."""

log = logger_of(__name__)


class HeldUp(NamedTuple):
    """A dead letter that a saga waits behind; `saga` is empty where none does."""

    letter: str
    follower: str
    saga: str
    key: str | None

    @property
    def cure(self) -> str:
        """The command that retries the letter."""
        return f"sagaline dead-letters retry {quote(self.letter)}"

    @property
    def words(self) -> str:
        """The sentence about the saga that an operator reads."""
        return f"held up by the dead letter {self.letter}: `{self.cure}`"

    def __str__(self) -> str:
        what = " ".join(filter(None, (self.saga or self.follower, self.key)))
        return f"{what} is {self.words}"

    def as_json(self) -> dict[str, Any]:
        """Return it as plain JSON values."""
        return {**self._asdict(), "cure": self.cure}


def held_up(
    system: System, datastores: Iterable[Datastore], key: str | None = None
) -> list[HeldUp]:
    """Return what waits behind dead letters, or of a key: each follower, saga and key once."""
    found: dict[tuple[str, str, str | None], HeldUp] = {}
    for datastore in datastores:
        with datastore.read() as connection:
            places = letter_places(connection, key)
        for each in places:
            for saga in _sagas(system, each) if each.follower in system.leaders_of else ():
                held = HeldUp(each.id, each.follower, saga, each.key)
                found.setdefault((each.follower if not saga else "", saga, each.key), held)
    return list(found.values())


def log_held_up(found: list[HeldUp]) -> list[HeldUp]:
    """Log what waits behind dead letters, the first ones one by one; return it."""
    for each in found[:MAX_LOGGED]:
        log.warning("%s", each, extra=fields(key=each.key))
    more = len(found) - MAX_LOGGED
    if more > 0:
        log.warning("%d more are held up: see `sagaline dead-letters list`", more)
    return found


def _sagas(system: System, letter: LetterPlace) -> Iterator[str]:
    """The saga that heard it, or issued it; for a timer, those that wait for its follower."""
    sagas = [each.name for each in system.processes]
    members = {each.name for each in system.members}
    if letter.follower in sagas:
        yield letter.follower
    elif letter.follower not in members:
        yield ""  # a read model holds up no saga
    elif letter.leader in sagas:
        yield letter.leader
    elif letter.position:
        yield ""
    else:
        yield from [each for each in sagas if letter.follower in system.leaders_of[each]] or [""]
