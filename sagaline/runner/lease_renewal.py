"""Renews the leases of a runner while it is at work, however long a batch takes."""

import time
from collections.abc import Collection
from threading import Event, Thread

from sagaline.messaging.logbook import fields, logger_of
from sagaline.runner.leases import Leases
from sagaline.storage.sql.errors import STORE_FAILURES

RENEWAL_INTERVAL = 1.5
"""Seconds between two renewals: one of them may fail, and the lease still holds."""

HUNG_TIMEOUT = 300.0
"""Seconds without progress after which a runner counts as hung, and its leases run out."""

log = logger_of(__name__)

_HUNG = "the leases are not renewed any more, so that other runners take the followers over"


class LeaseRenewal:
    """Renews leases at regular intervals, in a thread of its own.

    A batch may take longer than a lease: a cold start reads long streams, and a port may be slow.
    If the leases ran out meanwhile, two runners would take one batch from each other for ever, and
    neither would finish it. The runner therefore reports its progress; only without any for
    `HUNG_TIMEOUT` seconds are the leases no longer renewed.
    """

    def __init__(
        self,
        leases: Collection[Leases],
        interval: float = RENEWAL_INTERVAL,
        hung_timeout: float = HUNG_TIMEOUT,
    ) -> None:
        self._leases = leases
        self._interval = interval
        self.hung_timeout = hung_timeout
        self._progress_at = time.monotonic()
        self._stopping = Event()
        self._thread = Thread(target=self._run, name="sagaline-lease-renewal", daemon=True)
        self._thread.start()

    def report_progress(self) -> None:
        """Notes that the runner is at work."""
        self._progress_at = time.monotonic()

    def close(self) -> None:
        """Stops the thread, after a renewal under way."""
        self._stopping.set()
        self._thread.join()

    def _run(self) -> None:
        while not self._stopping.wait(self._interval):
            idle = time.monotonic() - self._progress_at
            if idle < self.hung_timeout:
                for leases in self._leases:
                    self._renew(leases)
            elif idle < self.hung_timeout + self._interval:  # once
                log.error("No progress for %.0f s: %s", idle, _HUNG, extra=fields(seconds=idle))

    def _renew(self, leases: Leases) -> None:
        try:
            leases.renew()
        except STORE_FAILURES as fault:
            store = leases.datastore.address
            log.info(
                "The leases in %s are not renewed: %s", store, fault, extra=fields(store=store)
            )
