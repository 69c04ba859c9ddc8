"""Keeps the leases of a runner while it is at work, however long that takes."""

import logging
import time
from collections.abc import Collection
from threading import Event, Thread

from sagaline.runner.leases import HUNG, RENEWAL, Leases
from sagaline.storage.sql.errors import STORAGE_FAULTS

log = logging.getLogger(__name__)


class LeaseRenewal:
    """Renews leases once in a while, in a thread of its own.

    A batch may take longer than a lease: a cold start reads long streams, and a port may be slow.
    Were its leases to run out meanwhile, two runners would take one batch from each other for ever,
    neither of them ever done. So whoever works gives a sign of life now and then; only without one
    for `HUNG` seconds the leases are let go.
    """

    def __init__(self, leases: Collection[Leases]) -> None:
        self._leases = leases
        self._alive_at = time.monotonic()
        self._stopping = Event()
        self._thread = Thread(target=self._run, name="sagaline-keeper", daemon=True)
        self._thread.start()

    def alive(self) -> None:
        """Says that the work goes on."""
        self._alive_at = time.monotonic()

    def close(self) -> None:
        """Ends it, after the renewal under way."""
        self._stopping.set()
        self._thread.join()

    def _run(self) -> None:
        while not self._stopping.wait(RENEWAL):
            if time.monotonic() - self._alive_at < HUNG:
                for leases in self._leases:
                    self._renew(leases)

    def _renew(self, leases: Leases) -> None:
        try:
            leases.keep()
        except STORAGE_FAULTS as fault:
            log.info("The leases in %s are not renewed: %s", leases.datastore.address, fault)
