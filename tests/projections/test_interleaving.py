"""The same logs give the same rows in every interleaving."""

from collections.abc import Iterator
from contextlib import contextmanager
from random import Random
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sagaline.messaging.message import Message
from sagaline.storage import Datastore
from tests.projections.history import Ending, Logs, Shop, Views, one_log_after_the_other

endings = st.lists(st.sampled_from(Ending), min_size=1, max_size=5)
chance = st.randoms(use_true_random=False)


@contextmanager
def views() -> Iterator[Views]:
    store = Datastore.open("sqlite://")
    try:
        yield Views(store)
    finally:
        store.close()


def interleaved(logs: Logs, chance: Random) -> Iterator[Message]:
    """The messages of all logs: each log in its order, the logs among each other in any."""
    left = {name: iter(log) for name, log in logs.items()}
    while left:
        name = chance.choice(sorted(left))
        message = next(left[name], None)
        if message is None:
            del left[name]
        else:
            yield message


@pytest.mark.slow
@given(endings=endings, chance=chance)
def test_any_interleaving_in_any_batches_gives_the_same_rows(
    endings: list[Ending], chance: Random
) -> None:
    shop = Shop()
    for number, ending in enumerate(endings):
        shop.run(UUID(int=1_000 * number), ending)
    with views() as expected:
        expected.fold(list(one_log_after_the_other(shop.logs)))
        rows = expected.tables()
    with views() as found:
        messages = list(interleaved(shop.logs, chance))
        while messages:
            size = chance.randint(1, 10)
            found.fold(messages[:size], restarted=chance.random() < 0.3)
            messages = messages[size:]
        assert found.tables() == rows
