"""A store with history, and a system of which parts are renamed, added or removed."""

from collections.abc import Collection, Mapping
from contextlib import closing
from uuid import UUID

import pytest
from sqlalchemy import inspect, text

from sagaline import Application, Runner, Saga, System, rebuild
from sagaline.errors import DefinitionError, StoreOfAnotherSystem, StoreUnusable
from sagaline.runner import bootstrap
from sagaline.runner.parts import changed_parts, register_members
from sagaline.system.environment import environment
from tests.sagaline.runner.travel import (
    BookTrip,
    Journeys,
    Loyalty,
    LoyaltyForAll,
    LoyaltyFromNow,
    OpenTrip,
    PointsGiven,
    RenamedBookTrip,
    RenamedTrips,
    SendMail,
    SendMailFromNow,
    SendMailToAll,
    Travel,
    Trip,
    TripBooking,
    Trips,
    Welcomes,
    system,
    welcomed,
)
from tests.sagaline.small_system import PATIENCE, until
from tests.sagaline.storage.stores import outside

OLD = (1, 2, 3)


def env(url: str) -> dict[str, str]:
    return {"SQLALCHEMY_URL": url, "PERSISTENCE_MODULE": "sagaline.storage"}


def run(
    what: System, url: str, *trips: int, only: Collection[str] = (), trips_app: type[Travel] = Trips
) -> None:
    """Opens trips and runs the system, or some of it."""
    with Runner(what, env(url), only=only) as runner:
        for each in trips:
            runner.get(trips_app).open(OpenTrip(trip_id=UUID(int=each)))
        if not only:
            runner.settle(PATIENCE)


def start_and_leave_open(url: str, trip: int) -> None:
    """Starts a saga whose commands nobody handles yet."""
    started = count(url, "SagaStarted", "booktrip_events")
    with Runner(system(BookTrip), env(url), only=["BookTrip"]) as runner:
        runner.get(Trips).open(OpenTrip(trip_id=UUID(int=trip)))
        until(lambda: count(url, "SagaStarted", "booktrip_events") > started)


def count(url: str, topic: str, log: str = "trips_events") -> int:
    """How many events a log has whose topic ends so."""
    with outside(url) as connection:
        sql = text(f"SELECT count(*) FROM {log} WHERE topic LIKE :topic")
        return int(connection.execute(sql, {"topic": f"%{topic}"}).scalar_one())


def content(url: str) -> dict[str, list[tuple[object, ...]]]:
    """All tables of a store."""
    with outside(url) as connection:
        names = sorted(inspect(connection).get_table_names())
        return {
            each: sorted(
                tuple(map(str, row)) for row in connection.execute(text(f"SELECT * FROM {each}"))
            )
            for each in names
        }


def refusal(what: System, url: str) -> str:
    """Why a system is refused; the store stays as it is."""
    before = content(url)
    with pytest.raises(StoreUnusable) as refused:
        Runner(what, env(url))
    reasons = [each.reason for each in changed_parts(what, environment(env(url)))]
    assert reasons[0] == refused.value.reason
    assert content(url) == before
    return refused.value.reason


# Renamed.


def test_a_renamed_saga_goes_on_under_its_former_name(store_url: str) -> None:
    run(system(BookTrip), store_url, *OLD)
    start_and_leave_open(store_url, 4)
    run(system(RenamedBookTrip), store_url, 5)
    assert (count(store_url, "Paid"), count(store_url, "SeatHeld")) == (5, 5)
    assert count(store_url, "SagaEnded", "booktrip_events") == 5


def test_a_saga_that_is_renamed_without_a_word_is_refused(store_url: str) -> None:
    run(system(BookTrip), store_url, *OLD)
    reason = refusal(system(TripBooking), store_url)
    assert "of BookTrip, which the system does not have" in reason
    assert "name='BookTrip'" in reason
    assert count(store_url, "Paid") == len(OLD)


def test_a_renamed_application_goes_on_under_its_former_name(store_url: str) -> None:
    run(system(BookTrip), store_url, *OLD)
    run(system(RenamedTrips, BookTrip), store_url, 4, trips_app=RenamedTrips)
    assert count(store_url, "Paid") == 4


