"""Upstream's test cases for applications and projections, run on the framework's recorders."""

from collections.abc import Iterator
from typing import Any, ClassVar
from unittest import TestCase

import pytest
from eventsourcing.persistence import Tracking
from eventsourcing.tests import application, projection
from sqlalchemy import BigInteger, Column, MetaData, Table, Text, insert, select, update
from typing_extensions import override

from sagaline.storage import Datastore, TrackingRecorder
from tests.upstream.test_upstream_cases import MEASURES, MEMORY

counters = Table(
    "event_counters",
    MetaData(),
    Column("name", Text, primary_key=True),
    Column("count", BigInteger, nullable=False),
)


class Configured(TestCase):
    """Configures applications by the environment, as upstream's cases do, and closes the store."""

    __test__: ClassVar[bool]
    store: ClassVar[str]
    env: dict[str, str]

    @pytest.fixture(autouse=True)
    def _configure(
        self, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
    ) -> Iterator[None]:
        url = MEMORY if self.store == "memory" else request.getfixturevalue(f"{self.store}_store")
        self.env = {"PERSISTENCE_MODULE": "sagaline.storage", "SQLALCHEMY_URL": url}
        for name, value in self.env.items():
            monkeypatch.setenv(name, value)
        kept = Datastore.open(url)
        yield
        while not kept.is_closed:  # most of upstream's cases leave their applications open
            kept.close()


# One case records the warning, which would be an error here.
@pytest.mark.filterwarnings("always:'log' is deprecated")
class ApplicationCases(Configured, application.ApplicationTestCase):
    pass


class ExampleCases(Configured, application.ExampleApplicationTestCase):
    expected_factory_topic = "sagaline.storage.log.factory:Factory"


class Counters(TrackingRecorder, projection.EventCountersView):
    """Counts events in a table, in one transaction with the position."""

    @override
    def create_table(self) -> None:
        super().create_table()
        with self.datastore.write() as connection:
            counters.create(connection, checkfirst=True)

    @override
    def get_created_event_counter(self) -> int:
        return self._count("created")

    @override
    def get_subsequent_event_counter(self) -> int:
        return self._count("subsequent")

    @override
    def incr_created_event_counter(self, tracking: Tracking) -> None:
        self._increment("created", tracking)

    @override
    def incr_subsequent_event_counter(self, tracking: Tracking) -> None:
        self._increment("subsequent", tracking)

    def _count(self, name: str) -> int:
        with self.datastore.read() as connection:
            query = select(counters.c.count).where(counters.c.name == name)
            return connection.execute(query).scalar() or 0

    def _increment(self, name: str, tracking: Tracking) -> None:
        with self.transaction(commit=True) as session:
            self._insert_tracking(session, tracking)
            more = update(counters).where(counters.c.name == name)
            done: Any = session.execute(more.values(count=counters.c.count + 1))
            if done.rowcount == 0:
                session.execute(insert(counters).values(name=name, count=1))


class ProjectionCases(Configured, projection.AggregateEventCountersProjectionTestCase):
    view_class = Counters


class ViewCases(Configured, projection.EventCountersViewTestCase):
    @override
    def construct_event_counters_view(self) -> Counters:
        self.datastore = Datastore.open(self.env["SQLALCHEMY_URL"])
        view = Counters(self.datastore)
        view.create_table()
        return view


class EventSourcedCases(Configured, projection.EventSourcedProjectionTestCase):
    pass


CASES = (ApplicationCases, ExampleCases, ProjectionCases, ViewCases, EventSourcedCases)


def _on(cases: type[Configured], store: str) -> type[TestCase]:
    return type(
        f"{cases.__name__}On{store.title()}",
        (cases,),
        {"store": store, "__module__": __name__, "__test__": True, **MEASURES},
    )


for _store in ("sqlite", "postgres"):
    for _cases in CASES:
        globals()[f"{_cases.__name__}On{_store.title()}"] = _on(_cases, _store)

# The base classes have no store; pytest collects only the generated classes.
for _bare in (Configured, *CASES):
    _bare.__test__ = False
