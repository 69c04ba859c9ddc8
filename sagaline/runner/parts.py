"""Compares the parts of a system with its stores: which are gone from the code, and which are new.

A store knows a part by its name. A part that is gone may be a class that was renamed, and a new
part that reads old events may repeat their effects. So a store with history refuses both until the
code says what is meant.
"""

from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from typing import Any, Final, NamedTuple

from sagaline.application.application import Application
from sagaline.application.declaration import declaration_of
from sagaline.application.saga_process import SagaProcess
from sagaline.errors import StoreUnusable
from sagaline.messaging.topics import stored_topics
from sagaline.read_model.definition import has_effects
from sagaline.read_model.projector import topics_of_model
from sagaline.runner.schedules import SCHEDULE_TOPICS
from sagaline.saga.instance import Journal
from sagaline.storage import Datastore, follower_state
from sagaline.storage.tables.followers import add_positions, all_positions
from sagaline.storage.tables.ownership import Ownership
from sagaline.storage.tables.parts import Remains, count_events, remains_of
from sagaline.storage.tables.read_tables import table_exists
from sagaline.storage.tables.schema import store as store_table
from sagaline.system.environment import log_at, views_at
from sagaline.system.system import System

_WORDS: Final = {
    "events": "event",
    "open_sagas": "open saga",
    "unread": "unread event",
    "timers": "timer",
    "dead_letters": "dead letter",
}


def refuse_changed_parts(
    system: System, env: Mapping[str, str], *, projecting: bool = True
) -> None:
    """Raises StoreUnusable for the first part that is gone, or new; changes nothing.

    A rebuild is not `projecting`: its read models have no effects.
    """
    for each in changed_parts(system, env, projecting=projecting):
        raise each


def changed_parts(
    system: System, env: Mapping[str, str], *, projecting: bool = True
) -> list[StoreUnusable]:
    """Why the stores refuse the parts of a system, one reason for each part; changes nothing."""
    with ExitStack() as opened:

        def open_store(where: tuple[str, str | None]) -> Datastore:
            datastore = Datastore.open(*where)
            opened.callback(datastore.close)
            return datastore

        logs = {each.name: open_store(log_at(env, each)) for each in system.members}
        views = open_store(views_at(env))
        others = [each for each in dict.fromkeys(logs.values()) if each is not views]
        stores = [_Store.read(each) for each in [*others, views]]
        if not any(each.ownership.applications for each in stores):
            return []  # no system has run here, so nothing was left out on purpose
        models = _with_effects(system, stores, logs) if projecting else ()
        return [*_gone(system, stores), *_new(system, stores, logs), *models]


def register_members(system: System, apps: Mapping[str, Application]) -> None:
    """Gives each member a position in every log that it follows, and has never followed before.

    One that begins "now" gets the heads of these logs, all in one transaction: of several runners,
    the first decides.
    """
    for cls in system.members:
        datastore = apps[cls.name].datastore
        with datastore.read() as connection:
            known = follower_state(connection, cls.name).positions
        new = [each for each in system.leaders_of[cls.name] if each not in known]
        if new:
            is_now = declaration_of(cls).begin == "now"
            starts = {each: apps[each].recorder.head() if is_now else 0 for each in new}
            with datastore.write() as connection:
                add_positions(connection, cls.name, starts)


class _Store(NamedTuple):
    """A store of the system: who owns it, and the positions in it by follower and leader."""

    datastore: Datastore
    ownership: Ownership
    positions: Mapping[tuple[str, str], int]

    @classmethod
    def read(cls, datastore: Datastore) -> "_Store":
        with datastore.inspect() as connection:
            if not table_exists(connection, store_table.name):
                return cls(datastore, Ownership(), {})
            return cls(datastore, Ownership.read(connection), all_positions(connection))

    def ask(self, query: Callable[..., Any], *arguments: Any) -> Any:
        with self.datastore.inspect() as connection:
            return query(connection, *arguments)


def _gone(system: System, stores: list[_Store]) -> Iterator[StoreUnusable]:
    """The parts that a store knows and the code does not have."""
    members = {each.name for each in system.members}
    begun = stored_topics(Journal.Started) | stored_topics(Journal.Begun)
    topics = begun, stored_topics(Journal.Ended), SCHEDULE_TOPICS
    for store in stores:
        for part in store.ownership.applications:
            if part in members:
                continue
            found: Remains = store.ask(remains_of, part, list(system.leaders_of), *topics)
            reason = _left(part, found) if part in system.removed else _missing(part, found)
            if reason:
                yield StoreUnusable(url=store.datastore.address, reason=reason)


def _missing(part: str, found: Remains) -> str:
    if not any(found):
        return ""
    return (
        f"it holds {_words(found)} of {part}, which the system does not have. If its class was "
        f"renamed, write class NewName(..., name={part!r}); if it was removed, write "
        f"System(..., removed=[{part!r}])"
    )


def _left(part: str, found: Remains) -> str:
    unfinished = found._replace(events=0)
    if not any(unfinished):
        return ""
    return (
        f"{part} cannot be removed yet: it has {_words(unfinished)}. Run the system with it until "
        "they are gone"
    )


def _words(found: Remains) -> str:
    counts = [(count, _WORDS[name]) for name, count in found._asdict().items() if count]
    return ", ".join(f"{count:,} {word}{'' if count == 1 else 's'}" for count, word in counts)


def _new(
    system: System, stores: list[_Store], logs: Mapping[str, Datastore]
) -> Iterator[StoreUnusable]:
    """The parts that would act on events from before their first start."""
    by_datastore = {each.datastore: each for each in stores}
    known = {pair for each in stores for pair in each.positions}
    for cls in system.members:
        if declaration_of(cls).begin is not None:
            continue
        for leader in system.leaders_of[cls.name]:
            if (cls.name, leader) in known:
                continue
            topics = system.acting_topics(cls.name, leader)
            store = by_datastore[logs[leader]]
            count = store.ask(count_events, leader, topics)
            if count:
                reason = _effects(cls, leader, count)
                yield StoreUnusable(url=store.datastore.address, reason=reason)


def _effects(cls: type[Application], leader: str, count: int) -> str:
    effects = f"act on {count:,} old events"
    if issubclass(cls, SagaProcess):
        most = count * sum(not each.waits for each in cls.saga.steps.values())
        effects = f"start {count:,} sagas, which issue up to {most:,} commands"
    return (
        f"{cls.name} is new to the log of {leader}, and from the beginning it would {effects}. "
        f"Write class {cls.__name__}(..., begin='now') to leave out what is there already, or "
        "begin='beginning' to include it"
    )


def _with_effects(
    system: System, stores: list[_Store], logs: Mapping[str, Datastore]
) -> Iterator[StoreUnusable]:
    """The read models that would have the effects of old events: their table is not there yet."""
    views, by_datastore = stores[-1], {each.datastore: each for each in stores}
    for model in filter(has_effects, system.read_models):
        view = model.table.name
        topics = topics_of_model(model)
        if views.ask(table_exists, view):
            continue
        counts = [
            by_datastore[logs[leader]].ask(count_events, leader, topics)
            for leader in system.leaders_of[view]
        ]
        if any(counts):
            reason = (
                f"{view} has no table yet, and its handlers, which read self.rebuilding, would "
                f"have the effects of {sum(counts):,} old events. First run `sagaline rebuild "
                f"{view}`, which handles these without effects"
            )
            yield StoreUnusable(url=views.datastore.address, reason=reason)
