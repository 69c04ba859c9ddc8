"""Pauses between attempts."""

import pytest

from sagaline.messaging.backoff import Backoff

BACKOFF = Backoff(first=0.05, longest=5.0)


@pytest.mark.parametrize(
    ("failures", "pause"), [(1, 0.05), (2, 0.1), (3, 0.2), (7, 3.2), (8, 5.0), (100_000, 5.0)]
)
def test_pauses_double_up_to_the_longest(failures: int, pause: float) -> None:
    assert BACKOFF.pause(failures) == pytest.approx(pause)


def test_a_factor_of_one_keeps_the_pause() -> None:
    assert Backoff(first=0.5, longest=5.0, factor=1.0).pause(9) == 0.5


def test_the_first_pause_is_bounded_too() -> None:
    assert Backoff(first=9.0, longest=5.0).pause(1) == 5.0


def test_with_jitter_pauses_are_random_and_never_longer() -> None:
    backoff = Backoff(first=0.05, longest=5.0, jitter=True)
    pauses = [backoff.pause(3) for _ in range(100)]
    assert len(set(pauses)) > 1
    assert all(0 <= each <= 0.2 for each in pauses)
