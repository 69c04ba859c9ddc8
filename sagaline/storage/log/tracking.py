"""Upstream's recorders of positions, over one table for all followers."""

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
from sagaline.storage.tables.followers import (
    add_positions,
    follower_state,
    move_position_forward,
    read_position,
)

_SUFFIX = "_tracking"


class TrackingRecorder(Recorder, SQLAlchemyTrackingRecorder):
    """Records the positions of one follower.

    `tracking_table_name` names the follower until the factory sets the name of its application.
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
        # Not upstream's __init__, which would define a table for each follower.
        SQLAlchemyRecorder.__init__(self, datastore, schema_for(datastore, schema_name), **kwargs)
        self.tracking_table_name = tracking_table_name
        self.follower = tracking_table_name.removesuffix(_SUFFIX)

    def adopt_positions(self) -> None:
        """Copies the follower's positions from upstream's tracking table, if there is one.

        Otherwise a follower that comes from upstream's storage would start again from the first
        event.
        """
        with self.datastore.read() as connection:
            missing = self._unadopted(connection)
        if missing:
            with self.datastore.write() as connection:
                add_positions(connection, self.follower, missing)

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
    def max_tracking_id(self, application_name: str) -> int | None:
        """The position in the log of that application; None before its first event."""
        with self.datastore.read() as connection:
            return read_position(connection, self.follower, application_name) or None

    @override
    def _insert_tracking(self, session: Session, tracking: Tracking) -> None:
        move_position_forward(
            session.connection(),
            self.follower,
            tracking.application_name,
            tracking.notification_id,
        )


class ProcessRecorder(TrackingRecorder, ApplicationRecorder, SQLAlchemyProcessRecorder):
    """Records events in one transaction with the position of the event that caused them."""

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
