"""The pool makes calls of ports at the same time, within limits, and waits for no slow one."""

import asyncio
import os
import threading
from collections.abc import Callable, Iterator, Sequence
from datetime import timedelta
from functools import partial
from typing import Any

import pytest

from sagaline import Breaker, Retry
from sagaline.ports.fault import PortFault
from sagaline.ports.limits import PortLimits
from sagaline.ports.pool import PortPool
from sagaline.ports.port import Port, PortCall
from tests.sagaline.small_system import until


@pytest.fixture
def pool() -> Iterator[PortPool]:
    made = PortPool(patience=0.02)
    yield made
    made.close()


@pytest.fixture
def release() -> Iterator[threading.Event]:
    event = threading.Event()
    yield event
    event.set()  # or the threads of a test would stay


def port_of(pool: PortPool, name: str = "Till.take", is_async: bool = False, **limits: Any) -> Port:
    return pool.port(name, PortLimits(**limits), is_async)


def begun(pool: PortPool, port: Port, *functions: Callable[[], Any]) -> list[PortCall]:
    calls = [PortCall(port, each) for each in functions]
    pool.begin(calls)
    return calls


def answers(pool: PortPool, calls: Sequence[PortCall]) -> list[Any]:
    pool.wait_for_all(calls)
    return [each.answer for each in calls]


def value(number: int) -> int:
    return number


async def later(number: int) -> int:
    await asyncio.sleep(0)
    return number


def test_calls_are_made_at_the_same_time(pool: PortPool) -> None:
    all_here = threading.Barrier(8, timeout=60)
    calls = begun(pool, port_of(pool), *[all_here.wait] * 8)
    assert sorted(answers(pool, calls)) == list(range(8))


def test_coroutines_share_one_thread(pool: PortPool) -> None:
    threads: set[int] = set()

    async def ask(number: int) -> int:
        threads.add(threading.get_ident())
        return await later(number)

    port = port_of(pool, is_async=True, concurrency=1_000)
    calls = begun(pool, port, *[partial(ask, each) for each in range(1_000)])
    assert answers(pool, calls) == list(range(1_000))
    assert len(threads) == 1
    assert threads != {threading.get_ident()}


def test_no_more_calls_are_under_way_than_allowed(pool: PortPool) -> None:
    lock, under_way, most = threading.Lock(), [0], [0]

    def call() -> None:
        with lock:
            under_way[0] += 1
            most[0] = max(most[0], under_way[0])
        with lock:
            under_way[0] -= 1

    calls = begun(pool, port_of(pool, concurrency=3), *[call] * 200)
    assert answers(pool, calls) == [None] * 200
    assert most[0] <= 3


def test_threads_are_kept_for_the_next_call(pool: PortPool) -> None:
    names: set[int] = set()

    def call() -> None:
        names.add(threading.get_ident())

    for _ in range(50):
        answers(pool, begun(pool, port_of(pool), call))
    assert len(names) < 5


def test_a_batch_goes_on_without_a_slow_answer(pool: PortPool, release: threading.Event) -> None:
    quick, slow = begun(pool, port_of(pool), partial(value, 1), release.wait)
    pool.wait([quick, slow])
    until(lambda: quick.is_answered)
    assert not slow.is_answered
    told = threading.Event()
    pool.on_answer = told.set
    release.set()
    assert told.wait(60)
    assert slow.answer is True


def test_a_port_that_is_slow_is_not_waited_for(pool: PortPool, release: threading.Event) -> None:
    port = port_of(pool)
    for _ in range(20):
        now = 0.0
        port.add(PortCall(port, release.wait))
        call = port.begin(now)
        assert call is not None
        port.end(call, True, now + 5, patience=0.02)
    assert not port.is_prompt
    for _ in range(20):
        port.add(PortCall(port, release.wait))
        call = port.begin(0.0)
        assert call is not None
        port.end(call, True, 0.001, patience=0.02)
    assert port.is_prompt


@pytest.mark.parametrize("is_async", [False, True])
@pytest.mark.parametrize("error", [ConnectionError("no line"), SystemExit(2), KeyboardInterrupt()])
def test_what_a_port_raises_is_a_fault_of_its_call_alone(
    pool: PortPool, is_async: bool, error: BaseException
) -> None:
    def fail() -> Any:
        raise error

    async def fail_later() -> Any:
        raise error

    port = port_of(pool, is_async=is_async)
    good: Any = partial(later, 1) if is_async else partial(value, 1)
    first, second = answers(pool, begun(pool, port, fail_later if is_async else fail, good))
    assert isinstance(first, PortFault)
    assert type(error).__name__ in first.reason
    assert second == 1


def test_a_call_that_hangs_is_a_fault_after_its_limit(
    pool: PortPool, release: threading.Event
) -> None:
    port = port_of(pool, timeout=timedelta(seconds=0.05), concurrency=1)
    silence = PortFault("no answer within 0.05 s")
    assert answers(pool, begun(pool, port, release.wait)) == [silence]
    assert answers(pool, begun(pool, port, partial(value, 2))) == [2], "its turn is free again"
    begun(pool, port, release.wait)
    until(lambda: hanging(pool, port) == 2)
    (waiting,) = begun(pool, port, partial(value, 3))
    assert not waiting.is_answered, "as many hang as may be under way: no further thread is used"
    release.set()
    assert answers(pool, [waiting]) == [3]


