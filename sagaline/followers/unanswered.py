"""The messages that wait for the answer of a port, and the later ones of their keys."""

import time
from collections import deque
from collections.abc import Collection, Iterable, Mapping, Sequence
from itertools import chain
from typing import NamedTuple, Protocol

from sagaline.messaging.message import Message
from sagaline.storage.tables.port_calls import CallRow

MAX_UNANSWERED = 20_000
"""Messages that may wait before their follower reads no further."""


class Calls(Protocol):
    """The calls of ports that are under way in this process, by the origins of messages."""

    def answered(self) -> Collection[str]:
        """The origins of messages that were answered since the last call of this method."""

    def message(self, origin: str) -> Message | None:
        """A message whose question is asked here; None for any other."""

    def asked(self, message: Message) -> tuple[str, int] | None:
        """The name of the command in a message of the last batch, and its attempt, if known."""

    def may_ask(self, command: str | None) -> bool:
        """Whether the port of a command, by its name, takes further calls."""

    def wait_for(self, messages: Iterable[Message]) -> None:
        """Waits until the questions of these messages are answered."""

    def drop(self, messages: Iterable[Message]) -> None:
        """Drops the answers to messages that are handled."""

    def keep(self, origins: Collection[str]) -> None:
        """Drops all but these: what another runner may have handled meanwhile."""


class Passed(NamedTuple):
    """What becomes of the messages of a batch: rows that are deleted, and new ones."""

    handled: Sequence[Message]
    waiting: Sequence[Message]
    deleted: Sequence[CallRow]
    added: Sequence[CallRow]

    @property
    def is_written(self) -> bool:
        """Whether there is anything to write: not where all of them wait as they did before."""
        return bool(self.handled or self.added)


class Unanswered:
    """Mirrors the follower's rows in the table of port calls, and says which to try next.

    A row is the first of its key or waits behind the first one. A first one is under way, or idle:
    after a take-over, after the one before it is handled, or while its port takes no further calls.
    """

    def __init__(self, follower: str, calls: Calls | None) -> None:
        self._follower = follower
        self._calls = calls
        self.rows: dict[str, CallRow] = {}
        """By the origin of their messages, in order."""
        self._keys: dict[str, deque[str]] = {}
        self._idle: dict[str | None, dict[str, None]] = {}
        """The first ones that are not under way, by the name of the command."""
        self._answered: deque[str] = deque()
        self._number = 0

    @property
    def is_full(self) -> bool:
        """Whether the follower should read no further."""
        return len(self.rows) >= MAX_UNANSWERED

    def load(self, rows: Sequence[CallRow]) -> None:
        """Begins with the rows in the store, each of which is to be tried."""
        self.rows, self._keys, self._idle = {}, {}, {}
        self._number = rows[-1].number if rows else 0
        for each in rows:
            self._add(each)
        if self._calls is not None:
            self._calls.keep(self.rows)

    def next(self, limit: int) -> list[CallRow]:
        """The rows to try: those that were answered, and idle ones whose ports take calls."""
        if self._calls is None or not self.rows:
            return []
        self._answered.extend(self._calls.answered())
        found: dict[str, None] = {}
        while self._answered and len(found) < limit:
            origin = self._answered.popleft()
            if origin in self.rows:
                found[origin] = None
        for command, origins in self._idle.items():
            for origin in origins if self._calls.may_ask(command) else ():
                if len(found) >= limit:
                    break
                found[origin] = None
        return [self.rows[each] for each in found]

    def split(self, messages: Sequence[Message]) -> tuple[Sequence[Message], list[Message]]:
        """The messages that may be handled, and those that come after an unanswered one."""
        if not self.rows:
            return messages, []
        later = [each for each in messages if self._is_later(each)]
        ids = set(map(id, later))
        return [each for each in messages if id(each) not in ids], later

    def passed(
        self, free: Sequence[Message], queued: Sequence[Message], waiting: Sequence[Message]
    ) -> Passed:
        """What becomes of a batch: of those `queued` behind dead letters, and those `waiting`."""
        ids = set(map(id, waiting))
        handled = [each for each in free if id(each) not in ids] if ids else free
        deleted = self.rows_of(chain(handled, queued))
        return Passed(handled, waiting, deleted, self._new_rows(waiting))

    def message(self, origin: str) -> Message | None:
        """A message whose question is asked here; None for any other."""
        return None if self._calls is None else self._calls.message(origin)

    def rows_of(self, messages: Iterable[Message]) -> list[CallRow]:
        """The rows of those messages that have one."""
        if not self.rows:
            return []
        found = (self.rows.get(each.origin or "") for each in messages)
        return [each for each in found if each is not None]

    def wait_for(self, messages: Iterable[Message]) -> None:
        """Waits until the questions of these messages are answered."""
        if self._calls is not None:
            self._calls.wait_for(messages)

    def commit(self, passed: Passed) -> None:
        """Notes what a transaction has written."""
        if self._calls is None:
            return
        self._calls.drop(passed.handled)
        for row in passed.deleted:
            self._delete(row)
        for row in passed.added:
            self._number = row.number
            self._add(row)
        for message in passed.waiting:
            self._note_try(message)

    def _is_later(self, message: Message) -> bool:
        return message.key in self._keys and message.origin not in self.rows

    def _new_rows(self, waiting: Sequence[Message]) -> list[CallRow]:
        now = time.time()
        fresh = [each for each in waiting if each.origin not in self.rows]
        return [self._row(each, self._number + n, now) for n, each in enumerate(fresh, 1)]

    def _row(self, message: Message, number: int, now: float) -> CallRow:
        is_event = bool(message.id)
        leader = message.application if is_event else message.origin or ""
        command, attempt = self._asked(message)
        return CallRow(
            self._follower, leader, message.id, number, message.key, message.topic, command,
            attempt, now,
        )  # fmt: skip

    def _asked(self, message: Message) -> tuple[str | None, int | None]:
        found = None if self._calls is None else self._calls.asked(message)
        return (None, None) if found is None else found

    def _add(self, row: CallRow) -> None:
        self.rows[row.origin] = row
        if row.key is not None:
            queue = self._keys.setdefault(row.key, deque())
            queue.append(row.origin)
            if len(queue) > 1:
                return
        self._idle.setdefault(row.command, {})[row.origin] = None

    def _delete(self, row: CallRow) -> None:
        del self.rows[row.origin]
        self._forget_idle(row)
        if row.key is None:
            return
        queue = self._keys[row.key]
        queue.remove(row.origin)
        if not queue:
            del self._keys[row.key]
            return
        first = self.rows[queue[0]]
        self._idle.setdefault(first.command, {})[first.origin] = None

    def _note_try(self, message: Message) -> None:
        """A message that was tried is under way now, or idle with a command that is known."""
        assert self._calls is not None
        row = self.rows[message.origin or ""]
        if row.key is not None and self._keys[row.key][0] != row.origin:
            return
        self._forget_idle(row)
        if self._calls.message(row.origin) is not None:
            return
        command, attempt = self._asked(message)
        self.rows[row.origin] = row._replace(command=command, attempt=attempt)
        self._idle.setdefault(command, {})[row.origin] = None

    def _forget_idle(self, row: CallRow) -> None:
        idle = self._idle.get(row.command, {})
        idle.pop(row.origin, None)
        if not idle:
            self._idle.pop(row.command, None)


def positions_after(messages: Iterable[Message], rows: Mapping[str, CallRow]) -> dict[str, int]:
    """The position after the last message of each log; timers, and those with a row, move none."""
    return {
        each.application: each.id
        for each in messages
        if each.id and (not rows or each.origin not in rows)
    }
