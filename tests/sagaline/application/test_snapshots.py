"""Snapshots: an article with a long history is read from what it was lately."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date
from typing import ClassVar
from uuid import NAMESPACE_URL, UUID, uuid4, uuid5

import pytest
from eventsourcing.domain import Aggregate, event
from sqlalchemy import inspect, text

from sagaline import Application, Command, DefinitionError, Runner, System, handles, reacts_to
from sagaline.application.message_handling import handling_of
from sagaline.codec import type_snapshots
from sagaline.errors import VersionConflict
from sagaline.messaging.message import Trace
from tests.sagaline.storage.stores import counted, outside

INTERVAL = 10


class Article(Aggregate):
    class Listed(Aggregate.Created):
        sku: str

    class Sold(Aggregate.Event):
        order_id: UUID
        on: date

    sku: str
    held: dict[UUID, int]
    days: set[date]
    last: tuple[UUID, date] | None

    @event(Listed)
    def __init__(self, sku: str) -> None:
        self.last = None
        self.days = set()
        self.held = {}
        self.sku = sku

    @staticmethod
    def create_id(sku: str) -> UUID:
        return uuid5(NAMESPACE_URL, f"/article/{sku}")

    @event(Sold)
    def sell(self, order_id: UUID, on: date) -> None:
        self.held[order_id] = len(self.held) + 1
        self.days.add(on)
        self.last = (order_id, on)


class SoldOut(Exception):
    pass


class List(Command):
    sku: str


class Sell(Command):
    sku: str
    order_id: UUID
    refused: bool = False


def _wanted(command: List | Sell) -> list[UUID]:
    return [Article.create_id(command.sku)]


class Sale(Aggregate):
    class Made(Aggregate.Created):
        sku: str

    @event(Made)
    def __init__(self, sku: str) -> None:
        pass


class Buy(Command):
    sku: str


class Till(Application, aggregates=[Sale]):
    @handles(Buy)
    def buy(self, command: Buy) -> Sale:
        return Sale(sku=command.sku)


class Shelves(Application, aggregates=[Article]):
    snapshotting_intervals: ClassVar = {Article: INTERVAL}

    @handles(List, loads=_wanted)
    def list(self, command: List) -> Article:
        return Article(sku=command.sku)

    @handles(Sell, loads=_wanted)
    def sell(self, command: Sell) -> Article:
        article: Article = self.repository.get(Article.create_id(command.sku))
        article.sell(command.order_id, date(2026, 1, 1 + article.version % 28))
        if command.refused:
            raise SoldOut
        return article

    @reacts_to(Sale.Made)
    def sold(self, event: Sale.Made) -> Sell:
        return Sell(sku=event.sku, order_id=event.originator_id)


class Unhurried(Shelves):
    """The same shelves, by code that knows no snapshots."""

    name = "Shelves"
    snapshotting_intervals: ClassVar = {}


@contextmanager
def shelves(url: str, kind: type[Shelves] = Shelves, sold: int = 0) -> Iterator[Shelves]:
    """The application as a process finds it that starts now; `sold`: an article so often sold."""
    application = kind({"PERSISTENCE_MODULE": "sagaline.storage", "SQLALCHEMY_URL": url})
    try:
        if sold:
            application.execute_one(List(sku="A1"))
            sell(application, sold)
        yield application
    finally:
        application.close()


A1 = Article.create_id("A1")


def sell(application: Shelves, times: int, sku: str = "A1") -> None:
    for receipt in application.execute([Sell(sku=sku, order_id=uuid4()) for _ in range(times)]):
        assert receipt.error is None


def article(url: str, kind: type[Shelves] = Shelves) -> Article:
    """The article, as a process reads it that starts now."""
    with shelves(url, kind) as application:
        found: Article = handling_of(application).new_unit().get(A1)
        return found


def change(url: str, sql: str) -> None:
    with outside(url) as connection:
        assert connection.execute(text(sql)).rowcount > 0


def damage(url: str, old: str, new: str) -> None:
    """Changes the one snapshot, in its topic or in its state."""
    with outside(url) as connection:
        sql = "SELECT topic, state FROM shelves_snapshots"
        topic, state = connection.execute(text(sql)).one()
        before = f"{topic} {bytes(state).decode()}"
        after = before.replace(old, new)
        assert after != before
        topic, _, state = after.partition(" ")
        sql = "UPDATE shelves_snapshots SET topic = :topic, state = :state"
        connection.execute(text(sql), {"topic": topic, "state": state.encode()})


def versions(url: str) -> list[int]:
    """Of which versions there are snapshots."""
    with outside(url) as connection:
        sql = "SELECT originator_version FROM shelves_snapshots ORDER BY 1"
        return list(connection.execute(text(sql)).scalars())


# Taken


def test_a_snapshot_is_taken_when_a_batch_has_passed_the_interval(store_url: str) -> None:
    with shelves(store_url, sold=7) as application:
        assert versions(store_url) == []
        sell(application, 1)
        assert versions(store_url) == []
        sell(application, 5)
        assert versions(store_url) == [14]
        sell(application, 5)
        assert versions(store_url) == [14]
        sell(application, 1)
        assert versions(store_url) == [20], "of one aggregate the last one is kept"


def test_a_runner_takes_them_of_all_articles_of_its_batch(store_url: str) -> None:
    system = System("sales", applications=[Till, Shelves])
    with Runner(system, {"SQLALCHEMY_URL": store_url}) as runner:
        runner.get(Shelves).execute([List(sku=sku) for sku in ("A1", "B2", "C3")])
        bought = [Buy(sku=sku) for sku in ("A1", "B2") for _ in range(INTERVAL)]
        runner.get(Till).execute([*bought, Buy(sku="C3")])
        runner.settle()
        assert versions(store_url) == [11, 11]
        read = handling_of(runner.get(Shelves)).new_unit().find([A1, Article.create_id("B2")])
        assert [len(each.held) for each in read] == [10, 10]


def test_what_a_rolled_back_batch_has_changed_leaves_none(store_url: str) -> None:
    with shelves(store_url, sold=5) as application:
        unit = handling_of(application).new_unit()
        unit.trace = Trace("key", "cause", 1)
        for _ in range(INTERVAL):
            unit.get(A1).sell(uuid4(), date(2026, 1, 1))
        unit.record([])
        sell(application, 1)  # another writer is first
        with pytest.raises(VersionConflict), application.datastore.write() as connection:
            unit.write(connection)
        unit.roll_back()
        assert versions(store_url) == []


def test_a_transaction_around_the_batch_may_yet_be_rolled_back(store_url: str) -> None:
    with shelves(store_url, sold=5) as application:
        with application.datastore.write() as connection:
            sell(application, INTERVAL)
            count = text("SELECT count(*) FROM shelves_snapshots")
            assert connection.execute(count).scalar_one() == 0
        assert article(store_url).version == 16


def test_what_is_not_on_disk_is_in_no_snapshot(store_url: str) -> None:
    with shelves(store_url, sold=5) as application:
        unit = handling_of(application).new_unit()
        found = unit.get(A1)
        for _ in range(INTERVAL):
            found.sell(uuid4(), date(2026, 1, 1))
        unit.record([found])
        with application.datastore.write() as connection:
            unit.write(connection)
        found.sell(uuid4(), date(2026, 1, 1))  # and nobody has recorded that
        unit.after_commit()
        assert versions(store_url) == []


def test_a_snapshot_that_cannot_be_written_fails_no_batch(
    store_url: str, caplog: pytest.LogCaptureFixture
) -> None:
    with shelves(store_url, sold=8) as application:
        unit = handling_of(application).new_unit()
        unit.get(A1).sell(uuid4(), date(2026, 1, 1))
        unit.record([])
        with outside(store_url) as connection:
            connection.execute(text("DROP TABLE shelves_snapshots"))
        with application.datastore.write() as connection:
            unit.write(connection)
        unit.after_commit()
        assert "No snapshots were written to shelves_snapshots" in caplog.text
    assert article(store_url).version == 10


class Vague(Aggregate):
    """Keeps something that its class does not name."""

    pieces: int

    @event("Begun")
    def __init__(self) -> None:
        self.pieces = 0
        self.note = "of no type"

    @event("Counted")
    def count(self) -> None:
        self.pieces += 1


class Count(Command):
    id_: UUID


class Counters(Application, aggregates=[Vague]):
    snapshotting_intervals: ClassVar = {Vague: 2}

    @handles(Count)
    def begin(self, command: Count) -> Vague:
        vague = Vague()
        vague.count()
        return vague


def test_an_aggregate_that_cannot_be_written_goes_without(
    store_url: str, caplog: pytest.LogCaptureFixture
) -> None:
    env = {"PERSISTENCE_MODULE": "sagaline.storage", "SQLALCHEMY_URL": store_url}
    with Counters(env) as application:
        assert application.execute_one(Count(id_=uuid4())).position == "counters:2"
    assert "the class does not annotate note" in caplog.text
    assert counted(store_url, "counters_snapshots") == 0


# Read


def test_a_hot_article_is_read_from_its_snapshot_and_the_events_behind_it(store_url: str) -> None:
    with shelves(store_url, sold=33) as application:
        application.execute_one(List(sku="B2"))  # which is read whole beside it
        sell(application, 4, "B2")
        sell(application, 4)
        assert versions(store_url) == [34]
    whole = article(store_url, Unhurried)
    # What the snapshot holds is not looked at any more: its last event alone proves it.
    change(
        store_url,
        f"DELETE FROM shelves_events WHERE originator_version < 34 AND id <= {33 + 1}",
    )
    with shelves(store_url) as application:
        read, other = handling_of(application).new_unit().find([A1, Article.create_id("B2")])
        assert read == whole
        assert (read.version, len(read.held), other.version) == (38, 37, 5)
        sell(application, 1)
        assert application.repository.get(A1).held.keys() >= whole.held.keys()
    assert article(store_url).version == 39


@pytest.mark.parametrize(
    ("old", "new", "why"),
    [
        ("Article.Snapshot", "Article.Gone", "UnknownTopic"),
        ("Article.Snapshot", "Article.Sold", "Unreadable"),
        (':Article"', ':Gone"', "Gone"),
        ('"]}}', "", "Unreadable"),
        ('"held"', '"reserved"', "held"),
        ('"sku":', '"shelf":7,"sku":', "shelf"),
        ('"sku":', '"class_version":0,"sku":', "upcast_v0_v1"),
        ('"sku":', '"class_version":2,"sku":', "class_version"),
    ],
)
def test_a_snapshot_that_cannot_be_read_is_passed_over(
    store_url: str, old: str, new: str, why: str, caplog: pytest.LogCaptureFixture
) -> None:
    with shelves(store_url, sold=12):
        damage(store_url, old, new)
    assert article(store_url) == article(store_url, Unhurried)
    assert "The snapshot of" in caplog.text
    assert why in caplog.text
    with shelves(store_url) as application:
        sell(application, INTERVAL)
    caplog.clear()
    assert article(store_url).version == 23
    assert "The snapshot of" not in caplog.text, "the next one takes its place"


def test_an_upcast_of_its_class_brings_an_older_snapshot_up_to_date(
    store_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with shelves(store_url, sold=12):
        damage(store_url, '"sku":', '"class_version":0,"sku":')
    upcast = staticmethod(lambda state: state["days"].clear())
    monkeypatch.setattr(Article, "upcast_v0_v1", upcast, raising=False)
    found = article(store_url)
    assert (found.version, len(found.held), found.days) == (13, 12, set())


def test_a_snapshot_that_is_ahead_of_its_log_is_not_used(store_url: str) -> None:
    with shelves(store_url, sold=12):
        assert versions(store_url) == [13]
    change(store_url, "DELETE FROM shelves_events WHERE originator_version > 11")
    restored = article(store_url)
    assert restored == article(store_url, Unhurried)
    assert restored.version == 11


def test_a_log_that_was_restored_and_went_another_way_is_believed(
    store_url: str, caplog: pytest.LogCaptureFixture
) -> None:
    with shelves(store_url, sold=12):
        pass
    change(store_url, "DELETE FROM shelves_events WHERE originator_version > 11")
    with shelves(store_url) as application:
        sell(application, 4)
        assert versions(store_url) == [13], "the one of the lost events"
    assert article(store_url) == article(store_url, Unhurried)
    assert "another one" in caplog.text


def test_another_writer_behind_the_snapshot_is_still_met(store_url: str) -> None:
    with shelves(store_url, sold=12) as one, shelves(store_url) as another:
        unit = handling_of(one).new_unit()
        unit.get(A1).sell(uuid4(), date(2026, 1, 1))
        unit.record([])
        sell(another, 1)
        with pytest.raises(VersionConflict), one.datastore.write() as connection:
            unit.write(connection)
        unit.roll_back()
        sell(one, 1)
    assert article(store_url).version == len(article(store_url).held) + 1 == 15


def test_a_refused_command_leaves_what_those_before_it_have_done(store_url: str) -> None:
    with shelves(store_url, sold=12) as application:
        commands = [Sell(sku="A1", order_id=uuid4(), refused=n == 2) for n in range(5)]
        receipts = application.execute(commands)
        assert [each.error is None for each in receipts] == [True, True, False, True, True]
    held = article(store_url).held
    assert [each.order_id in held for each in commands] == [True, True, False, True, True]


def test_a_newer_snapshot_of_another_writer_is_not_mixed_with_what_waits_here(
    store_url: str,
) -> None:
    with shelves(store_url, sold=8) as one, shelves(store_url) as another:
        unit = handling_of(one).new_unit()
        unit.get(A1).sell(uuid4(), date(2026, 1, 1))
        unit.record([])
        before = unit.mark()
        unit.get(A1).sell(uuid4(), date(2026, 1, 2))
        sell(another, INTERVAL)
        assert versions(store_url) == [19]
        unit.roll_back_to(before)
        assert unit.get(A1).version == len(unit.get(A1).held) + 1 == 10
        with pytest.raises(VersionConflict), one.datastore.write() as connection:
            unit.write(connection)


# Where there are none, and upstream's


def test_they_are_in_the_schema_of_the_store(postgres_store: str) -> None:
    env = {
        "PERSISTENCE_MODULE": "sagaline.storage",
        "SQLALCHEMY_URL": postgres_store,
        "SQLALCHEMY_SCHEMA": "shop",
    }
    with Shelves(env) as application:
        application.execute_one(List(sku="A1"))
        sell(application, INTERVAL)
        with outside(postgres_store) as connection:
            assert inspect(connection).has_table("shelves_snapshots", "shop")
            connection.execute(
                text("DELETE FROM shop.shelves_events WHERE originator_version < 11")
            )
        assert handling_of(application).new_unit().get(A1).version == 11


def test_without_intervals_there_is_no_table_and_nothing_is_looked_for(store_url: str) -> None:
    with shelves(store_url, Unhurried, sold=25) as application:
        assert application.snapshots is None
        with outside(store_url) as connection:
            assert "shelves_snapshots" not in inspect(connection).get_table_names()
        assert handling_of(application).new_unit().get(A1).version == 26


def test_an_older_store_is_given_the_table_and_older_code_is_not_harmed(store_url: str) -> None:
    with shelves(store_url, Unhurried, sold=8):
        pass
    with shelves(store_url) as application:
        sell(application, 5)
        assert versions(store_url) == [14]
    with shelves(store_url, Unhurried) as application:
        sell(application, 5)
    assert article(store_url).version == 19


def test_upstreams_own_ways_to_take_and_to_read_them_work(store_url: str) -> None:
    with shelves(store_url, sold=6) as application:
        application.take_snapshot(A1)
        application.take_snapshot(A1)
        assert versions(store_url) == [7]
        sell(application, 1)
        change(store_url, "DELETE FROM shelves_events WHERE originator_version BETWEEN 2 AND 6")
        assert application.repository.get(A1).version == 8
        assert application.repository.get(A1, version=7).version == 7
        assert application.repository.get(A1, version=1).version == 1
        article = application.repository.get(A1)
        for _ in range(2):
            article.sell(uuid4(), date(2026, 1, 1))
        application.save(article)
        assert versions(store_url) == [10]


def test_an_aggregate_whose_state_has_no_types_is_refused_with_the_cure() -> None:
    with pytest.raises(DefinitionError, match="Annotate its attributes in the body of the class"):

        class Tills(Application, aggregates=[Sale]):
            snapshotting_intervals: ClassVar = {Sale: INTERVAL}


def test_an_interval_is_a_number_of_events() -> None:
    with pytest.raises(DefinitionError, match="a snapshot of Article every 0 events"):

        class Many(Application, aggregates=[Article]):
            snapshotting_intervals: ClassVar = {Article: 0}


def test_a_snapshot_class_of_its_own_is_kept() -> None:
    own = Article.Snapshot
    type_snapshots(Article)
    assert Article.Snapshot is own
