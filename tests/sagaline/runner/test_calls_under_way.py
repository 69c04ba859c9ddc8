"""A port that takes long holds up nobody but its own key, and its answer is handled once."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from uuid import UUID

import pytest
from typing_extensions import override

from sagaline import CommandFaulted, Options, Runner
from sagaline.storage.tables.port_calls import CallRow, calls_of
from tests.sagaline.small_system import (
    Clock,
    Desk,
    GoodBank,
    House,
    Later,
    OpenShow,
    Paid,
    Till,
    env,
    events,
    guest_list,
    letters,
    named,
    rows_of,
    statuses,
    system,
    timers,
    trouble,
    until,
    wish,
    wrong,
)


class SlowBank(GoodBank):
    """Answers at once, but to the slow keys only when it is released."""

    def __init__(self) -> None:
        super().__init__()
        self.slow: set[str] = set()
        self.release = threading.Event()

    @override
    def answer(self, key: str) -> Paid | Later:
        if key in self.slow:
            assert self.release.wait(300)
        return Paid(f"paid {key}")


@contextmanager
def evening(url: str, bank: GoodBank, clock: Clock | None = None) -> Iterator[Runner]:
    """A system that runs, with one show and this bank."""
    with Runner(system, env(url), now=clock or Clock(), options=Options(port_patience=0.01)) as run:
        run.get(Till).bank = bank
        run.get(House).execute([OpenShow(show="Hamlet", seats=1_000)])
        yield run


def want(runner: Runner, *guests: str) -> dict[str, UUID]:
    wishes = {each: wish(each) for each in guests}
    runner.get(Desk).execute(list(wishes.values()))
    return {guest: each.booking_id for guest, each in wishes.items()}


def want_slowly(runner: Runner, bank: SlowBank) -> UUID:
    """Ada's booking, whose fee the bank is asked for and does not answer."""
    ada = wish("Ada")
    bank.slow.add(str(ada.booking_id))
    runner.get(Desk).execute([ada])
    until(lambda: bool(calls(runner)), "the bank is not asked")
    return ada.booking_id


def calls(runner: Runner) -> list[CallRow]:
    with runner.views.read() as connection:
        return calls_of(connection, "Till")


def status(runner: Runner, booking: UUID) -> str:
    found: str = rows_of(runner, guest_list)[booking][1]
    return found


@pytest.fixture
def bank() -> Iterator[SlowBank]:
    found = SlowBank()
    yield found
    found.release.set()  # or its threads would stay


def test_the_others_go_on_while_one_call_takes_long(store_url: str, bank: SlowBank) -> None:
    with evening(store_url, bank) as runner:
        ada = want_slowly(runner, bank)
        want(runner, *"BCDEFGH")
        until(lambda: statuses(runner)["confirmed"] == 7)
        (call,) = calls(runner)
        assert (call.follower, call.key, call.command) == ("Till", str(ada), "TakeFee")
        assert call.attempt == 1
        bank.release.set()
        runner.settle()
        assert statuses(runner) == {"confirmed": 8}
        assert set(bank.asked.values()) == {1}
        assert not calls(runner)
        assert wrong(runner) == []


def test_a_system_is_not_settled_while_an_answer_is_owed(sqlite_store: str, bank: SlowBank) -> None:
    with evening(sqlite_store, bank) as runner:
        want_slowly(runner, bank)
        with pytest.raises(TimeoutError, match="1 port call without an answer"):
            runner.settle(timeout=0.3)
        bank.release.set()
        runner.settle()


def test_what_follows_for_the_same_key_waits_in_order(store_url: str, bank: SlowBank) -> None:
    """The fee is taken after its time is up: it is given back, after it was taken."""
    clock = Clock()
    with evening(store_url, bank, clock) as runner:
        ada = want_slowly(runner, bank)
        clock.turn(timedelta(minutes=11))
        until(lambda: len(calls(runner)) == 2, "the fee is not given back")
        first, second = calls(runner)
        assert (first.command, second.command) == ("TakeFee", None)
        assert first.number < second.number
        bank.release.set()
        runner.settle()
        assert named(runner, Till) == ["Fee.Asked", "Fee.Paid", "Fee.Returned"]
        assert status(runner, ada) == "cancelled"
        assert wrong(runner) == []


