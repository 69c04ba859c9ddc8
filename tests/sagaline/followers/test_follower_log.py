"""What a follower logs of its batches and of the events that it parks."""

import logging

import pytest

from tests.sagaline.logged import logged, with_traceback
from tests.sagaline.small_system import Hands, hands, letters, trouble, wish

HOSTILE = "\x1b[2J\nERROR all is lost; redis://:hunter2@cache"


def with_a_bug_in_the_house(led: Hands) -> str:
    """Parks one command; returns its key."""
    led.open()
    doomed = wish()
    with trouble.at("House", doomed.booking_id, ValueError(HOSTILE)):
        led.want(doomed, wish())
        led.settle()
    return str(doomed.booking_id)


def test_each_attempt_at_an_event_that_fails_is_a_warning(
    store_url: str, caplog: pytest.LogCaptureFixture
) -> None:
    with hands(store_url) as led:
        key = with_a_bug_in_the_house(led)
    attempts = logged(caplog, logging.WARNING, "House: Message(evening:")
    assert [(each["attempt"], each["key"]) for each in attempts] == [(n, key) for n in (1, 2, 3)]


def test_a_parked_event_is_an_error_with_its_traceback_and_the_commands_that_help(
    store_url: str, caplog: pytest.LogCaptureFixture
) -> None:
    with hands(store_url) as led:
        key = with_a_bug_in_the_house(led)
        (letter,) = letters(led.runner)
    (record,) = with_traceback(caplog, "House: parked")
    assert f"then `sagaline dead-letters retry {letter.id}`" in record.getMessage()
    (fields,) = logged(caplog, logging.ERROR, "House: parked")
    assert (fields["follower"], fields["key"], fields["letter"]) == ("House", key, letter.id)
    assert fields["message"] == letter.place
    assert "in hold" in (record.exc_text or "")
    assert "\x1b" not in caplog.text
    assert "\nERROR all" not in caplog.text
    assert "hunter2" not in caplog.text


def test_batches_are_logged_for_those_who_look_for_faults(
    sqlite_store: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG, "sagaline.followers")
    with hands(sqlite_store) as led:
        led.open()
        led.want(wish(), wish())
        led.settle()
    batches = logged(caplog, logging.DEBUG, "guest_list: handled")
    assert sum(each["messages"] for each in batches) == 4


def test_a_system_at_work_logs_nothing_above_debug(
    sqlite_store: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "sagaline")
    with hands(sqlite_store) as led:
        led.open()
        led.want(wish(), wish())
        led.settle()
    assert caplog.records == []
