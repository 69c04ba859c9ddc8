"""A recorder that writes a row of `order_list` beside the position, by `eventsourcing.postgres`."""

from collections.abc import Sequence
from typing import Any

from eventsourcing.persistence import StoredEvent
from eventsourcing.postgres import PostgresProcessRecorder
from sqlalchemy.dialects import postgresql
from typing_extensions import override

from benchmarks.upstream.recorders import definition, statements

_STATEMENTS = statements("%({})s")


class PostgresOrderList(PostgresProcessRecorder):
    """It writes no events, and psycopg prepares its statements."""

    @override
    def _create_table(self, curs: Any) -> None:
        super()._create_table(curs)
        for statement in definition(postgresql.dialect()):  # type: ignore[no-untyped-call]
            curs.execute(statement, prepare=False)

    @override
    def _insert_events(
        self, curs: Any, stored_events: Sequence[StoredEvent], **kwargs: Any
    ) -> None:
        super()._insert_events(curs, stored_events, **kwargs)
        if kwargs.get("row") is not None:
            curs.execute(_STATEMENTS[kwargs["change"]], kwargs["row"], prepare=True)
