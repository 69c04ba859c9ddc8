"""What is told of measurements."""

import pytest

from benchmarks.figure import Asked, Baseline, Figure
from benchmarks.pairs import interleaved


def test_a_figure_tells_the_median_the_spread_and_the_median_ratio_of_the_pairs() -> None:
    baseline = Baseline("the other one", [10.0, 50.0, 20.0])
    told = Figure("speed", "m/s", [100.0, 400.0, 300.0], Asked("ratio >= 9"), baseline).document()
    assert told == {
        "name": "speed",
        "unit": "m/s",
        "value": 300.0,
        "spread": [100.0, 400.0],
        "baseline": {"name": "the other one", "value": 20.0, "spread": [10.0, 50.0]},
        "ratio": 10.0,  # of 10, 8 and 15: not 300 / 20
        "asked": "ratio >= 9",
        "met": True,
        "notes": [],
    }


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
    told = Figure("speed", "m/s", [1234.567]).document()
    assert (told["value"], told["spread"]) == (1235.0, [1235.0, 1235.0])
    assert Figure("speed", "m/s", [0.0123456]).document()["value"] == 0.01235


def test_contenders_take_turns(capsys: pytest.CaptureFixture[str]) -> None:
    turns: list[str] = []

    def measure(name: str) -> float:
        turns.append(name)
        return float(len(turns))

    taken = interleaved(2, "s", {"a": lambda: measure("a"), "b": lambda: measure("b")})
    assert turns == ["a", "b", "a", "b"]
    assert taken == {"a": [1.0, 3.0], "b": [2.0, 4.0]}
    assert "round 2 of 2, b: 4 s" in capsys.readouterr().err