@pytest.mark.parametrize("attempts", [1, 3])
def test_whoever_leads_next_asks_again_with_the_same_key(
    store_url: str, bank: SlowBank, attempts: int
) -> None:
    with evening(store_url, bank) as runner:
        ada = want_slowly(runner, bank)
    for _ in range(attempts - 1):
        with evening_again(store_url, bank) as runner:
            until(lambda: calls(runner) != [])
    bank.release.set()
    with evening_again(store_url, bank) as runner:
        runner.settle()
        assert status(runner, ada) == "confirmed"
        assert named(runner, Till) == ["Fee.Asked", "Fee.Paid"]
        assert not calls(runner)
        assert wrong(runner) == []


@contextmanager
def evening_again(url: str, bank: GoodBank) -> Iterator[Runner]:
    runner = Runner(system, env(url), now=Clock(), options=Options(port_patience=0.01))
    runner.get(Till).bank = bank
    with runner:
        yield runner


def test_a_runner_stops_at_once_while_a_call_hangs(store_url: str, bank: SlowBank) -> None:
    stopped = threading.Event()
    with evening(store_url, bank) as runner:
        want_slowly(runner, bank)
        watching = threading.Thread(target=lambda: stop(runner, stopped))
        watching.start()
        assert stopped.wait(60)
        watching.join()
        assert not bank.release.is_set()


def stop(runner: Runner, stopped: threading.Event) -> None:
    runner.stop()
    stopped.set()


def test_a_timers_command_whose_port_takes_long_is_handled_once(
    store_url: str, bank: SlowBank
) -> None:
    class LateBank(SlowBank):
        @override
        def answer(self, key: str) -> Paid | Later:
            return Later(timedelta(0)) if self.asked[key] == 1 else super().answer(key)

    late = LateBank()
    with evening(store_url, late) as runner:
        ada = want_slowly(runner, late)
        (call,) = calls(runner)
        assert call.origin == f"timer:collect:{ada}"
        want(runner, *"BCD")
        until(lambda: statuses(runner)["confirmed"] == 3)
    late.release.set()
    with evening_again(store_url, late) as runner:
        runner.settle()
        assert named(runner, Till).count("Fee.Paid") == 4
        assert timers(runner, "Till") == []
        assert not calls(runner)
        assert wrong(runner) == []


def test_a_bug_behind_a_late_answer_parks_the_key(store_url: str, bank: SlowBank) -> None:
    """What waits behind it is queued behind the dead letter, and all are retried in order."""
    clock = Clock()
    with evening(store_url, bank, clock) as runner:
        ada = want_slowly(runner, bank)
        clock.turn(timedelta(minutes=11))
        until(lambda: len(calls(runner)) == 2)
        with trouble.at("TakeFee", ada):
            bank.release.set()
            until(lambda: len(letters(runner)) == 2)
        assert calls(runner) == []
        first, second = letters(runner)
        assert first.error == "ValueError: a bug in TakeFee"
        assert second.error == "queued after an earlier event"
        assert bank.asked[str(ada)] == 1, "what was asked once is not asked for each attempt"


AWAIT = "which is not run: write an async def and await it there"


def ends(answer: Callable[[], object]) -> type[GoodBank]:
    class OddBank(GoodBank):
        @override
        def answer(self, key: str) -> Paid:
            return answer()  # type: ignore[return-value]  # as a user's bug would

    return OddBank


def raises(error: BaseException) -> Callable[[], object]:
    def answer() -> object:
        raise error

    return answer


async def coroutine() -> None: ...


class Awaited:
    def __await__(self) -> Iterator[None]:
        yield


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (raises(SystemExit(3)), "SystemExit: 3"),
        (raises(KeyboardInterrupt()), "KeyboardInterrupt"),
        (raises(ConnectionError("no line")), "ConnectionError: no line"),
        (coroutine, f"NeverRun: the port of Till.take returned a coroutine, {AWAIT}"),
        (Awaited, f"NeverRun: the port of Till.take returned a Awaited, {AWAIT}"),
    ],
)
def test_a_port_that_misbehaves_is_a_fault_of_its_command_alone(
    sqlite_store: str, answer: Callable[[], object], reason: str
) -> None:
    with evening(sqlite_store, ends(answer)()) as runner:
        want(runner, "Ada")
        until(lambda: "CommandFaulted" in named(runner, Till))
        fault = next(each for each in events(runner, Till) if isinstance(each, CommandFaulted))
        assert fault.reason.startswith(reason)
        assert runner.is_alive
        assert letters(runner) == []