def hanging(pool: PortPool, port: Port) -> int:
    pool.tick()
    return port._abandoned


def test_a_coroutine_that_hangs_is_cancelled_after_its_limit(pool: PortPool) -> None:
    cancelled = threading.Event()

    async def hang() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            cancelled.set()

    port = port_of(pool, is_async=True, timeout=timedelta(seconds=0.05))
    (answer,) = answers(pool, begun(pool, port, hang))
    assert answer == PortFault("no answer within 0.05 s")
    assert cancelled.wait(60)


def test_the_first_of_two_answers_counts(pool: PortPool, release: threading.Event) -> None:
    """The first attempt answers after its limit, while the second is under way."""
    second = threading.Event()
    attempts = iter([release, second])
    told: list[object] = []

    def answer() -> int:
        attempt = next(attempts)
        attempt.wait(60)
        return 1 if attempt is release else 2

    retry = Retry(2, first=timedelta(milliseconds=1))
    port = port_of(pool, timeout=timedelta(seconds=0.2), retry=retry)
    call = PortCall(port, answer, on_answer=lambda: told.append(call.answer))
    pool.begin([call])
    until(lambda: hanging(pool, port) == 1 and call in port._under_way)
    release.set()
    until(lambda: told == [1])
    second.set()
    until(lambda: hanging(pool, port) == 0)
    assert (call.answer, told) == (1, [1])


@pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")
@pytest.mark.parametrize("is_async", [False, True])
def test_a_child_that_comes_back_from_a_port_ends_and_its_parent_answers(
    pool: PortPool, is_async: bool
) -> None:
    """It would make the calls that wait in memory, which are its parent's."""
    reads, writes = os.pipe()

    def answer() -> int:
        child = os.fork()
        return os.waitpid(child, 0)[1] if child else os.write(writes, b"child")

    async def answer_later() -> int:
        return answer()

    port = port_of(pool, is_async=is_async)
    function: Any = answer_later if is_async else answer
    assert answers(pool, begun(pool, port, function)) == [0], "the status of the child"
    assert os.read(reads, 100) == b"child"
    for each in (reads, writes):
        os.close(each)


def test_a_fault_is_tried_again_before_anyone_hears_of_it(pool: PortPool) -> None:
    left = [2]

    def flaky() -> str:
        left[0] -= 1
        if left[0] >= 0:
            raise ConnectionError("no line")
        return "there"

    port = port_of(pool, retry=Retry(3, first=timedelta(milliseconds=1)))
    assert answers(pool, begun(pool, port, flaky)) == ["there"]
    left[0] = 3
    (answer,) = answers(pool, begun(pool, port, flaky))
    assert answer == PortFault("ConnectionError: no line")


def test_only_so_many_calls_begin_in_a_second() -> None:
    port = Port("Till.take", PortLimits(per_second=10))
    for _ in range(100):
        port.add(PortCall(port, lambda: None))
    start = port._allowed_at
    assert begin_all(port, start) == 1
    assert begin_all(port, start + 0.05) == 0
    assert port.next_due(start + 0.05) == pytest.approx(start + 0.1)
    assert begin_all(port, start + 0.101) == 1
    assert sum(begin_all(port, start + 0.102 + n / 50) for n in range(1, 51)) in {9, 10}


def begin_all(port: Port, now: float) -> int:
    count = 0
    while (call := port.begin(now)) is not None:
        port.end(call, None, now, patience=1)
        count += 1
    return count


def test_a_breaker_leaves_a_port_alone_and_then_tries_one_call() -> None:
    breaker = Breaker(failures=2, pause=timedelta(seconds=10))
    port = Port("Till.take", PortLimits(breaker=breaker))
    for _ in range(5):
        port.add(PortCall(port, lambda: None))
    for _ in range(2):
        failing = port.begin(0.0)
        assert failing is not None
        port.end(failing, PortFault("no line"), 0.0, patience=1)
    assert port.begin(9.9) is None
    assert port.next_due(9.9) == 10.0
    trial = port.begin(10.0)
    assert trial is not None
    assert port.begin(10.0) is None, "one call tries"
    port.end(trial, PortFault("no line"), 10.0, patience=1)
    assert port.begin(19.9) is None
    trial = port.begin(20.0)
    assert trial is not None
    port.end(trial, "there", 20.0, patience=1)
    assert begin_all(port, 20.0) == 1


def test_a_person_who_waits_hears_the_error_itself(pool: PortPool) -> None:
    async def fail() -> None:
        raise LookupError("row 13")

    async def hang() -> None:
        await asyncio.Event().wait()

    assert pool.result(partial(later, 7), 60) == 7
    with pytest.raises(LookupError, match="row 13"):
        pool.result(fail, 60)
    with pytest.raises(TimeoutError, match=r"no answer within 0\.05 s"):
        pool.result(hang, 0.05)


def test_a_closed_pool_lets_its_calls_go(pool: PortPool, release: threading.Event) -> None:
    port = port_of(pool, is_async=True)
    (call,) = begun(pool, port, asyncio.Event().wait)
    pool.close()
    until(lambda: not loop_threads())
    assert isinstance(call.answer, PortFault) or not call.is_answered


def loop_threads() -> list[threading.Thread]:
    return [each for each in threading.enumerate() if each.name == "sagaline-port-loop"]
