"""Listens for NOTIFY on PostgreSQL."""

from collections.abc import Callable, Sequence
from contextlib import closing
from typing import TYPE_CHECKING, Any, cast

from typing_extensions import override

from sagaline.storage.notify.helper_thread import Faults
from sagaline.storage.notify.listener import Listener
from sagaline.storage.sql.postgres import connect_args

if TYPE_CHECKING:
    from sagaline.storage.sql.datastore import Datastore


class PostgresListener(Listener):
    """Calls `on_change` for each notification on its channels, over a connection of its own."""

    def __init__(
        self, datastore: "Datastore", channels: Sequence[str], on_change: Callable[[], Any]
    ) -> None:
        self._engine = datastore.engine
        quote = self._engine.dialect.identifier_preparer.quote_identifier
        self._commands = [f"LISTEN {quote(channel)}" for channel in channels]
        super().__init__(on_change)

    @property
    @override
    def faults(self) -> Faults:
        return self._engine.dialect.loaded_dbapi.Error

    @override
    def listen(self) -> None:
        dialect = self._engine.dialect
        arguments, options = dialect.create_connect_args(self._engine.url)
        options = {**connect_args(self._engine.url), **options}
        with closing(cast("Any", dialect.connect(*arguments, **options))) as connection:
            connection.autocommit = True
            for command in self._commands:
                connection.execute(command)
            self.mark_listening()
            while self.wait(connection.fileno()):
                for _ in connection.notifies(timeout=0):
                    self._on_change()