def test_an_application_that_is_renamed_without_a_word_is_refused(store_url: str) -> None:
    run(system(BookTrip), store_url, *OLD)
    changed = system(Journeys, BookTrip)
    assert "of Trips, which the system does not have" in refusal(changed, store_url)
    with pytest.raises(StoreUnusable, match="of Trips, which"):
        list(rebuild(changed, env(store_url)))
    with pytest.raises(StoreOfAnotherSystem, match="former name"):
        Journeys(env(store_url))
    with outside(store_url) as connection:
        assert "journeys_events" not in inspect(connection).get_table_names()


# At the first start.


def place(url: str, *trips: int) -> None:
    """Opens trips before any system has run."""
    with closing(Trips(env(url))) as trips_app:
        for each in trips:
            trips_app.open(OpenTrip(trip_id=UUID(int=each)))


def test_a_start_that_was_killed_half_way_may_be_repeated(
    store_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    place(store_url, *OLD)
    with monkeypatch.context() as killed:
        killed.setattr(f"{bootstrap.__name__}.register_members", lambda *_: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            Runner(system(BookTrip), env(store_url))
    run(system(BookTrip), store_url)
    assert count(store_url, "Paid") == len(OLD)


def test_a_second_runner_may_start_while_the_first_is_starting(
    store_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    place(store_url, *OLD)
    name = f"{bootstrap.__name__}.register_members"
    seconds: list[Runner] = []

    def meanwhile(what: System, apps: Mapping[str, Application]) -> None:
        monkeypatch.setattr(name, register_members)
        seconds.append(Runner(what, env(store_url)))
        register_members(what, apps)

    monkeypatch.setattr(name, meanwhile)
    run(system(BookTrip), store_url)
    assert count(store_url, "Paid") == len(OLD)
    seconds[0].stop()


def test_a_rebuild_before_the_first_start_is_no_history(store_url: str) -> None:
    place(store_url, *OLD)
    list(rebuild(system(BookTrip), env(store_url)))
    run(system(BookTrip), store_url)
    assert count(store_url, "Paid") == len(OLD)


# Removed.


def test_a_part_may_go_when_it_is_told_and_nothing_of_it_is_open(store_url: str) -> None:
    run(system(BookTrip), store_url, *OLD)
    start_and_leave_open(store_url, 4)
    without = system(removed=("BookTrip",))
    reason = refusal(without, store_url)
    assert "BookTrip cannot be removed yet: it has 1 open saga" in reason
    run(system(BookTrip), store_url)
    run(without, store_url, 5)
    assert count(store_url, "Paid") == 4


def test_a_part_that_comes_back_is_new(store_url: str) -> None:
    run(system(BookTrip), store_url, *OLD)
    run(system(removed=("BookTrip",)), store_url, 4)
    assert "would start 4 sagas" in refusal(system(BookTrip), store_url)


def test_a_part_without_events_may_go_without_a_word(store_url: str) -> None:
    run(system(Loyalty), store_url)
    run(system(), store_url, *OLD)


def test_a_removed_part_is_no_part() -> None:
    with pytest.raises(DefinitionError, match="BookTrip is removed, and is one of its parts"):
        system(BookTrip, removed=("BookTrip",))
    with pytest.raises(DefinitionError, match=r"'BookTrip' is no list\. Write removed="):
        System("travel", applications=[Trips], removed="BookTrip")


# Added.


def test_a_new_saga_is_refused_with_the_number_of_its_effects(store_url: str) -> None:
    run(system(), store_url, *OLD)
    reason = refusal(system(SendMail), store_url)
    assert "it would start 3 sagas, which issue up to 3 commands" in reason
    assert "begin='now'" in reason
    assert "begin='beginning'" in reason


def test_a_new_saga_starts_for_new_trips_only_if_it_says_so(store_url: str) -> None:
    run(system(), store_url, *OLD)
    run(system(SendMailFromNow), store_url, 4)
    run(system(SendMailFromNow), store_url, 5)
    assert count(store_url, "Mailed") == 2


def test_a_new_saga_starts_for_old_trips_too_if_it_says_so(store_url: str) -> None:
    run(system(), store_url, *OLD)
    run(system(SendMailToAll), store_url, 4)
    assert count(store_url, "Mailed") == 4


def test_of_several_runners_the_first_decides_what_is_now(store_url: str) -> None:
    run(system(), store_url, *OLD)
    with Runner(system(SendMailFromNow), env(store_url)) as first:
        first.get(Trips).open(OpenTrip(trip_id=UUID(int=4)))
        with Runner(system(SendMailFromNow), env(store_url)) as second:
            second.get(Trips).open(OpenTrip(trip_id=UUID(int=5)))
            second.settle(PATIENCE)
    assert count(store_url, "Mailed") == 2


def test_a_runner_of_other_followers_places_a_new_saga_too(store_url: str) -> None:
    run(system(), store_url, *OLD)
    run(system(SendMailFromNow), store_url, 4, only=["Trips"])
    run(system(SendMailFromNow), store_url)
    assert count(store_url, "Mailed") == 1


def test_now_is_judged_by_the_log_of_a_leader_in_another_store(
    store_url: str, sqlite_store: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    if store_url == sqlite_store:
        store_url = f"{sqlite_store}.other"
    monkeypatch.setenv("TRIPS_SQLALCHEMY_URL", store_url)
    run(system(), sqlite_store, *OLD)
    assert "would start 3 sagas" in refusal(system(SendMail), sqlite_store)
    run(system(SendMailFromNow), sqlite_store, 4)
    assert count(store_url, "Mailed") == 1


def test_a_new_application_that_reacts_is_asked_too(store_url: str) -> None:
    run(system(), store_url, *OLD)
    assert "it would act on 3 old events" in refusal(system(Loyalty), store_url)
    run(system(LoyaltyFromNow), store_url, 4)
    assert count(store_url, "Given", "loyalty_events") == 1


def test_a_new_application_reacts_to_history_if_it_says_so(store_url: str) -> None:
    run(system(), store_url, *OLD)
    run(system(LoyaltyForAll), store_url, 4)
    assert count(store_url, "Given", "loyalty_events") == 4


def test_a_part_is_not_asked_where_there_is_nothing_to_act_on(store_url: str) -> None:
    run(system(), store_url)
    run(system(SendMail, Loyalty), store_url, 1)
    assert (count(store_url, "Mailed"), count(store_url, "Given", "loyalty_events")) == (1, 1)


def test_what_was_written_before_the_first_start_of_a_system_is_not_history(
    store_url: str,
) -> None:
    alone = Trips(env(store_url))
    alone.open(OpenTrip(trip_id=UUID(int=1)))
    alone.close()
    run(system(SendMail), store_url)
    assert count(store_url, "Mailed") == 1


def test_a_rebuild_before_the_first_start_leaves_the_first_start_as_it_is(store_url: str) -> None:
    alone = Trips(env(store_url))
    alone.open(OpenTrip(trip_id=UUID(int=1)))
    alone.close()
    list(rebuild(system(SendMail, Welcomes), env(store_url)))
    run(system(SendMail, Welcomes), store_url)
    assert count(store_url, "Mailed") == 1


# Read models.


def test_a_new_read_model_with_effects_is_rebuilt_first(store_url: str) -> None:
    run(system(), store_url, *OLD)
    welcomed.clear()
    reason = refusal(system(Welcomes), store_url)
    assert "would have the effects of 3 old events" in reason
    assert "`sagaline rebuild welcomes`" in reason
    list(rebuild(system(Welcomes), env(store_url), ["welcomes"]))
    run(system(Welcomes), store_url, 4)
    assert welcomed == [UUID(int=4)]
    with outside(store_url) as connection:
        assert connection.execute(text("SELECT count(*) FROM welcomes")).scalar() == 4


# Declarations.


def test_a_name_and_a_beginning_are_checked_when_a_class_is_defined() -> None:
    with pytest.raises(DefinitionError, match="its name is ''"):

        class Nameless(Travel, name=""):
            pass

    with pytest.raises(DefinitionError, match="its name is 'Trips', and 'Journeys' in its body"):

        class Both(Travel, name="Trips"):
            name = "Journeys"

    with pytest.raises(DefinitionError, match="it begins at 'tomorrow'"):

        class Late(PointsGiven, begin="tomorrow"):  # type: ignore[arg-type]
            pass

    with pytest.raises(DefinitionError, match="its name is 7"):

        class Odd(
            Saga,
            starts_on=Trip.Opened,
            key=lambda event: event.originator_id,
            name=7,  # type: ignore[arg-type]
        ):
            pass
