"""What is kept for long enough is deleted by the runner that leads, and by no other."""

from datetime import UTC, datetime, timedelta
from uuid import uuid4

from sagaline import Options, Runner
from sagaline.runner.housekeeping import HOUSEKEEPING_INTERVAL, ROWS_AT_ONCE, Housekeeping
from sagaline.runner.store_guard import StoreGuard
from sagaline.storage.tables.audit import Intervention, add_intervention, interventions_of
from tests.sagaline.small_system import AddSeats, Clock, House, OpenShow, env, hands, system, until

DAY = timedelta(days=1)


def housekeeping(clock: Clock, **options: float) -> Housekeeping:
    return Housekeeping(Options(**options), clock, StoreGuard(1.0))  # type: ignore[arg-type]


def test_an_id_is_known_for_as_long_as_the_option_says(store_url: str) -> None:
    clock = Clock()
    with hands(store_url, clock) as led:
        house = led.runner.get(House)
        show = OpenShow(show="Hamlet", seats=0)
        house.open(show)
        add = AddSeats(show="Hamlet", seats=5)
        house.add(add)
        clock.turn(DAY)
        later = AddSeats(show="Hamlet", seats=1)
        house.add(later)
        clock.turn(DAY)
        housekeeping(clock, known_command_days=1.5).run([house.datastore])
        assert house.add(later).duplicate
        assert not house.add(add).duplicate, "it is a new command by then"


def test_actions_of_operators_are_kept_unless_the_option_says_otherwise(store_url: str) -> None:
    clock = Clock()
    with hands(store_url, clock) as led:
        store = led.runner.views
        for age in (3, 2, 1, 0):
            at = clock() - age * DAY
            with store.write() as connection:
                add_intervention(connection, Intervention(at, "Eve", "move", f"{age}", None, ""))

        def left() -> list[str]:
            with store.read() as connection:
                return [each.about for each in interventions_of(connection, ["move"])]

        housekeeping(clock).run([store])
        assert left() == ["3", "2", "1", "0"]
        housekeeping(clock, intervention_days=1.5).run([store])
        assert left() == ["1", "0"]


def test_it_looks_again_soon_only_while_more_is_old(sqlite_store: str) -> None:
    clock = Clock()
    with hands(sqlite_store, clock) as led:
        house = led.runner.get(House)
        led.open()
        house.execute([AddSeats(show="Hamlet", seats=1) for _ in range(ROWS_AT_ONCE + 1)])
        clock.turn(2 * DAY)
        tidy = housekeeping(clock, known_command_days=1)
        assert tidy.is_due
        pauses = []
        for _ in range(3):
            tidy.run([house.datastore])
            pauses.append(tidy.pause)
        assert pauses[0] == pauses[1] < pauses[2] == HOUSEKEEPING_INTERVAL
        assert not tidy.is_due


def test_a_runner_tidies_the_stores_that_it_leads(store_url: str) -> None:
    moment = datetime.now(UTC)
    with hands(store_url) as led:  # its clock stands in the past
        assert led.clock() < moment - DAY
        led.open(seats=0)
        add = AddSeats(show="Hamlet", seats=5)
        led.runner.get(House).add(add)
        with Runner(system, env(store_url), options=Options(known_command_days=1)) as runner:
            house = runner.get(House)
            again = AddSeats(id=uuid4(), show="Hamlet", seats=1)
            house.add(again)
            until(lambda: not house.add(add).duplicate)
            assert house.add(again).duplicate
