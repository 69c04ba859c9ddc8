"""Hears of new events on PostgreSQL, before the next look would find them."""

import logging
from collections.abc import Callable, Sequence
from threading import Event, Thread
from typing import TYPE_CHECKING, Any, cast

if TYPE_CHECKING:
    from sagaline.storage.datastore import Datastore

log = logging.getLogger(__name__)

ATTENTION = 0.2
"""Seconds after which a listener looks whether it should stop."""

LONGEST_PAUSE = 5.0
"""Seconds between two attempts to connect."""


class Listener:
    """Calls `heard` when something is told on one of the channels.

    A hint only: a notice can get lost with its connection. So it also calls when it has just
    connected, after which nothing before it can have been missed.
    """

    def __init__(
        self, datastore: "Datastore", channels: Sequence[str], heard: Callable[[], Any]
    ) -> None:
        self._engine = datastore.engine
        self._heard = heard
        quote = self._engine.dialect.identifier_preparer.quote_identifier
        self._commands = [f"LISTEN {quote(channel)}" for channel in channels]
        self._stopping = Event()
        self._thread = Thread(target=self._run, name="sagaline-listener", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Asks it to stop."""
        self._stopping.set()

    def close(self) -> None:
        """Stops it, and waits until its connection is closed."""
        self.stop()
        self._thread.join()

    def _run(self) -> None:
        pause = 0.05
        while not self._stopping.is_set():
            try:
                self._listen()
                pause = 0.05
            except self._engine.dialect.loaded_dbapi.Error as error:
                log.info("Listening again in %.1f s: %s", pause, error)
                self._stopping.wait(pause)
                pause = min(pause * 2, LONGEST_PAUSE)

    def _listen(self) -> None:
        """Listens on a connection of its own until it fails or is no longer wanted."""
        dialect = self._engine.dialect
        arguments, options = dialect.create_connect_args(self._engine.url)
        connection = cast("Any", dialect.connect(*arguments, **options))
        try:
            connection.autocommit = True
            for command in self._commands:
                connection.execute(command)
            self._heard()
            while not self._stopping.is_set():
                for _ in connection.notifies(timeout=ATTENTION, stop_after=1):
                    self._heard()
        finally:
            connection.close()
