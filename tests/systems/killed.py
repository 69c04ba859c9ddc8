"""Two workers of a system in processes of their own, which are killed in turns on the way."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
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
    random, engine = Random(len(commands)), create_engine(url)
    size = -(-len(commands) // KILLS)
    workers: list[Runner] = []
    try:
        with opened(application, url) as app:
            for kill in range(KILLS):
                app.execute(commands[kill * size : (kill + 1) * size])
                until = _written(engine) + random.randint(1, 120)
                if not workers:
                    workers = [Runner(url, folder / f"worker-{n}.txt") for n in (1, 2)]
                wait_until(lambda until=until: _written(engine) >= until)  # type: ignore[misc]
                workers[kill % 2].kill()
                workers[kill % 2].start()
        codes = [each.wait() for each in workers]
    finally:
        for each in workers:
            each.kill()
        engine.dispose()
    assert codes == [0, 0], "\n".join(each.said() for each in workers)


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
