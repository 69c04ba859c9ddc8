"""Upstream's subscriptions to a growing log, on every database."""

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
from sagaline.storage.sql.finalizers import do_apart

LOG_POLL_INTERVAL = 0.05
"""Seconds between two reads of a log without notifications."""

FALLBACK_POLL_INTERVAL = 1.0
"""Seconds between two reads of a log with notifications, as these can get lost."""


class LogSubscription(ListenNotifySubscription[ApplicationRecorder]):
    """Yields the events in the log, and then waits for new ones.

    It polls, because SQLite sends no notifications, and PostgreSQL loses them with a connection. It
    continues after a storage fault.
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
        self._interval = LOG_POLL_INTERVAL
        super().__init__(recorder, gt=gt, topics=topics)
        if datastore.dialect == "postgresql":
            self._interval = FALLBACK_POLL_INTERVAL
            on_change = self._has_been_notified.set
            self._listener = PostgresListener(datastore, [channel], on_change)

    @override
    def stop(self) -> None:
        """Stops the subscription, a moment later: upstream calls this in a finalizer too."""
        self._has_been_stopped = True
        do_apart(self._shut_down)

    def _shut_down(self) -> None:
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
                self._pull_available()
                self._has_been_notified.wait(self._interval)
        except BaseException as error:
            self._thread_error = self._thread_error or error
            self.stop()

    def _pull_available(self) -> None:
        try:
            self._pull()
        except StoreClosed:
            raise
        except (OperationalError, InterfaceError):
            # The store is unreachable. The next read starts at the same position.
            self._has_been_notified.clear()
