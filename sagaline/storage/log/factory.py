"""Upstream's infrastructure factory, which `PERSISTENCE_MODULE=sagaline.storage` selects."""

from typing import Any, cast

from eventsourcing.persistence import InfrastructureFactory
from eventsourcing.utils import Environment, resolve_topic, strtobool
from eventsourcing_sqlalchemy.factory import SQLAlchemyFactory
from eventsourcing_sqlalchemy.recorders import SQLAlchemyTrackingRecorder
from typing_extensions import override

from sagaline.errors import StoreUnusable
from sagaline.storage.log.recorders import AggregateRecorder, ApplicationRecorder
from sagaline.storage.log.tracking import ProcessRecorder, TrackingRecorder
from sagaline.storage.sql.datastore import Datastore


class Factory(SQLAlchemyFactory):
    """Creates the recorders of one application, on a datastore shared by the process.

    It reads upstream's settings: SQLALCHEMY_URL, SQLALCHEMY_SCHEMA, CREATE_TABLE and so on, each
    also with the application's name as a prefix.
    """

    datastore_class = Datastore
    # Upstream's annotations ask for its own classes or subclasses.
    aggregate_recorder_class = AggregateRecorder  # type: ignore[assignment]
    application_recorder_class = ApplicationRecorder  # type: ignore[assignment]
    tracking_recorder_class = TrackingRecorder  # type: ignore[assignment]
    process_recorder_class = ProcessRecorder  # type: ignore[assignment]

    datastore: Datastore

    def __init__(self, env: Environment) -> None:
        # Not upstream's __init__, which would open a second datastore.
        InfrastructureFactory.__init__(self, env)
        self.datastore = self._open()
        self._schema_name = self.datastore.schema
        self._closed = False
        self.application_recorder_class = self._class_of(
            self.APPLICATION_RECORDER_TOPIC, type(self).application_recorder_class
        )
        self.process_recorder_class = self._class_of(
            self.PROCESS_RECORDER_TOPIC, type(self).process_recorder_class
        )

    @override
    def aggregate_recorder(self, purpose: str = "events") -> AggregateRecorder:
        return cast("AggregateRecorder", super().aggregate_recorder(purpose))

    @override
    def application_recorder(self) -> ApplicationRecorder:
        self._name_table()
        return cast("ApplicationRecorder", super().application_recorder())

    @override
    def process_recorder(self) -> ProcessRecorder:
        self._name_table()
        recorder = cast("ProcessRecorder", super().process_recorder())
        self._name_follower(recorder)
        return recorder

    @override
    def tracking_recorder(self, tracking_recorder_class: type[Any] | None = None) -> Any:
        topic = self.env.get(self.TRACKING_RECORDER_TOPIC)
        if tracking_recorder_class is None and topic:
            tracking_recorder_class = resolve_topic(topic)
        recorder = super().tracking_recorder(_guarded(tracking_recorder_class))
        self._name_follower(recorder)
        return recorder

    @override
    def close(self) -> None:
        """Releases the datastore, which other applications of this process may still use."""
        if not self._closed:
            self._closed = True
            self.datastore.close()

    def _open(self) -> Datastore:
        url = self.env.get(self.SQLALCHEMY_URL)
        schema = self.env.get(self.SQLALCHEMY_SCHEMA) or None
        scoped = self.env.get(self.SQLALCHEMY_SCOPED_SESSION_TOPIC)
        if scoped and schema:
            # That session cannot separate the framework's tables from the user's.
            raise StoreUnusable(url=self._whose, reason="a schema needs SQLALCHEMY_URL")
        if scoped:
            return Datastore(session=resolve_topic(scoped)())
        if not url:
            raise StoreUnusable(url=self._whose, reason="SQLALCHEMY_URL is not set")
        return Datastore.open(url, schema, **self._options())

    def _options(self) -> dict[str, Any]:
        options: dict[str, Any] = {}
        creator = self.env.get(self.SQLALCHEMY_CONNECTION_CREATOR_TOPIC)
        if creator:
            options["creator"] = resolve_topic(creator)
        if not strtobool(self.env.get(self.SQLALCHEMY_AUTOFLUSH) or "True"):
            options["autoflush"] = False
        return options

    @property
    def _whose(self) -> str:
        return f"of {self.env.name or 'the application'}"

    def _class_of(self, variable: str, default: Any) -> Any:
        topic = self.env.get(variable)
        return resolve_topic(topic) if topic else default

    def _name_follower(self, recorder: Any) -> None:
        if isinstance(recorder, TrackingRecorder):
            recorder.follower = self.env.name or recorder.follower
            if self.env_create_table():
                recorder.adopt_positions()

    def _name_table(self) -> None:
        self.datastore.name_log(self.env.name)


def _guarded(tracking_recorder_class: type[Any] | None) -> Any:
    """The given recorder class; a subclass of upstream's also gets our position tracking."""
    if tracking_recorder_class is None or issubclass(tracking_recorder_class, TrackingRecorder):
        return tracking_recorder_class
    if not issubclass(tracking_recorder_class, SQLAlchemyTrackingRecorder):
        return tracking_recorder_class
    name = tracking_recorder_class.__name__
    return type(name, (tracking_recorder_class, TrackingRecorder), {})
