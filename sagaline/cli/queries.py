"""Queries of the stores beside the logs: saga instances, read tables and dead letters."""

from collections.abc import Iterable, Iterator
from typing import Any

from sqlalchemy import func, select

from sagaline.cli.inspection import InspectedStores
from sagaline.codec import TypedMapper
from sagaline.followers.parking import revealed
from sagaline.read_model.outdated import tables_out_of_date
from sagaline.saga.state import State
from sagaline.storage import Datastore
from sagaline.storage.tables.dead_letters import Letter, all_letters, count_letters
from sagaline.storage.tables.schema import read_tables
from sagaline.system.saga_list import saga_list


def sagas_by_state(stores: InspectedStores, states: Iterable[State] = State) -> dict[str, int]:
    """Count the instances in each of these states."""
    counts = {each.value: 0 for each in states}
    if stores.has_view(saga_list):
        query = (
            select(saga_list.c.state, func.count())
            .where(saga_list.c.state.in_(list(counts)))
            .group_by(saga_list.c.state)
        )
        with stores.views.read() as connection:
            counts.update((state, count) for state, count in connection.execute(query))
    return counts


def sagas(
    stores: InspectedStores, state: State | None, limit: int | None
) -> Iterator[dict[str, Any]]:
    """Read the instances, or those in one state, newest first, a row at a time."""
    query = select(saga_list).order_by(saga_list.c.started_at.desc(), saga_list.c.saga_id)
    if state is not None:
        query = query.where(saga_list.c.state == state.value)
    if not stores.has_view(saga_list):
        return
    with stores.views.read() as connection:
        result = connection.execution_options(yield_per=1_000).execute(query.limit(limit))
        yield from map(dict, result.mappings())


def out_of_date(stores: InspectedStores) -> list[str]:
    """Return the read tables that were made by other code than the code that is loaded."""
    if not stores.has_view(read_tables):
        return []
    with stores.views.read() as connection:
        return tables_out_of_date(connection, stores.system.read_models)


def letters(stores: InspectedStores) -> list[Letter]:
    """Read all dead letters, oldest first."""
    found = [each for store in stores.datastores for each in letters_in(stores, store)]
    return sorted(found, key=lambda each: (each.parked_at, each.follower, each.position))


def letters_in(stores: InspectedStores, datastore: Datastore) -> list[Letter]:
    """Read the dead letters of one store, with texts that can be read."""
    with datastore.read() as connection:
        found = all_letters(connection)
    return [revealed(each, _mapper_of(stores, each)) for each in found]


def _mapper_of(stores: InspectedStores, letter: Letter) -> TypedMapper | None:
    """The mapper that a letter's texts are encrypted with, as its event is."""
    log = stores.logs.get(letter.leader) or stores.logs.get(letter.follower)
    return None if log is None else log.mapper


def letters_by_follower(stores: InspectedStores) -> dict[str, int]:
    """Count the parked events of each follower that has any."""
    counts: dict[str, int] = {}
    for datastore in stores.datastores:
        with datastore.read() as connection:
            counts.update(count_letters(connection))
    return counts
