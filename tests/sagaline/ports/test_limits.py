"""The limits of a port are declared with it, and an operator may set others."""

from datetime import timedelta
from typing import Any

import pytest

from sagaline import (
    Application,
    Breaker,
    Command,
    DefinitionError,
    Options,
    Retry,
    Runner,
    System,
    handles,
    seconds,
)
from sagaline.application.message_handling import handling_of
from sagaline.errors import OptionRefused
from sagaline.ports.limits import MAX_PORT_CALLS, PortLimits
from tests.sagaline.small_system import env


class Pay(Command, key="trip"):
    trip: str


class Payments(Application):
    @handles(Pay)
    def pay(self, command: Pay, answer: str) -> None: ...

    @pay.asks(concurrency=8, timeout=seconds(5), retry=Retry(2), breaker=Breaker(failures=3))
    async def ask(self, command: Pay) -> str:
        return "paid"


def limits_of(url: str, **options: Any) -> tuple[int, float]:
    app = Payments({"PERSISTENCE_MODULE": "sagaline.storage", **env(url)})
    try:
        calls = handling_of(app).calls
        calls.limits_of = Options(**options).ports
        port = calls._port(handling_of(app).declaration.handlers[Pay])
        return port.concurrency, port.timeout
    finally:
        app.close()


def test_declared_limits_hold(sqlite_store: str) -> None:
    assert limits_of(sqlite_store) == (8, 5.0)


def test_an_operator_sets_others(sqlite_store: str, monkeypatch: pytest.MonkeyPatch) -> None:
    assert limits_of(sqlite_store, ports={"Payments.pay": PortLimits(concurrency=2)}) == (2, 5.0)
    monkeypatch.setenv("SAGALINE_PORTS", '{"Payments.pay": {"timeout": 7.5}}')
    assert limits_of(sqlite_store) == (8, 7.5)


def test_limits_of_a_port_that_is_not_there_are_refused(sqlite_store: str) -> None:
    options = Options(ports={"Payments.pays": PortLimits(concurrency=2)})
    system = System("payments", applications=[Payments])
    with pytest.raises(OptionRefused, match=r"no port 'Payments\.pays' among Payments\.pay"):
        Runner(system, env(sqlite_store), options=options)


def test_what_nobody_sets_has_a_default() -> None:
    wide = PortLimits(concurrency=MAX_PORT_CALLS, timeout=timedelta(seconds=30))
    assert PortLimits(per_second=2).over(wide) == PortLimits(
        concurrency=MAX_PORT_CALLS, timeout=timedelta(seconds=30), per_second=2
    )


@pytest.mark.parametrize(
    ("limits", "reason"),
    [
        ({"concurrency": 0}, "its concurrency is 0: it should be greater than or equal to 1"),
        ({"per_second": 0}, "its per_second is 0: it should be greater than 0"),
        ({"timeout": timedelta(0)}, "its timeout is "),
        ({"timeout": "soon"}, "its timeout is 'soon': "),
        ({"retry": 3}, "its retry is 3: "),
        ({"breaker": True}, "its breaker is True: "),
        ({"concurency": 3}, "its concurency is 3: Extra inputs are not permitted"),
    ],
)
def test_limits_that_cannot_be_are_refused_where_they_are_declared(
    limits: dict[str, Any], reason: str
) -> None:
    with pytest.raises(DefinitionError, match=r"Write @take\.asks") as refused:
        handles(Pay)(lambda self, command, answer: None).asks(**limits)(lambda self, command: None)
    assert reason in str(refused.value)
