"""Orders in bursts, as every system that is compared is measured."""

import subprocess
import sys
from collections.abc import Sequence

from benchmarks.one_process.bursts import Meter, run_bursts
from benchmarks.process import HOUSE

PEAK = "from benchmarks.one_process.bursts import peak_megabytes; print(peak_megabytes())"
BURSTS = [["a", "b"], ["c", "d"], ["e", "f"], ["g"]]


class System:
    """Takes a second of processor time, and writes three events, for each order."""

    def __init__(self) -> None:
        self.orders: list[str] = []

    def finish(self, orders: Sequence[str]) -> None:
        self.orders += orders

    @property
    def meter(self) -> Meter:
        return Meter(lambda: float(len(self.orders)), lambda: 3 * len(self.orders))


def test_without_a_warm_up_the_second_burst_is_the_warm_one() -> None:
    system = System()
    told = run_bursts(BURSTS, system.finish, 0.0, system.meter)
    assert system.orders == ["a", "b", "c", "d"]
    assert (told["orders"], told["cold"]["orders"], told["warm"]["orders"]) == (4, 2, 2)


def test_bursts_go_before_the_warm_one_until_the_time_has_passed_or_one_is_left() -> None:
    system = System()
    told = run_bursts(BURSTS, system.finish, 60.0, system.meter)
    assert system.orders == ["a", "b", "c", "d", "e", "f", "g"]
    assert (told["orders"], told["warm"]["orders"]) == (7, 1)
    assert told["warm_up"] < 60.0


def test_each_burst_has_its_processor_time_and_its_events() -> None:
    system = System()
    told = run_bursts(BURSTS, system.finish, 60.0, system.meter)
    assert (told["cold"]["processor"], told["cold"]["events"]) == (2.0, 6)
    assert (told["warm"]["processor"], told["warm"]["events"]) == (1.0, 3)
    assert told["cold"]["seconds"] > 0


def test_what_a_process_holds_at_its_highest_does_not_begin_with_what_its_parent_had() -> None:
    held = bytearray(300 << 20)
    printed = subprocess.check_output([sys.executable, "-c", PEAK], cwd=HOUSE, text=True)
    assert 0 < float(printed) < len(held) / (2 << 20)
