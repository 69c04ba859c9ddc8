"""Answers of ports that come late: exactly once, in the order of each key, whatever crashes."""

from collections import Counter
from collections.abc import Iterable, Sequence
from contextlib import closing
from uuid import UUID

import pytest
from typing_extensions import override

from sagaline.application.message_handling import handling_of
from sagaline.followers.unanswered import Unanswered
from sagaline.messaging.message import Message
from sagaline.ports.pool import PortPool
from sagaline.ports.port import PortCall
from sagaline.storage.tables.port_calls import CallRow, count_calls
from sagaline.testing.simulation.commits import Commits
from sagaline.testing.simulation.in_memory_system import InMemorySystem
from tests.sagaline.small_system import Desk, GoodBank, House, OpenShow, Till, WantSeats, system

BOOKINGS = [UUID(int=each) for each in range(1, 4)]


class LatePool(PortPool):
    """Answers no call in the batch that begins it, but all of them when a test says so."""

    def __init__(self) -> None:
        super().__init__()
        self.begun: list[PortCall] = []

    @override
    def begin(self, calls: Sequence[PortCall]) -> None:
        self.begun += calls

    @override
    def wait(self, calls: Iterable[PortCall]) -> None:
        """Does nothing."""

    def answer(self) -> bool:
        begun, self.begun = self.begun, []
        for each in begun:
            each.answer = self.answer_of(each)
            each.on_answer()
        return bool(begun)


def play(commits: Commits) -> tuple[InMemorySystem, GoodBank]:
    """Three bookings of an evening whose bank answers late, and what the bank was asked."""
    played = InMemorySystem(system)
    pool, bank = LatePool(), GoodBank()
    for app in played.apps.values():
        handling_of(app).calls.pool = pool
    till = played.apps["Till"]
    assert isinstance(till, Till)
    till.bank = bank
    played.apps["House"].execute([OpenShow(show="Hamlet", seats=9)])
    wishes = [WantSeats(booking_id=k, guest="Ada", show="Hamlet", seats=1) for k in BOOKINGS]
    played.apps["Desk"].execute(wishes)
    played.commits = commits
    played.settle()
    while pool.answer():
        played.settle()
    return played, bank


def logs(played: InMemorySystem) -> dict[str, list[str]]:
    found = {}
    for name in (Desk.name, House.name, Till.name):
        app = played.apps[name]
        rows = app.recorder.page(0, 1_000).rows
        found[name] = sorted(f"{row.key} {row.topic}" for row in rows)
    return found


def test_a_crash_at_any_commit_loses_and_doubles_no_late_answer() -> None:
    commits = Commits()
    plain, _ = play(commits)
    expected = logs(plain)
    assert Counter(x.rpartition(":")[2] for x in expected["Till"])["Fee.Paid"] == len(BOOKINGS)
    plain.close()
    assert commits.count > 8
    for number in range(1, commits.count + 1):
        for before in (True, False):
            crashed, bank = play(Commits(number, before=before))
            with closing(crashed):
                assert logs(crashed) == expected, f"commit {number}, before: {before}"
                assert set(bank.asked) == {str(each) for each in BOOKINGS}
                with crashed.views.read() as connection:
                    assert count_calls(connection) == 0
                assert crashed.dead_letters() == []


class Desired:
    """Calls under way, as a test says."""

    def __init__(self) -> None:
        self.under_way: dict[str, Message] = {}
        self.ended: list[str] = []
        self.full: set[str | None] = set()

    def answered(self) -> list[str]:
        ended, self.ended = self.ended, []
        return ended

    def message(self, origin: str) -> Message | None:
        return self.under_way.get(origin)

    def asked(self, message: Message) -> tuple[str, int] | None:
        return message.topic, 1

    def may_ask(self, command: str | None) -> bool:
        return command not in self.full

    def wait_for(self, messages: Iterable[Message]) -> None:
        raise NotImplementedError

    def drop(self, messages: Iterable[Message]) -> None:
        for each in messages:
            self.under_way.pop(each.origin or "", None)

    def keep(self, origins: object) -> None:
        """Keeps all."""


def message(number: int, key: str | None, command: str = "Pay") -> Message:
    return Message("Orders", number, command, key)


@pytest.fixture
def calls() -> Desired:
    return Desired()


@pytest.fixture
def unanswered(calls: Desired) -> Unanswered:
    return Unanswered("Till", calls)


def wait(unanswered: Unanswered, calls: Desired, *messages: Message, begun: bool = True) -> None:
    """Notes that messages wait; the first of each key is under way, where it is `begun`."""
    if begun:
        calls.under_way.update({each.origin or "": each for each in messages})
    unanswered.commit(unanswered.passed([], [], messages))


def origins(rows: Iterable[CallRow]) -> list[str]:
    return [each.origin for each in rows]


def test_only_what_was_answered_is_tried(unanswered: Unanswered, calls: Desired) -> None:
    wait(unanswered, calls, message(1, "a"), message(2, "b"), message(3, None), message(4, None))
    assert unanswered.next(10) == []
    calls.ended = ["orders:2", "orders:4", "orders:99"]
    assert origins(unanswered.next(10)) == ["orders:2", "orders:4"]
    assert unanswered.next(10) == []


def test_what_waits_behind_an_answer_is_tried_after_it(
    unanswered: Unanswered, calls: Desired
) -> None:
    first, second, third = (message(each, "a") for each in (1, 2, 3))
    wait(unanswered, calls, first)
    assert unanswered.split([second, message(5, "b")])[1] == [second]
    wait(unanswered, calls, second, third, begun=False)
    unanswered.commit(unanswered.passed([first], [], []))
    assert origins(unanswered.next(10)) == ["orders:2"]
    unanswered.commit(unanswered.passed([second], [], []))
    assert origins(unanswered.next(10)) == ["orders:3"]
    unanswered.commit(unanswered.passed([third], [], []))
    assert not unanswered.rows
    assert unanswered.split([message(6, "a")])[1] == []


def test_a_port_that_takes_no_more_holds_up_no_other(
    unanswered: Unanswered, calls: Desired
) -> None:
    calls.full = {"Pay"}
    wait(unanswered, calls, message(1, "a"), message(2, "b", "Ship"), begun=False)
    assert origins(unanswered.next(10)) == ["orders:2"]
    calls.full.clear()
    assert set(origins(unanswered.next(10))) == {"orders:1", "orders:2"}


def test_what_the_store_holds_is_tried_in_order(unanswered: Unanswered, calls: Desired) -> None:
    rows = [
        CallRow("Till", "Orders", 7, 1, "a", "Pay", "Pay", 1, 0.0),
        CallRow("Till", "Orders", 8, 2, "a", "Pay", None, None, 0.0),
        CallRow("Till", "timer:settle:1", 0, 3, "b", "Pay", "Pay", 1, 0.0),
    ]
    unanswered.load(rows)
    assert origins(unanswered.next(1)) == ["orders:7"]
    assert origins(unanswered.next(10)) == ["orders:7", "timer:settle:1"]
    wait(unanswered, calls, message(9, "c"))
    assert unanswered.rows["orders:9"].number == 4
