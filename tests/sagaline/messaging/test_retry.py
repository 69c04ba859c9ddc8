"""Retries: the number of attempts and the pauses between them."""

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sagaline.errors import DefinitionError
from sagaline.messaging.retry import Retry, declared_or_patient, hours, in_words, minutes, seconds


def test_durations_are_declared_in_units() -> None:
    assert (seconds(1.5), minutes(5), hours(2)) == (
        timedelta(seconds=1.5),
        timedelta(minutes=5),
        timedelta(hours=2),
    )


@pytest.mark.parametrize(
    ("time", "text"),
    [
        (seconds(0), "0 s"),
        (seconds(0.25), "0.25 s"),
        (seconds(10), "10 s"),
        (seconds(90), "90 s"),
        (minutes(15), "15 min"),
        (minutes(90), "90 min"),
        (hours(2), "2 h"),
        (hours(36), "36 h"),
        (hours(24), "1 day"),
        (hours(24 * 14), "14 days"),
    ],
)
def test_a_duration_is_written_in_its_largest_whole_unit(time: timedelta, text: str) -> None:
    assert in_words(time) == text


def test_pauses_grow_up_to_the_longest() -> None:
    retry = Retry(attempts=6, first=seconds(1), factor=3, longest=seconds(10))
    assert [retry.pause(each) for each in range(1, 7)] == [
        seconds(1),
        seconds(3),
        seconds(9),
        seconds(10),
        seconds(10),
        None,
    ]


def test_the_longest_pause_may_be_the_longest_time_that_there_is() -> None:
    retry = Retry(attempts=9, first=timedelta.max, longest=timedelta.max)
    assert {retry.pause(each) for each in range(1, 9)} == {timedelta.max}


@pytest.mark.parametrize("factor", [float("inf"), float("nan"), 0.5])
def test_a_factor_that_gives_no_pauses_is_refused(factor: float) -> None:
    with pytest.raises(DefinitionError, match="factor must be"):
        Retry(factor=factor)


def test_one_attempt_is_no_retry() -> None:
    assert Retry(attempts=1).pause(1) is None


def test_the_first_pause_is_limited_by_the_longest() -> None:
    assert Retry(first=minutes(9), longest=minutes(5)).pause(1) == minutes(5)


@given(
    attempts=st.integers(1, 3_000),
    first=st.timedeltas(timedelta(0), timedelta(days=9_000)),
    factor=st.floats(1, 1e300),
    longest=st.timedeltas(timedelta(0), timedelta(days=9_000)),
)
def test_pauses_never_shrink_and_never_exceed_the_longest(
    attempts: int, first: timedelta, factor: float, longest: timedelta
) -> None:
    retry = Retry(attempts, first, factor, longest)
    late = [retry.pause(each) for each in (1, attempts - 1, attempts) if 0 < each < attempts]
    assert all(each is not None and each <= longest for each in late)
    assert late == sorted(late, key=lambda each: each or timedelta(0))
    assert retry.pause(attempts) is None


@pytest.mark.parametrize(
    "declare",
    [
        lambda: Retry(attempts=0),
        lambda: Retry(first=seconds(-1)),
        lambda: Retry(longest=seconds(-1)),
        lambda: Retry(factor=0.5),
    ],
    ids=["no attempt", "negative pause", "negative limit", "shrinking pause"],
)
def test_invalid_retries_are_refused(declare: object) -> None:
    with pytest.raises(DefinitionError, match=r"at least 1|negative|not below 1"):
        declare()  # type: ignore[operator]


def test_without_declared_attempts_they_go_on_until_the_limit_is_over() -> None:
    assert declared_or_patient(Retry(2), minutes(5)) == Retry(2)
    for limit, longest in ((minutes(10), minutes(5)), (hours(48), minutes(48))):
        patient = declared_or_patient(None, limit)
        assert patient.pause(1_000) == longest


def test_without_attempts_and_limit_there_are_ten_attempts_in_eight_and_a_half_minutes() -> None:
    patient = declared_or_patient(None, None)
    pauses = [pause for attempt in range(1, 10) if (pause := patient.pause(attempt))]
    assert len(pauses) == 9
    assert sum(pauses, timedelta()) == seconds(511)
    assert patient.pause(10) is None
