"""Upstream's recorders of positions, over the one table that holds those of every follower."""

from collections.abc import Sequence
from typing import Any

from eventsourcing.persistence import StoredEvent, Tracking
from eventsourcing_sqlalchemy.recorders import (
    SQLAlchemyProcessRecorder,
    SQLAlchemyRecorder,
    SQLAlchemyTrackingRecorder,
)
from sqlalchemy import Connection, column, inspect, select, table
from sqlalchemy.orm import Session
from typing_extensions import override

from sagaline.storage.log.recorders import ApplicationRecorder, Recorder, schema_for
from sagaline.storage.sql.datastore import Datastore
from sagaline.storage.tables.creation import create_tables
from sagaline.storage.tables.followers import adopt, follower_state, move_forward, position

_SUFFIX = "_tracking"


class TrackingRecorder(Recorder, SQLAlchemyTrackingRecorder):
    """Records how far a follower has come.

    The follower is called as `tracking_table_name` says, until the factory gives it the name of
    its application.
    """

    follower: str

    def __init__(
        self,
        datastore: Datastore,
        *,
        tracking_table_name: str = "notification_tracking",
        schema_name: str | None = None,
        **kwargs: Any,
    ) -> None:
        # Not upstream's own: it would define a table for each follower.
        SQLAlchemyRecorder.__init__(self, datastore, schema_for(datastore, schema_name), **kwargs)
        self.tracking_table_name = tracking_table_name
        self.follower = tracking_table_name.removesuffix(_SUFFIX)

    def adopt_positions(self) -> None:
        """Goes on where the follower stands in a tracking table of upstream's, if there is one.

        Without it, a follower that comes from upstream's storage would start again from the
        first event.
        """
        with self.datastore.read() as connection:
            missing = self._unadopted(connection)
        if missing:
            with self.datastore.write() as connection:
                adopt(connection, self.follower, missing)

    def _unadopted(self, connection: Connection) -> dict[str, int]:
        schema = self.datastore.schema
        if not inspect(connection).has_table(self.tracking_table_name, schema):
            return {}
        names = ("application_name", "notification_id")
        upstream = table(self.tracking_table_name, *map(column, names), schema=schema)
        known = follower_state(connection, self.follower).positions
        rows = connection.execute(select(upstream)).tuples()
        return {leader: reached for leader, reached in rows if leader not in known}

    @override
    def create_table(self) -> None:
        """Creates the tables of this recorder, and the framework's, where they are missing."""
        create_tables(self.datastore, self.tables)

    @override
    def max_tracking_id(self, application_name: str) -> int | None:
        """The position in the log of that application; None before its first event."""
        with self.datastore.read() as connection:
            return position(connection, self.follower, application_name) or None

    @override
    def _insert_tracking(self, session: Session, tracking: Tracking) -> None:
        move_forward(
            session.connection(),
            self.follower,
            tracking.application_name,
            tracking.notification_id,
        )


class ProcessRecorder(TrackingRecorder, ApplicationRecorder, SQLAlchemyProcessRecorder):
    """Records events together with the position that they follow from."""

    def __init__(
        self,
        datastore: Datastore,
        *,
        events_table_name: str,
        tracking_table_name: str,
        schema_name: str | None = None,
    ) -> None:
        ApplicationRecorder.__init__(
            self, datastore, events_table_name=events_table_name, schema_name=schema_name
        )
        self.tracking_table_name = tracking_table_name
        self.follower = tracking_table_name.removesuffix(_SUFFIX)

    @override
    def _insert_events(
        self, session: Session, stored_events: Sequence[StoredEvent], **kwargs: Any
    ) -> None:
        tracking: Tracking | None = kwargs.get("tracking")
        if tracking is not None:
            self._insert_tracking(session, tracking)
