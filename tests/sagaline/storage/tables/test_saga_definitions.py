"""The definition of a saga that last ran on a store."""

from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

from sagaline.storage.tables.creation import create_tables
from sagaline.storage.tables.saga_definitions import Definition, definition_of, write_definition
from tests.sagaline.storage.stores import opened

RUNNERS = 6


def test_several_runners_may_be_the_first_at_once(store_url: str) -> None:
    ready = Barrier(RUNNERS)

    def start(runner: int) -> None:
        with opened(store_url) as datastore:
            for saga in range(10):
                ready.wait(60)
                with datastore.write() as connection:
                    write_definition(
                        connection, f"saga {saga}", Definition("same", {"step": "one"})
                    )

    with opened(store_url) as datastore:
        create_tables(datastore)
        with ThreadPoolExecutor(RUNNERS) as runners:
            list(runners.map(start, range(RUNNERS)))
        with datastore.read() as connection:
            for saga in range(10):
                found = definition_of(connection, f"saga {saga}")
                assert found == Definition("same", {"step": "one"})
