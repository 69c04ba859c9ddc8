"""Upstream's test cases for recorders and factories, run on the framework's."""

from collections.abc import Iterator
from typing import Any, ClassVar
from unittest import TestCase

import pytest
from eventsourcing.tests import persistence as upstream
from eventsourcing.utils import Environment
from typing_extensions import override

from sagaline.storage import (
    AggregateRecorder,
    ApplicationRecorder,
    Datastore,
    Factory,
    ProcessRecorder,
    TrackingRecorder,
)

MEMORY = "sqlite:///:memory:"


class OnAStore(TestCase):
    """Gives each test a new store, and closes it afterwards."""

    __test__: ClassVar[bool]
    store: ClassVar[str]
    url: str
    datastore: Datastore

    @pytest.fixture(autouse=True)
    def _open(self, request: pytest.FixtureRequest) -> Iterator[None]:
        memory = self.store == "memory"
        self.url = MEMORY if memory else request.getfixturevalue(f"{self.store}_store")
        self.datastore = Datastore.open(self.url)
        yield
        self.datastore.close()


class AggregateRecorderCases(OnAStore, upstream.AggregateRecorderTestCase):
    @override
    def create_recorder(self) -> AggregateRecorder:
        recorder = AggregateRecorder(self.datastore, events_table_name="stored_events")
        recorder.create_table()
        return recorder


class SnapshotRecorderCases(OnAStore, upstream.AggregateRecorderTestCase):
    @override
    def create_recorder(self) -> AggregateRecorder:
        recorder = AggregateRecorder(
            self.datastore, events_table_name="snapshots", for_snapshots=True
        )
        recorder.create_table()
        return recorder


class ApplicationRecorderCases(OnAStore, upstream.ApplicationRecorderTestCase):
    # An id that was drawn and rolled back leaves a gap on PostgreSQL.
    EXPECT_CONTIGUOUS_NOTIFICATION_IDS = False

    @override
    def create_recorder(self) -> ApplicationRecorder:
        recorder = ApplicationRecorder(self.datastore, events_table_name="stored_events")
        recorder.create_table()
        return recorder

    def test_insert_subscribe(self) -> None:
        self.optional_test_insert_subscribe()


class TrackingRecorderCases(OnAStore, upstream.TrackingRecorderTestCase):
    @override
    def create_recorder(self) -> TrackingRecorder:
        recorder = TrackingRecorder(self.datastore)
        recorder.create_table()
        return recorder


class ProcessRecorderCases(OnAStore, upstream.ProcessRecorderTestCase):
    @override
    def create_recorder(self) -> ProcessRecorder:
        recorder = ProcessRecorder(
            self.datastore,
            events_table_name="stored_events",
            tracking_table_name="stored_tracking",
        )
        recorder.create_table()
        return recorder


class InterleavingCases(OnAStore, upstream.NonInterleavingNotificationIDsBaseCase):
    @override
    def create_recorder(self) -> ApplicationRecorder:
        recorder = ApplicationRecorder(self.datastore, events_table_name="stored_events")
        recorder.create_table()
        return recorder


class OwnTrackingRecorder(TrackingRecorder):
    pass


class FactoryCases(OnAStore, upstream.InfrastructureFactoryTestCase[Any]):
    @override
    def setUp(self) -> None:
        module = {"PERSISTENCE_MODULE": "sagaline.storage", "SQLALCHEMY_URL": self.url}
        self.env = Environment("TestCase", module)
        super().setUp()

    @override
    def expected_factory_class(self) -> type[Factory]:
        return Factory

    @override
    def expected_aggregate_recorder_class(self) -> type[AggregateRecorder]:
        return AggregateRecorder

    @override
    def expected_application_recorder_class(self) -> type[ApplicationRecorder]:
        return ApplicationRecorder

    @override
    def expected_tracking_recorder_class(self) -> type[TrackingRecorder]:
        return TrackingRecorder

    @override
    def tracking_recorder_subclass(self) -> type[TrackingRecorder]:
        return OwnTrackingRecorder

    @override
    def expected_process_recorder_class(self) -> type[ProcessRecorder]:
        return ProcessRecorder


ON_EVERY_STORE = (
    AggregateRecorderCases,
    SnapshotRecorderCases,
    ApplicationRecorderCases,
    TrackingRecorderCases,
    ProcessRecorderCases,
    InterleavingCases,
    FactoryCases,
)


MEASURES = {"test_performance": None}
"""Upstream's cases that assert nothing: they print how fast a store is."""


def _on(cases: type[OnAStore], store: str) -> type[TestCase]:
    return type(
        f"{cases.__name__}On{store.title()}",
        (cases,),
        {"store": store, "__module__": __name__, "__test__": True, **MEASURES},
    )


for _store in ("sqlite", "postgres", "memory"):
    for _cases in ON_EVERY_STORE:
        globals()[f"{_cases.__name__}On{_store.title()}"] = _on(_cases, _store)

# The base classes have no store; pytest collects only the generated classes.
for _bare in (OnAStore, *ON_EVERY_STORE):
    _bare.__test__ = False
