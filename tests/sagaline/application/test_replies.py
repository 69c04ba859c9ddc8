"""Two sagas of one key ask one participant: each hears the answer to its own command."""

from collections.abc import Iterator
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
from eventsourcing.domain import Aggregate, event
from sqlalchemy import select

from sagaline import (
    NO_EFFECT,
    Application,
    Command,
    DefinitionError,
    Runner,
    Saga,
    SetTimer,
    System,
    from_others,
    handles,
    step,
)
from sagaline.admin.timeline import timeline
from sagaline.cli.inspection import InspectedLog
from sagaline.storage import Datastore
from sagaline.system.environment import environment
from sagaline.system.saga_list import saga_list
from tests.sagaline.small_system import env, events

TRIP = UUID(int=7)


class Trip(Aggregate):
    class Opened(Aggregate.Created): ...

    @event(Opened)
    def __init__(self, id: UUID) -> None: ...


class Account(Aggregate):
    class Opened(Aggregate.Created): ...

    class Taken(Aggregate.Event):
        what: str

    class Refused(Aggregate.Event):
        what: str

    class Returned(Aggregate.Event): ...

    @event(Opened)
    def __init__(self, id: UUID) -> None: ...


class OpenTrip(Command, key="trip"):
    trip: UUID


class Take(Command, key="trip"):
    trip: UUID
    what: str


class TakeLater(Command, key="trip"):
    trip: UUID
    what: str


class Return(Command, key="trip"):
    trip: UUID


class Trips(Application, aggregates=[Trip]):
    @handles(OpenTrip)
    def open(self, command: OpenTrip) -> Trip:
        return Trip(command.trip)


class Accounts(Application, aggregates=[Account]):
    """Takes goods, refuses insurance; what is taken later is taken by a timer."""

    @handles(Take)
    def take(self, command: Take) -> Account | None:
        if command.what == "later":
            later = TakeLater(trip=command.trip, what="later")
            self.set_timer(SetTimer(f"take:{command.trip}", timedelta(0), later))
            return None
        return self._answered(command.trip, command.what)

    @handles(TakeLater)
    def take_later(self, command: TakeLater) -> Account:
        return self._answered(command.trip, command.what)

    @handles(Return)
    def give_back(self, command: Return) -> Account:
        account = self._account(command.trip)
        account.trigger_event(Account.Returned)
        return account

    def _answered(self, trip: UUID, what: str) -> Account:
        account = self._account(trip)
        answer = Account.Refused if what == "insurance" else Account.Taken
        account.trigger_event(answer, what=what)
        return account

    def _account(self, trip: UUID) -> Account:
        (known,) = self.repository.find(Account, [UUID(int=trip.int + 1)])
        return known or Account(UUID(int=trip.int + 1))


def key_of(opened: Any) -> UUID:
    trip: UUID = opened.originator_id
    return trip


class Fulfil(Saga, starts_on=Trip.Opened, key=key_of):
    @step(done=Account.Taken, refused=Account.Refused)
    def take(self) -> Take:
        return Take(trip=self.key, what="goods")

    give_back = take.undo(Return, done=Account.Returned)


class Insure(Saga, starts_on=Trip.Opened, key=key_of):
    @step(done=Account.Taken, refused=Account.Refused)
    def take(self) -> Take:
        return Take(trip=self.key, what="insurance")

    give_back = take.undo(Return, done=Account.Returned)


class Later(Saga, starts_on=Trip.Opened, key=key_of):
    @step(done=Account.Taken, refused=Account.Refused)
    def take(self) -> Take:
        return Take(trip=self.key, what="later")

    give_back = take.undo(Return, done=Account.Returned)


class Watch(Saga, starts_on=Trip.Opened, key=key_of):
    """Asks for nothing that is granted, and is content with what others were granted."""

    @step(done=from_others(Account.Taken), kind=NO_EFFECT)
    def take(self) -> Take:
        return Take(trip=self.key, what="insurance")


def ends(url: str, *sagas: type[Saga]) -> dict[str, str]:
    system = System("trips", applications=[Trips, Accounts], sagas=sagas)
    with Runner(system, env(url)) as runner:
        runner.get(Trips).open(OpenTrip(trip=TRIP))
        runner.settle()
        with runner.views.read() as connection:
            query = select(saga_list.c.name, saga_list.c.state)
            return dict(connection.execute(query).tuples().all())


def test_each_saga_hears_the_answer_to_its_own_command(store_url: str) -> None:
    assert ends(store_url, Fulfil, Insure, Later) == {
        "Fulfil": "completed",
        "Insure": "compensated",
        "Later": "completed",
    }


def test_a_step_hears_the_answers_to_others_where_it_says_so(sqlite_store: str) -> None:
    assert ends(sqlite_store, Watch, Fulfil) == {"Watch": "completed", "Fulfil": "completed"}


def test_the_answer_to_another_is_shown_with_its_reason(sqlite_store: str) -> None:
    system = System("trips", applications=[Trips, Accounts], sagas=[Fulfil, Insure])
    with Runner(system, env(sqlite_store)) as runner:
        runner.get(Trips).open(OpenTrip(trip=TRIP))
        runner.settle()
        ignored = [e for name in ("Fulfil", "Insure") for e in ignored_by(runner, name)]
    assert ignored
    assert {each.reason for each in ignored} == {
        "it answers another saga's command: a step hears it with done=from_others(...)"
    }


def ignored_by(runner: Runner, saga: str) -> Iterator[Any]:
    app = runner.apps[saga]
    mapper: Any = app.mapper
    for row in app.recorder.page(0, 100).rows:
        found = mapper.to_domain_event(row)
        if type(found).__name__ == "Ignored":
            yield found


def test_a_command_of_a_person_answers_no_saga(sqlite_store: str) -> None:
    """A saga that waits hears what somebody does by hand, by its key."""
    system = System("trips", applications=[Trips, Accounts], sagas=[Fulfil])
    with Runner(system, env(sqlite_store)) as runner:
        runner.get(Accounts).take(Take(trip=TRIP, what="goods"))
        rows = runner.get(Accounts).recorder.page(0, 10).rows
        assert {each.answers for each in rows} == {None}
        assert len({each.bucket for each in rows}) == 1
        assert events(runner, Accounts)


@pytest.mark.parametrize("given", [(), (3,), (Take,)])
def test_what_is_no_event_is_not_heard_of_others(given: Any) -> None:
    with pytest.raises(DefinitionError, match=r"Write done=from_others\(Order\.Paid\)"):
        from_others(*given)


def test_a_log_of_an_earlier_version_is_read_without_its_columns(sqlite_store: str) -> None:
    ends(sqlite_store, Fulfil)
    datastore = Datastore.open(sqlite_store)
    with datastore.write() as connection:
        for name in ("answers", "metadata", "bucket"):
            connection.exec_driver_sql(f"ALTER TABLE trips_events DROP COLUMN {name}")
    datastore.close()
    log = InspectedLog(Trips, environment(env(sqlite_store)))
    assert log.exists()
    assert [each.answers for each in log.recorder.page(0, 9).rows] == [None]
    (opened,) = timeline({"Trips": log}, str(TRIP))
    assert opened.topic.endswith("Trip.Opened")
    log.close()
    system = System("trips", applications=[Trips, Accounts], sagas=[Fulfil])
    with Runner(system, env(sqlite_store)) as runner:
        assert [each.answers for each in runner.get(Trips).recorder.page(0, 9).rows] == [None]
