"""The simulated outside world: it answers questions, and what it has answered is on disk."""

from abc import ABC, abstractmethod
from collections import defaultdict
from collections.abc import Sequence
from contextlib import suppress
from threading import Lock
from time import monotonic, sleep
from typing import Any, ClassVar, Final, Generic, TypeVar, cast

from sqlalchemy import Connection, Table
from sqlalchemy.engine import URL

from application.ports import PortFault
from application.simulators.outside_database import engine_of, in_memory, outside_url

Answer = TypeVar("Answer")

PATIENCE: Final = 30.0
"""Seconds that a question waits for its answer."""

GROUP: Final = 2_000
"""Questions answered in one transaction."""

RECHECK: Final = 0.1
"""Seconds after which a waiting question looks whether somebody writes."""

MOMENT: Final = 0.0001
MOMENTS: Final = 3
"""Seconds, and how often, that a transaction waits for as many questions as the last one had."""


class Question(Generic[Answer]):
    """Something asked of the outside world, and the type of what it answers."""

    __slots__ = ()


class Desk(ABC):
    """One part of the outside world: it answers questions from its own tables."""

    tables: ClassVar[Sequence[Table]]

    def __init__(self, store_url: str, schema: str | None = None) -> None:
        self._outside = Outside.open(outside_url(store_url, schema))
        self._closed = False

    def ask(self, question: Question[Answer]) -> Answer:
        """The answer, which is on disk. Raises PortFault where there is none."""
        (answer,) = self.ask_all([question])
        if isinstance(answer, PortFault):
            raise answer
        return answer

    def ask_all(self, questions: Sequence[Question[Answer]]) -> list[Answer | PortFault]:
        """The answers, which are on disk; a `PortFault` for a question that has none."""
        return cast("list[Answer | PortFault]", self._outside.ask(self, questions))

    def close(self) -> None:
        """Lets go of the store; once is enough, and twice does no harm."""
        if not self._closed:
            self._closed = True
            self._outside.close()

    @abstractmethod
    def answer(self, connection: Connection, questions: Sequence[Any]) -> Sequence[object]:
        """One answer for each question, in order; a `PortFault` is one too, and is raised later.

        Inside a transaction, with no other writer beside it.
        """


class _Asked:
    """A question on its way to its answer."""

    __slots__ = ("_asleep", "answer", "answered", "desk", "question")

    def __init__(self, desk: Desk, question: object) -> None:
        self.desk = desk
        self.question = question
        self.answer: object = None
        self.answered = False
        self._asleep = Lock()
        self._asleep.acquire()

    def tell(self, answer: object) -> None:
        """Wakes whoever waits for the answer."""
        self.answer = answer
        self.answered = True
        self.wake()

    def wake(self) -> None:
        """Makes it look again, at once or when it next sleeps."""
        # Two may wake it at the same time.
        with suppress(RuntimeError):
            self._asleep.release()

    def sleep(self) -> None:
        """Waits until it is woken, or for a while."""
        self._asleep.acquire(timeout=RECHECK)

    def result(self) -> object:
        """The answer, or what went wrong."""
        if isinstance(self.answer, PortFault) or not isinstance(self.answer, BaseException):
            return self.answer
        fault = PortFault(f"the outside store failed: {_cause(self.answer)}")
        fault.__cause__ = self.answer
        return fault


class Outside:
    """A store with group commit: who asks while a transaction is being written joins the next.

    Each answer is on disk before it is given. A commit takes as long for hundreds of answers as
    for one, so of those who wait one writes for all. Whoever finds nobody writing writes, so no
    question depends on a thread that may have died.
    """

    _shared: ClassVar[dict[URL, "Outside"]] = {}
    _shared_lock: ClassVar[Lock] = Lock()

    def __init__(self, url: URL) -> None:
        self._url = url
        self._engine = engine_of(url)
        self._users = 0
        self._prepared: set[type[Desk]] = set()
        self._queue: list[_Asked] = []
        self._usual = 1
        self._queue_lock = Lock()
        self._writing = Lock()

    @classmethod
    def open(cls, url: URL) -> "Outside":
        """The store at this address: one in each process, but what is in memory is never shared."""
        with cls._shared_lock:
            outside = cls._shared.get(url) or cls(url)
            outside._users += 1
            if not in_memory(url):
                cls._shared[url] = outside
            return outside

    def close(self) -> None:
        """Gives the store back; the last one to do so closes its connections."""
        with self._shared_lock:
            self._users -= 1
            if self._users == 0:
                self._shared.pop(self._url, None)
                self._engine.dispose()

    def ask(self, desk: Desk, questions: Sequence[object]) -> list[object]:
        """The desk's answers, which are on disk; a `PortFault` where there is none."""
        asked = [_Asked(desk, each) for each in questions]
        with self._queue_lock:
            self._queue.extend(asked)
        deadline = monotonic() + PATIENCE
        return [self._result(each, deadline) for each in asked]

    def _result(self, asked: _Asked, deadline: float) -> object:
        while not asked.answered:
            if self._writing.acquire(blocking=False):
                self._write_in_turn(asked)
            elif monotonic() < deadline:
                asked.sleep()
            else:
                self._withdraw(asked)
        return asked.result()

    def _write_in_turn(self, asked: _Asked) -> None:
        try:
            if not asked.answered:
                self._write()
        finally:
            self._writing.release()
            with self._queue_lock:
                if self._queue:
                    self._queue[0].wake()

    def _write(self) -> None:
        group: list[_Asked] = []
        answers: Sequence[object]
        try:
            with self._engine.begin() as connection:
                # Only now, because some may have joined while the store was locked.
                group = self._take()
                answers = self._answers(connection, group)
            self._prepared.update(type(asked.desk) for asked in group)
        except BaseException as error:
            group = group or self._take()
            answers = [error] * len(group)
            if not isinstance(error, Exception):
                raise
        finally:
            for asked, answer in zip(group, answers, strict=True):
                asked.tell(answer)

    def _take(self) -> list[_Asked]:
        # Those who were answered together mostly ask again together: a moment saves a commit.
        for _ in range(MOMENTS):
            if len(self._queue) >= self._usual:
                break
            sleep(MOMENT)
        with self._queue_lock:
            group, self._queue = self._queue[:GROUP], self._queue[GROUP:]
        self._usual = len(group)
        return group

    def _answers(self, connection: Connection, group: Sequence[_Asked]) -> list[object]:
        places: defaultdict[Desk, list[int]] = defaultdict(list)
        for place, asked in enumerate(group):
            places[asked.desk].append(place)
        answers: list[object] = [None] * len(group)
        for desk, at in places.items():
            self._prepare(connection, desk)
            told = desk.answer(connection, [group[place].question for place in at])
            for place, answer in zip(at, told, strict=True):
                answers[place] = answer
        return answers

    def _prepare(self, connection: Connection, desk: Desk) -> None:
        if type(desk) not in self._prepared:
            for table in desk.tables:
                table.create(connection, checkfirst=True)

    def _withdraw(self, asked: _Asked) -> None:
        with self._queue_lock:
            if asked in self._queue:
                self._queue.remove(asked)
        asked.tell(PortFault(f"the outside store gave no answer within {PATIENCE:g} s"))


def _cause(error: BaseException) -> str:
    told = getattr(error, "orig", None) or error
    return " ".join(f"{type(told).__name__}: {told}".split())
