"""Leases: several runners share a store, and each follower has one of them at a time.

A lease saves work; it is not what keeps effects single. That is the fence: a runner that was paused
past its lease and goes on writes nothing.
"""

import os
import secrets
import socket
import time
from collections.abc import Collection

from sagaline.storage import Datastore
from sagaline.storage.leases import keep_leases, known_owners, release_leases, take_leases

SECONDS = 4.0
"""How long a lease lasts: a dead owner is followed within that time, and a renewal."""

RENEWAL = 0.75
"""Seconds between two renewals: with a rest, what is given back is led again within one second."""


class Leases:
    """The leases that this runner holds on the followers of one store."""

    def __init__(self, datastore: Datastore, names: Collection[str]) -> None:
        self.datastore = datastore
        self._names = names
        self._owner = f"{socket.gethostname()}:{os.getpid()}:{secrets.token_hex(4)}"
        self._renewed = float("-inf")
        self.held: set[str] = set()

    def renew(self) -> set[str]:
        """Takes what is free, once in a while; returns the followers that are new to it."""
        now = time.monotonic()
        if now - self._renewed < RENEWAL:
            return set()
        with self.datastore.write() as connection:
            dead = {each for each in known_owners(connection) if self._is_dead(each)}
            held = take_leases(connection, self._names, self._owner, SECONDS, dead)
        self._renewed = now
        gained, self.held = held - self.held, held
        return gained

    def keep(self) -> None:
        """Renews what is held, once in a while, in the middle of a batch: takes nothing new.

        Without it a port that is slower than a lease would let two runners take the same batch
        from each other for ever.
        """
        now = time.monotonic()
        if now - self._renewed < RENEWAL:
            return
        with self.datastore.write() as connection:
            keep_leases(connection, self._owner, SECONDS)
        self._renewed = now

    def release(self) -> None:
        """Gives all of them back."""
        with self.datastore.write() as connection:
            release_leases(connection, self._owner)
        self.held = set()

    def _is_dead(self, owner: str) -> bool:
        """Whether it was a process of this machine that is no more: its lease need not run out."""
        host, pid, _ = owner.rsplit(":", 2)
        if host != socket.gethostname() or owner == self._owner:
            return False
        try:
            os.kill(int(pid), 0)
        except ProcessLookupError:
            return True
        except PermissionError:
            return False
        return False
