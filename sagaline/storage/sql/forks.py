"""What a fork of the process does to stores: a child gets connections of its own.

A connection that two processes use is of no use to either, and SQLite must not carry one over a
fork: its locks stay with the parent, and the child would believe that it has them. So transactions
of other threads end before the fork, and connections to SQLite files are closed. Then the child
opens its own, and no lock is held in it by a thread that it has not.
"""

import os
from threading import Condition, get_ident
from typing import Final, Protocol
from weakref import WeakSet

FORK_TIMEOUT: Final = 5.0
"""Seconds that a fork waits for the transactions of other threads."""


class Member(Protocol):
    """What holds connections or locks."""

    def before_fork(self) -> None:
        """Closes what a child must not have."""

    def after_fork_in_parent(self) -> None:
        """Goes on."""

    def after_fork_in_child(self) -> None:
        """Gives up what belongs to the parent, and goes on without it."""


class OpenTransaction(Protocol):
    """A transaction that is open; `owner` begins with the identity of its thread."""

    owner: tuple[int, object]

    def interrupt(self) -> None:
        """From another thread: cancels the statement under way."""

    def abandon(self) -> None:
        """In a child: leaves the connection to the parent."""


class _Gate:
    """Counts open transactions, and lets none begin while the process forks."""

    def __init__(self) -> None:
        self.reset()

    def reset(self) -> None:
        """Forgets all, and the lock, which a thread of the parent may have held."""
        self.changed = Condition()
        self.is_forking = False
        self.open: set[OpenTransaction] = set()

    def wait_for_others(self) -> None:
        """Waits until no other thread has an open transaction, and lets none begin."""
        with self.changed:
            self.is_forking = True
            self.changed.wait_for(self._is_quiet, FORK_TIMEOUT)

    def let_go_on(self) -> None:
        """Lets transactions begin again."""
        with self.changed:
            self.is_forking = False
            self.changed.notify_all()

    def may_begin(self) -> bool:
        """Whether this thread may begin a transaction: one that has one already must end it."""
        mine = get_ident()
        return not self.is_forking or any(each.owner[0] == mine for each in self.open)

    def _is_quiet(self) -> bool:
        mine = get_ident()
        return all(each.owner[0] == mine for each in self.open)


_gate = _Gate()
_members: WeakSet[Member] = WeakSet()


def join(member: Member) -> None:
    """Has a member called at each fork from now on."""
    _members.add(member)


def begin(transaction: OpenTransaction) -> None:
    """Notes that a transaction is open; while the process forks, it waits before that."""
    with _gate.changed:
        if _gate.is_forking:
            _gate.changed.wait_for(_gate.may_begin)
        _gate.open.add(transaction)


def end(transaction: OpenTransaction) -> None:
    """Notes that a transaction is closed."""
    with _gate.changed:
        _gate.open.discard(transaction)
        if _gate.is_forking:
            _gate.changed.notify_all()


def end_child_of(process: int) -> None:
    """Ends this process where it is a fork of that one, which goes on with what they did."""
    if os.getpid() != process:
        os._exit(0)


def interrupt(thread: int | None) -> None:
    """Cancels what the open transactions of another thread are waiting for."""
    for each in [*_gate.open]:
        if each.owner[0] == thread:
            each.interrupt()


def _before() -> None:
    _gate.wait_for_others()
    for each in list(_members):
        each.before_fork()


def _after_in_parent() -> None:
    for each in list(_members):
        each.after_fork_in_parent()
    _gate.let_go_on()


def _after_in_child() -> None:
    left = list(_gate.open)
    _gate.reset()
    for member in list(_members):
        member.after_fork_in_child()
    for transaction in left:
        transaction.abandon()


if hasattr(os, "register_at_fork"):  # Windows has no fork
    os.register_at_fork(
        before=_before, after_in_parent=_after_in_parent, after_in_child=_after_in_child
    )
