"""Upstream's iterators over a log that goes on, for every database."""

from collections.abc import Sequence
from typing import Any

from eventsourcing.persistence import (
    ApplicationRecorder,
    InterfaceError,
    ListenNotifySubscription,
    OperationalError,
)
from typing_extensions import override

from sagaline.errors import StoreClosed
from sagaline.storage.notify.postgres_listener import PostgresListener
from sagaline.storage.sql.datastore import Datastore

POLL = 0.05
"""Seconds between two looks where nobody tells of new events."""

FALLBACK = 1.0
"""Seconds between two looks where a listener tells: hints can get lost."""


class LogSubscription(ListenNotifySubscription[ApplicationRecorder]):
    """Yields what is in the log, and then waits for more.

    It looks from time to time, since SQLite tells nobody, and PostgreSQL only those whose
    connection has survived; and it goes on after a fault of the store.
    """

    def __init__(
        self,
        recorder: ApplicationRecorder,
        datastore: Datastore,
        channel: str,
        gt: int | None = None,
        topics: Sequence[str] = (),
    ) -> None:
        self._listener: PostgresListener | None = None
        self._pause = POLL
        super().__init__(recorder, gt=gt, topics=topics)
        if datastore.dialect == "postgresql":
            self._pause = FALLBACK
            heard = self._has_been_notified.set
            self._listener = PostgresListener(datastore, [channel], heard)

    @override
    def stop(self) -> None:
        """Stops the iteration; what waits for the next event returns."""
        super().stop()
        if self._listener is not None:
            self._listener.stop()

    @override
    def __exit__(self, *args: object, **kwargs: Any) -> None:
        super().__exit__(*args, **kwargs)
        if self._listener is not None:
            self._listener.close()

    @override
    def _loop_on_pull(self) -> None:
        try:
            while not self._has_been_stopped:
                self._pull_what_is_there()
                self._has_been_notified.wait(self._pause)
        except BaseException as error:
            self._thread_error = self._thread_error or error
            self.stop()

    def _pull_what_is_there(self) -> None:
        try:
            self._pull()
        except StoreClosed:
            raise
        except (OperationalError, InterfaceError):
            # The store is out of reach. Nothing is lost: the next look starts at the same place.
            self._has_been_notified.clear()
