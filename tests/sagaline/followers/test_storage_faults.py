"""What followers do after a fault of the store or the machine: no event is blamed for it."""

from collections.abc import Callable
from contextlib import AbstractContextManager

import pytest
from eventsourcing.persistence import OperationalError
from sqlalchemy import text

from sagaline import Runner
from sagaline.errors import StoreDamaged, StoreUnusable
from sagaline.storage.sql.errors import STORAGE_FAULTS
from tests.sagaline.small_system import (
    Desk,
    Hands,
    House,
    OpenShow,
    WantSeats,
    env,
    events,
    guest_list,
    hands,
    letters,
    rows_of,
    statuses,
    system,
    trouble,
    until,
    wish,
    wrong,
)
from tests.sagaline.storage.faults import file_of, files_limited_to, flip_page, full_disk
from tests.sagaline.storage.faults import session_setting as setting
from tests.sagaline.storage.stores import outside


def wishes(count: int) -> list[WantSeats]:
    return [wish(f"guest {each}") for each in range(count)]


def all_ended(led: Hands, count: int) -> None:
    """Everything acknowledged is there, each booking has ended, and nothing was parked."""
    led.settle()
    assert letters(led.runner) == []
    assert statuses(led.runner).total() == count
    assert wrong(led.runner) == []


Fault = Callable[[Hands], AbstractContextManager[None]]


def no_page_left(led: Hands) -> AbstractContextManager[None]:
    return full_disk(led.runner.views)


def no_byte_left(led: Hands) -> AbstractContextManager[None]:
    log = file_of(led.runner.views.url).with_name("store.db-wal")
    return files_limited_to(log.stat().st_size)


@pytest.mark.parametrize("fault", [no_page_left, no_byte_left])
def test_a_full_disk_is_waited_for_and_nothing_is_parked(sqlite_store: str, fault: Fault) -> None:
    with hands(sqlite_store) as led:
        led.open()
        led.want(*wishes(100))
        with fault(led):
            for _ in range(2):
                with pytest.raises(OperationalError, match=r"is full|disk I/O error"):
                    led.turn("guest_list", "Evening")
                with pytest.raises(OperationalError, match=r"is full|disk I/O error"):
                    led.want(*wishes(100))
        assert len(events(led.runner, Desk)) == 100
        all_ended(led, 100)


WAITED = ("53100", "53200", "58030", "57014", "08006", "XX000")
ENDED = ("XX001", "XX002", "58P01")

FAILING = """
CREATE OR REPLACE FUNCTION fail() RETURNS trigger LANGUAGE plpgsql AS
$$ BEGIN RAISE EXCEPTION 'so says the server' USING ERRCODE = '{state}'; END $$;
CREATE OR REPLACE TRIGGER fail BEFORE INSERT OR UPDATE ON guest_list EXECUTE FUNCTION fail();
"""


def test_faults_of_a_server_are_about_no_event(postgres_store: str) -> None:
    with hands(postgres_store) as led, outside(postgres_store) as connection:
        led.open()
        led.want(*wishes(3))
        for state in (*WAITED, *ENDED):
            connection.execute(text(FAILING.format(state=state)))
            wanted = STORAGE_FAULTS if state in WAITED else StoreUnusable
            for _ in range(2):
                with pytest.raises(wanted, match="so says the server"):
                    led.settle("guest_list")
        connection.execute(text("DROP TRIGGER fail ON guest_list"))
        all_ended(led, 3)


READ_ONLY = {
    "sqlite": ("PRAGMA query_only = ON", "PRAGMA query_only = OFF"),
    "postgresql": (
        "SET default_transaction_read_only = on",
        "SET default_transaction_read_only = off",
    ),
}


def test_a_store_that_becomes_read_only_ends_whoever_writes(store_url: str) -> None:
    with hands(store_url) as led:
        led.open()
        led.want(*wishes(3))
        with setting(led.runner.views, *READ_ONLY[led.runner.views.dialect]):
            with pytest.raises(StoreUnusable, match=r"read-?only.* start again"):
                led.settle("guest_list")
            with pytest.raises(StoreUnusable, match=r"read-?only.* start again"):
                led.runner.get(Desk).execute([wish()])
        all_ended(led, 3)


HARMED = (
    "desk_events",
    "desk_events_aggregate_idx",
    "desk_events_key_idx",
    "house_events_aggregate_idx",
    "guest_list",
    "sqlite_autoindex_guest_list_1",
    "followers",
    "timers",
)


@pytest.mark.parametrize("name", HARMED)
def test_a_damaged_page_is_about_no_event(sqlite_store: str, name: str) -> None:
    with hands(sqlite_store) as led:
        led.open()
        led.want(*wishes(30))
        flip_page(sqlite_store, name)
        with pytest.raises(StoreUnusable, match="malformed: stop the processes that use it"):
            led.settle()
        flip_page(sqlite_store, name)
        led.runner.views.engine.dispose()
        all_ended(led, 30)


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_a_damaged_page_ends_a_runner_that_is_at_work(
    sqlite_store: str, caplog: pytest.LogCaptureFixture
) -> None:
    runner = Runner(system, env(sqlite_store))
    runner.start()
    runner.get(House).open(OpenShow(show="Hamlet", seats=100))
    runner.get(Desk).execute(wishes(30))
    runner.settle()
    flip_page(sqlite_store, "guest_list")
    runner.get(Desk).execute(wishes(1))
    until(lambda: runner.failure is not None)
    assert isinstance(runner.failure, StoreUnusable)
    assert "parked" not in caplog.text
    runner.stop()


def test_a_damaged_value_is_about_no_event(sqlite_store: str) -> None:
    with hands(sqlite_store) as led:
        led.open()
        led.want(*wishes(3))
        with outside(sqlite_store) as connection:
            connection.execute(text("UPDATE desk_events SET originator_id = 7 WHERE id = 2"))
            with pytest.raises(StoreDamaged, match=r"desk_events\.originator_id, id 2"):
                led.settle("guest_list")
        assert letters(led.runner) == []


def test_a_text_that_is_damaged_is_about_no_event(sqlite_store: str) -> None:
    with hands(sqlite_store) as led:
        led.open()
        led.want(*wishes(3))
        with outside(sqlite_store) as connection:
            harm = "UPDATE desk_events SET topic = CAST(x'41ff42' AS TEXT) WHERE id = 2"
            connection.execute(text(harm))
        with pytest.raises(StoreUnusable, match=r"column 'topic': .* restore it"):
            led.settle("guest_list")
        assert letters(led.runner) == []


@pytest.mark.parametrize("where", ["guest_list", "House", "Evening", "loads", "show_list keys"])
def test_a_machine_without_memory_parks_nothing(sqlite_store: str, where: str) -> None:
    with hands(sqlite_store) as led:
        led.open()
        ada, bea = wishes(2)
        with trouble.at(where, ada.booking_id, MemoryError()):
            led.want(ada, bea)
            with pytest.raises(MemoryError):
                led.settle()
        all_ended(led, 2)


def test_a_fault_that_a_handler_has_caught_is_about_no_event(sqlite_store: str) -> None:
    with hands(sqlite_store) as led:
        led.open()
        ada, bea = wishes(2)
        caught = ValueError("no such guest")
        caught.__cause__ = OperationalError("the server has gone")
        with trouble.at("guest_list", ada.booking_id, caught):
            led.want(ada, bea)
            with pytest.raises(OperationalError, match="has gone"):
                led.settle()
        all_ended(led, 2)
        assert len(rows_of(led.runner, guest_list)) == 2
