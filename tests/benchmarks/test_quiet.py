"""Whether the machine was quiet while something was measured."""

import subprocess
import sys
from itertools import count

import pytest

from benchmarks.quiet import MOST_LOAD, Quiet, Use, of_run

CALM = Use(load=0.1, others=1.0, steal=0.0)


def test_a_machine_that_nobody_else_uses_is_quiet() -> None:
    assert of_run(CALM, {"latency": CALM._replace(load=2.5)}, CALM) == []


@pytest.mark.parametrize(
    ("use", "said"),
    [
        (CALM._replace(load=2.02), "before: the load was 2.02"),
        (CALM._replace(others=38.2), "before: other processes took 38% of the processors"),
        (CALM._replace(steal=7.0), "before: the hypervisor took 7% of the processors"),
        (CALM._replace(others=None), "before: the system does not say what others take"),
    ],
)
def test_what_disturbs_it_beforehand_is_named(use: Use, said: str) -> None:
    assert of_run(use, {}, CALM) == [said]


def test_what_disturbs_it_later_is_named_with_the_benchmark() -> None:
    busy = CALM._replace(others=20.0)
    assert of_run(CALM, {"latency": CALM, "idle": busy}, busy) == [
        "idle: other processes took 20% of the processors",
        "after: other processes took 20% of the processors",
    ]


def test_the_load_of_the_run_itself_does_not_count_against_it() -> None:
    assert of_run(CALM, {"latency": CALM._replace(load=MOST_LOAD + 9)}, CALM) == []


def test_what_a_process_of_the_run_takes_is_not_anothers() -> None:
    """The server says that it took all that the processors did: then nothing is left for others."""
    seconds = count(0, 1_000_000)
    quiet = Quiet(lambda: float(next(seconds)), watched=0.0)
    subprocess.run([sys.executable, "-c", "sum(range(10**6))"], check=True)
    quiet.passed("some work")
    during = quiet.document()["use"]["during"]
    assert during["others"] == 0.0
