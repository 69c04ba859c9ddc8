"""The faults of ports, and the sagas that they park, are logged."""

import logging
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from eventsourcing.cipher import AESCipher
from typing_extensions import override

from sagaline.application import port_fault_log
from tests.sagaline.logged import logged, with_traceback
from tests.sagaline.small_system import (
    Declined,
    GoodBank,
    Hands,
    Later,
    Paid,
    Till,
    hands,
    trouble,
    wish,
)

FAULT = "Till: the port of TakeFee failed"
HOSTILE = "\x1b[2J\nERROR all is lost; https://till:hunter2@bank"


class FaultyBank(GoodBank):
    """Fails for each booking, with a text of its own."""

    @override
    def answer(self, key: str) -> Paid | Declined | Later:
        raise ConnectionError(f"{HOSTILE} for {key}")


class LateFaultyBank(GoodBank):
    """Answers later, and fails when it is asked again."""

    @override
    def answer(self, key: str) -> Paid | Declined | Later:
        if self.asked[key] == 1:
            return Later(timedelta(minutes=1))
        raise ConnectionError("the line is dead")


@pytest.fixture
def led(store_url: str, caplog: pytest.LogCaptureFixture) -> Iterator[Hands]:
    caplog.set_level(logging.INFO, "sagaline")
    with hands(store_url) as led:
        led.open()
        yield led


def test_a_fault_of_a_port_is_a_warning_with_its_facts(
    led: Hands, caplog: pytest.LogCaptureFixture
) -> None:
    led.runner.get(Till).bank = FaultyBank()
    wanted = wish()
    led.want(wanted)
    led.settle()
    (fault,) = logged(caplog, logging.WARNING, FAULT)
    assert fault["message"].startswith("evening:")
    assert {name: fault[name] for name in fault.keys() - {"message"}} == {
        "application": "Till",
        "saga": "Evening",
        "command": "TakeFee",
        "attempt": 1,
        "key": str(wanted.booking_id),
        "error": "ConnectionError",
        "times": 1,
    }
    (record,) = with_traceback(caplog, FAULT)
    assert record.exc_text is not None
    assert "in ask_bank" in record.exc_text
    assert "hunter2" not in caplog.text
    assert "\x1b" not in caplog.text
    assert "\nERROR all" not in caplog.text


def test_the_same_fault_again_has_no_traceback(
    led: Hands, caplog: pytest.LogCaptureFixture
) -> None:
    led.runner.get(Till).bank = FaultyBank()
    led.want(*[wish(f"guest {each}") for each in range(5)])
    led.settle()
    faults = logged(caplog, logging.WARNING, FAULT)
    assert [each["times"] for each in faults] == [1, 2, 3, 4, 5]
    assert len(with_traceback(caplog, FAULT)) == 1


def test_a_fault_after_a_while_has_its_traceback_again(
    led: Hands, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(port_fault_log, "REPEAT_WINDOW", -1.0)
    led.runner.get(Till).bank = FaultyBank()
    led.want(wish(), wish())
    led.settle()
    assert len(with_traceback(caplog, FAULT)) == 2


def test_another_fault_has_a_traceback_of_its_own(
    led: Hands, caplog: pytest.LogCaptureFixture
) -> None:
    led.runner.get(Till).bank = FaultyBank()
    led.want(wish())
    led.settle()
    led.runner.get(Till).bank = LateFaultyBank()
    led.want(wish())
    led.settle()
    led.clock.turn(timedelta(minutes=2))
    led.settle()
    led.fire("Till")
    assert len(with_traceback(caplog, "the port of")) == 2


def test_a_command_of_a_timer_that_is_given_again_is_logged(
    led: Hands, caplog: pytest.LogCaptureFixture
) -> None:
    led.runner.get(Till).bank = LateFaultyBank()
    wanted = wish()
    led.want(wanted)
    led.settle()
    led.clock.turn(timedelta(minutes=2))
    led.fire("Till")
    assert logged(caplog, logging.WARNING, "the port of CollectFee failed")
    (again,) = logged(caplog, logging.WARNING, "Till: CollectFee of the timer")
    assert (again["command"], again["seconds"]) == ("CollectFee", 5)
    assert again["key"] == str(wanted.booking_id)


def test_nothing_that_an_encrypted_log_holds_is_logged(
    store_url: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    keyed = {"SAGALINE_VIEWS": f"sqlite:///{tmp_path / 'views.db'}"}
    keyed["CIPHER_KEY"] = AESCipher.create_key(16)
    led = Hands(store_url, None, **keyed)
    try:
        led.open()
        led.runner.get(Till).bank = FaultyBank()
        doomed = wish()
        with trouble.at("House", doomed.booking_id, ValueError(HOSTILE)):
            led.want(wish(), doomed)
            led.settle()
    finally:
        led.runner.stop()
    assert logged(caplog, logging.WARNING, FAULT)
    assert logged(caplog, logging.ERROR, "House: parked")
    assert "ValueError (the log is encrypted" in caplog.text
    assert "all is lost" not in caplog.text
