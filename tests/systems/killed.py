"""Two workers of a system in processes of their own, which are killed in turns on the way."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from random import Random
from typing import Any

from sqlalchemy import Engine, create_engine, inspect, text
from sqlalchemy.exc import DatabaseError

from sagaline import Application, Command
from tests.crash.test_killed_runners import Runner, wait_until

KILLS = 3


@contextmanager
def opened(application: type[Application], url: str) -> Iterator[Any]:
    """An application on a store, which no runner of this process leads."""
    app = application(env={"PERSISTENCE_MODULE": "sagaline.storage", "SQLALCHEMY_URL": url})
    try:
        yield app
    finally:
        app.close()


def run_and_kill(
    url: str, folder: Path, application: type[Application], commands: Sequence[Command]
) -> None:
    """Gives the commands in parts, each before a kill; returns when both workers are settled."""
    size = -(-len(commands) // KILLS)
    with opened(application, url) as app:
        kill_in_turns(
            url, folder, lambda kill: app.execute(commands[kill * size : (kill + 1) * size])
        )


def kill_in_turns(url: str, folder: Path, before: Callable[[int], object]) -> None:
    """Runs two workers until they are settled; kills one of them at some event, again and again."""
    random, engine = Random(KILLS), create_engine(url)
    workers: list[Runner] = []
    try:
        for kill in range(KILLS):
            before(kill)
            until = _written(engine) + random.randint(1, 60)
            workers = workers or [Runner(url, folder / f"worker-{n}.txt") for n in (1, 2)]
            wait_until(partial(_has_come_to, engine, until, workers))
            workers[kill % 2].kill()
            workers[kill % 2].start()
        codes = [each.wait() for each in workers]
    finally:
        for each in workers:
            each.kill()
        engine.dispose()
    assert codes == [0, 0], "\n".join(each.said() for each in workers)


def _has_come_to(engine: Engine, written: int, workers: Sequence[Runner]) -> bool:
    return _written(engine) >= written or all(each.is_over() for each in workers)


def _written(engine: Engine) -> int:
    """How many events the logs hold."""
    found = 0
    try:
        with engine.connect() as connection:
            for table in inspect(connection).get_table_names():
                if table.endswith("_events"):
                    newest = connection.execute(text(f"SELECT max(id) FROM {table}")).scalar()
                    found += newest or 0
    except DatabaseError:
        return found  # it is being made
    return found
