"""Parts of the library beside Sagaline's: each works, or is refused in words."""

from typing import Any
from uuid import UUID

import pytest
from eventsourcing import system as upstream
from eventsourcing.application import Application as PlainApplication
from eventsourcing.domain import Aggregate, event
from sqlalchemy import Column, MetaData, Table

from sagaline import (
    Application,
    DefinitionError,
    ReadModel,
    Runner,
    Saga,
    System,
    Uuid,
    project,
)
from tests.sagaline.small_system import Desk, Evening, GuestList, env, system


class Bill(Aggregate):
    class Made(Aggregate.Created): ...

    @event(Made)
    def __init__(self, id: UUID) -> None: ...


class PlainBills(PlainApplication[UUID]): ...


class Mails(upstream.ProcessApplication[UUID]):
    def policy(self, domain_event: Any, processing_event: Any) -> None: ...


class Followers(upstream.Follower[UUID]): ...


class Leaders(upstream.Leader[UUID]): ...


@pytest.mark.parametrize(
    "part", [PlainBills, Mails, Followers, Leaders, upstream.ProcessApplication[UUID]]
)
def test_an_application_of_the_library_is_refused_with_the_cure(part: Any) -> None:
    with pytest.raises(DefinitionError) as refused:
        System("s", applications=[Desk, part])
    assert refused.value.where == "applications of the system s"
    assert "is none of Sagaline's" in refused.value.problem
    name = getattr(part, "__name__", "ProcessApplication")
    assert f"class {name}(Application, aggregates=[...])" in refused.value.cure
    assert "@reacts_to" in refused.value.cure


@pytest.mark.parametrize("argument", ["applications", "sagas", "read_models"])
@pytest.mark.parametrize(
    "part", [Bill, "a name", None, Desk, Evening, GuestList, Application, Saga, ReadModel, object()]
)
def test_a_part_of_another_kind_is_refused(argument: str, part: Any) -> None:
    fits = {"applications": Desk, "sagas": Evening, "read_models": GuestList}
    if part is fits[argument]:
        return
    parts: Any = {"applications": [Desk], argument: [part]}
    with pytest.raises(DefinitionError, match=rf"^{argument} of the system s: .*Sagaline's\. "):
        System("s", **parts)


class Bills(Application, aggregates=[Bill]):
    """The cure: the same methods, on another base class."""

    def make(self, id: UUID) -> None:
        self.save(Bill(id=id))


class BillList(ReadModel):
    table = Table("bill_list", MetaData(), Column("bill_id", Uuid, primary_key=True))

    @project(Bill.Made)
    def made(self, event: Bill.Made) -> None:
        self.rows[event.originator_id] = {}


def test_the_cure_works(store_url: str) -> None:
    bills = System("bills", applications=[Bills], read_models=[BillList])
    with Runner(bills, env(store_url)) as runner:
        runner.get(Bills).make(UUID(int=1))
        runner.settle()
        with runner.views.read() as connection:
            assert connection.execute(BillList.table.select()).scalars().all() == [UUID(int=1)]


RUNNERS: Any = [
    upstream.SingleThreadedRunner,
    upstream.NewSingleThreadedRunner,
    upstream.MultiThreadedRunner,
    upstream.NewMultiThreadedRunner,
]


@pytest.mark.parametrize("runner", RUNNERS)
@pytest.mark.parametrize("given", [system, System("alone", applications=[Bills])])
def test_a_runner_of_the_library_is_refused(runner: Any, given: System, sqlite_store: str) -> None:
    with pytest.raises(DefinitionError) as refused:
        runner(given, {"PERSISTENCE_MODULE": "sagaline.storage", **env(sqlite_store)})
    assert refused.value.where == f"{runner.__name__} of the system {given.name}"
    assert refused.value.cure == "Run the system with sagaline.Runner."


@pytest.mark.parametrize("runner", RUNNERS[:2])
def test_an_application_follows_no_log_in_a_system_of_the_library(
    runner: Any, sqlite_store: str
) -> None:
    piped = upstream.System(pipes=[[PlainBills, Bills]])
    where = {"PERSISTENCE_MODULE": "sagaline.storage", **env(sqlite_store)}
    started = runner(piped, where)
    try:
        with pytest.raises(DefinitionError, match=r"^Bills\.follow: .*sagaline\.Runner"):
            started.start()
    finally:
        started.stop()


def test_a_system_of_the_library_is_refused_by_our_runner() -> None:
    plain: Any = upstream.System(pipes=[[PlainBills, Mails]])
    with pytest.raises(DefinitionError, match=r"eventsourcing\.system\.System is no sagaline\.Sys"):
        Runner(plain)
