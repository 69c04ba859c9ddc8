"""What is told of measurements."""

import pytest

from benchmarks.figure import Asked, Baseline, Figure
from benchmarks.pairs import interleaved
from benchmarks.sample import Sample


def test_a_figure_tells_the_median_the_spread_and_the_median_ratio_of_the_pairs() -> None:
    baseline = Baseline("the other one", samples(10.0, 50.0, 20.0))
    taken = samples(100.0, 400.0, 300.0)
    told = Figure("speed", "m/s", taken, Asked("ratio >= 9"), baseline).document()
    assert told == {
        "name": "speed",
        "unit": "m/s",
        "value": 300.0,
        "spread": [100.0, 400.0],
        "baseline": {"name": "the other one", "value": 20.0, "spread": [10.0, 50.0]},
        "ratio": 10.0,  # of 10, 8 and 15: not 300 / 20
        "asked": "ratio >= 9",
        "met": True,
        "processor": None,
        "notes": [],
    }


def test_processor_time_stands_beside_the_value_with_a_ratio_of_its_own() -> None:
    ours = [Sample(100.0, 2.0), Sample(100.0, 3.0), Sample(100.0, 1.0)]
    theirs = [Sample(10.0, 4.0), Sample(10.0, 12.0), Sample(10.0, 10.0)]
    told = Figure("speed", "m/s", ours, None, Baseline("that", theirs), "ms").document()
    assert told["processor"] == {"unit": "ms", "value": 2.0, "baseline": 10.0, "ratio": 0.25}


def test_processor_time_that_not_every_run_knows_is_not_told() -> None:
    ours = [Sample(100.0, 2.0), Sample(100.0)]
    assert Figure("speed", "m/s", ours, processor="ms").document()["processor"] is None


def samples(*values: float) -> list[Sample]:
    return [Sample(each) for each in values]


@pytest.mark.parametrize(
    ("asked", "value", "ratio", "met"),
    [
        ("ratio >= 20", 1.0, 20.0, True),
        ("ratio >= 20", 99.0, 19.9, False),
        ("ratio <= 1.1", 1.0, 1.11, False),
        ("value <= 300", 300.0, None, True),
        ("value <= 300", 301.0, 1.0, False),
        ("ratio >= 20", 99.0, None, False),
    ],
)
def test_what_was_asked_is_met_or_not(
    asked: str, value: float, ratio: float | None, met: bool
) -> None:
    assert Asked(asked).is_met(value, ratio) is met


def test_a_number_has_no_more_digits_than_mean_something() -> None:
    told = Figure("speed", "m/s", samples(1234.567)).document()
    assert (told["value"], told["spread"]) == (1235.0, [1235.0, 1235.0])
    assert Figure("speed", "m/s", samples(0.0123456)).document()["value"] == 0.01235


def test_contenders_take_turns(capsys: pytest.CaptureFixture[str]) -> None:
    turns: list[str] = []

    def measure(name: str) -> Sample:
        turns.append(name)
        return Sample(len(turns))

    taken = interleaved(2, "s", {"a": lambda: measure("a"), "b": lambda: measure("b")})
    assert turns == ["a", "b", "a", "b"]
    assert taken == {"a": samples(1.0, 3.0), "b": samples(2.0, 4.0)}
    assert "round 2 of 2, b: 4 s" in capsys.readouterr().err
