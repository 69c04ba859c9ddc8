"""Where the simulated outside world keeps its books: a store of its own, beside the shop's.

On SQLite it is a second file, so that the outside world never waits for the shop's lock; on
PostgreSQL it is tables of its own, written in transactions of its own. It shares no code with the
shop's storage, because the shop is judged by what is written here.
"""

import re
import sqlite3
from abc import ABC, abstractmethod
from collections import defaultdict
from collections.abc import Sequence
from contextlib import suppress
from pathlib import PurePath
from threading import Lock
from time import monotonic, sleep
from typing import Any, ClassVar, Final, Generic, TypeVar, cast

from sqlalchemy import Connection, Engine, StaticPool, Table, create_engine, event, insert
from sqlalchemy.engine import URL, make_url

from application.ports import PortFault

Answer = TypeVar("Answer")

PATIENCE: Final = 30.0
"""Seconds that a question waits for its answer."""

GROUP: Final = 2_000
"""Questions answered in one transaction."""

FEW: Final = 10
"""Rows that are sooner written by a statement for each than by COPY."""

STORE_PATIENCE: Final = 5
"""Seconds that a transaction waits for another process to end its own."""

SILENCE: Final = 3
"""Seconds that a transaction may send nothing; then the server ends it: less than others wait."""

CONNECTION: Final = {
    # By this name the shop's workers end who was stopped in the midst of a COPY.
    "fallback_application_name": "sagaline",
    "connect_timeout": 5,
    "keepalives_idle": 5,
    "keepalives_interval": 2,
    "keepalives_count": 3,
    "tcp_user_timeout": 10_000,
}
"""What a connection to PostgreSQL is made with, where the URL does not say: a server, or a machine,
that is gone is noticed after some seconds (the last one is in milliseconds)."""

RECHECK: Final = 0.1
"""Seconds after which a waiting question looks whether somebody writes."""

MOMENT: Final = 0.0001
MOMENTS: Final = 3
"""Seconds, and how often, that a transaction waits for as many questions as the last one had."""

RIGHT_TO_WRITE: Final = 7_305_804_402_134_914_912
"""The advisory lock on PostgreSQL: any number that nobody else uses."""


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
        self._engine = _engine(url)
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
            if not _in_memory(url):
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


def add(connection: Connection, table: Table, rows: Sequence[Sequence[Any]]) -> None:
    """Adds rows, each with its values in the order of the columns.

    PostgreSQL gets many by COPY: one statement for each takes eight times as long.
    """
    names = table.c.keys()
    if len(rows) > FEW and connection.dialect.name == "postgresql":
        driver: Any = connection.connection
        statement = f"COPY {table.name} ({', '.join(names)}) FROM STDIN"
        with driver.cursor() as cursor, cursor.copy(statement) as copy:
            for row in rows:
                copy.write_row(row)
    elif rows:
        connection.execute(insert(table), [dict(zip(names, row, strict=True)) for row in rows])


def outside_url(store_url: str, schema: str | None = None) -> URL:
    """The store of the outside world that belongs to a shop's store.

    A file has a file beside it; what is in memory stays in memory; a database has it in the same
    schema.

    >>> str(outside_url("sqlite:///data/shop.db"))
    'sqlite:///data/shop.outside.db'
    """
    url = make_url(store_url)
    if url.get_backend_name() != "sqlite":
        return url if schema is None else _searching(url, schema)
    if _in_memory(url):
        return make_url("sqlite://")
    path = PurePath(url.database or "")
    return url.set(database=str(path.with_suffix(f".outside{path.suffix}")))


def _searching(url: URL, schema: str) -> URL:
    """An address whose tables are those of this schema, and no others."""
    quoted = '"' + schema.replace('"', '""') + '"'
    escaped = re.sub(r"([\\\s])", r"\\\1", quoted)
    given = url.query.get("options", ())
    before = [given] if isinstance(given, str) else given
    return url.update_query_dict({"options": " ".join([*before, f"-csearch_path={escaped}"])})


def _in_memory(url: URL) -> bool:
    if url.get_backend_name() != "sqlite":
        return False
    name = url.database or ":memory:"
    return name in (":memory:", "file::memory:") or url.query.get("mode") == "memory"


def _engine(url: URL) -> Engine:
    """An engine whose transactions exclude each other, over all processes, from their start on."""
    if url.get_backend_name() == "sqlite":
        return _sqlite(url)
    arguments = {name: value for name, value in CONNECTION.items() if name not in url.query}
    engine = create_engine(url, pool_size=1, pool_pre_ping=True, connect_args=arguments)
    event.listen(engine, "connect", _set_limits)
    event.listen(engine, "begin", _take_advisory_lock)
    return engine


def _sqlite(url: URL) -> Engine:
    arguments = {"timeout": STORE_PATIENCE, "check_same_thread": False}
    if _in_memory(url):
        engine = create_engine(url, poolclass=StaticPool, connect_args=arguments)
    else:
        engine = create_engine(url, pool_size=1, connect_args=arguments)
    event.listen(engine, "connect", _set_pragmas)
    event.listen(engine, "begin", _begin_immediate)
    return engine


def _set_pragmas(connection: sqlite3.Connection, _: object) -> None:
    connection.isolation_level = None
    _switch_to_wal(connection)
    connection.execute("PRAGMA synchronous = FULL")


def _switch_to_wal(connection: sqlite3.Connection) -> None:
    # SQLite itself does not wait for another process that switches at the same time.
    deadline = monotonic() + STORE_PATIENCE
    while True:
        try:
            connection.execute("PRAGMA journal_mode = WAL")
            return
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode != sqlite3.SQLITE_BUSY or monotonic() > deadline:
                raise
        sleep(RECHECK / 10)


def _begin_immediate(connection: Connection) -> None:
    connection.exec_driver_sql("BEGIN IMMEDIATE")


def _set_limits(connection: Any, _: object) -> None:
    with connection.cursor() as cursor:
        cursor.execute(f"SET lock_timeout = '{STORE_PATIENCE}s'")
        cursor.execute(f"SET statement_timeout = '{2 * STORE_PATIENCE}s'")
        cursor.execute(f"SET idle_in_transaction_session_timeout = '{SILENCE}s'")
        cursor.execute("SET synchronous_commit = on")
    connection.commit()


def _take_advisory_lock(connection: Connection) -> None:
    connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock({RIGHT_TO_WRITE})")


def _cause(error: BaseException) -> str:
    told = getattr(error, "orig", None) or error
    return " ".join(f"{type(told).__name__}: {told}".split())
