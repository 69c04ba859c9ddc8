"""The dead letters of one key and follower, in the order in which they are to be handled."""

from collections import deque
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from sagaline.followers.follower import Follower
from sagaline.followers.stored_messages import Place, stored_messages
from sagaline.messaging.message import Message
from sagaline.storage.tables.dead_letters import (
    Letter,
    count_queued,
    leaders_of_key,
    letters_of_key,
)

LETTERS_AT_ONCE = 200
"""Letters that are read at once: each has the traceback of its error."""


class Queued(NamedTuple):
    """A dead letter and its event; None where that does not exist any more."""

    letter: Letter
    message: Message | None

    @property
    def hop(self) -> int:
        """How far its event is from the first command."""
        return 0 if self.message is None else self.message.hop


class LetterQueue:
    """Reads the letters of one key from the store, some of each log at a time.

    Letters of one log come by position. Among logs the one comes first whose event is nearer to the
    first command, as a cause is nearer than its effect; then the one that was parked first. The
    time alone says nothing: it is that of the machine which parked the letter.
    """

    def __init__(self, follower: Follower, letter: Letter) -> None:
        self._follower = follower
        self._named = letter
        self._pages: dict[str, deque[Queued]] = {}

    def first(self) -> Queued | None:
        """The next letter to handle; None where no more are queued."""
        if not any(self._pages.values()):
            self._read_all()
        heads = [page[0] for page in self._pages.values() if page]
        return min(heads, key=lambda each: (each.hop, each.letter.parked_at), default=None)

    def remove(self, letter: Letter) -> None:
        """Goes on to the next letter of the same log."""
        page = self._pages[letter.leader]
        page.popleft()
        if not page and letter.key is not None:
            self._read(letter.leader, letter.position)

    def forget(self) -> None:
        """Reads the letters again: another runner or operator may have changed them."""
        self._pages.clear()

    def count(self) -> int:
        """How many letters are queued."""
        if self._named.key is None:
            return sum(map(len, self._pages.values()))
        with self._follower.datastore.read() as connection:
            return count_queued(connection, self._named.follower, self._named.key)

    def _read_all(self) -> None:
        if self._named.key is None:
            self._read(self._named.leader, self._named.position - 1)
            return
        with self._follower.datastore.read() as connection:
            leaders = leaders_of_key(connection, self._named.follower, self._named.key)
        for leader in leaders:
            self._read(leader, -1)

    def _read(self, leader: str, after: int) -> None:
        follower, key = self._named.follower, self._named.key
        limit = LETTERS_AT_ONCE if key is not None else 1
        with self._follower.datastore.read() as connection:
            found = letters_of_key(connection, follower, key, leader, after, limit)
        if key is None:
            found = [each for each in found if each.id == self._named.id]
        messages = self._messages(found)
        queued = [Queued(each, messages.get((each.leader, each.position))) for each in found]
        self._pages[leader] = deque(queued)

    def _messages(self, letters: Sequence[Letter]) -> Mapping[Place, Message]:
        places = [(each.leader, each.position) for each in letters]
        each = self._follower
        return stored_messages(places, each.leaders, each.datastore, each.name, each.mapper)
