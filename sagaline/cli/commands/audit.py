"""What people do to timers and dead letters: recorded, and told by the sagas that it is about."""

from collections.abc import Callable
from typing import NamedTuple

import typer
from sqlalchemy import Connection

from sagaline.admin.saga_lookup import Instance, instances_of_key
from sagaline.cli.commands.saga_actions import steer
from sagaline.cli.inspection import InspectedStores, has_table
from sagaline.cli.options import inspected
from sagaline.cli.output import moment, print_rows
from sagaline.cli.tables import Listing
from sagaline.runner.clock import StoreClock
from sagaline.saga.interventions import Operator
from sagaline.saga.state import Action
from sagaline.storage import Datastore
from sagaline.storage.tables.audit import Intervention, add_intervention, interventions_of
from sagaline.storage.tables.creation import create_tables
from sagaline.storage.tables.schema import interventions

Write = Callable[[Connection], None]


class Deed(NamedTuple):
    """What a person does to a timer, or to a dead letter, of a follower.

    `about` is its id, `key` its business transaction, and `step` the saga's step that it is about,
    if there is one. `what` says more closely what is done, where the action alone does not.
    """

    action: Action
    by: Operator
    follower: str
    about: str
    key: str | None
    step: str = ""
    what: str = ""

    @property
    def reason(self) -> str:
        """What is done, as far as the action does not say it, and why."""
        return ": ".join(each for each in (self.what, self.by.reason) if each)


def intervene(
    ctx: typer.Context, stores: InspectedStores, datastore: Datastore, deed: Deed, write: Write
) -> None:
    """Does what a person wants done, in one transaction with the row that tells of it.

    Where it is about a saga, the saga's stream tells it too: in the same transaction, if its log is
    in the same store. Whatever `write` raises, nothing is done or told then.
    """
    create_tables(datastore)
    at = StoreClock(datastore)()
    facts = at, deed.by.name, deed.action.value, deed.about, deed.key, deed.reason

    def do(connection: Connection) -> None:
        write(connection)
        add_intervention(connection, Intervention(*facts))

    beside = _sagas(stores, deed)
    here = [each for each in beside if _datastore(stores, each) is datastore]
    if here:
        _tell(ctx, here[0], deed, do)
    else:
        with datastore.write() as connection:
            do(connection)
    for each in beside:
        if each not in here[:1]:
            _tell(ctx, each, deed, None)


def history(ctx: typer.Context, actions: tuple[Action, ...], json: bool) -> None:
    """Prints what people did, of these kinds, the first before the others."""
    found: list[Intervention] = []
    with inspected(ctx) as stores:
        for datastore in stores.datastores:
            if has_table(datastore, interventions):
                with datastore.read() as connection:
                    found += interventions_of(connection, [each.value for each in actions])
    found.sort(key=lambda each: each.at)
    if json:
        print_rows(each._asdict() for each in found)
        return
    rows = Listing("when", "who", "what", "about", "?key", ">why")
    for each in found:
        rows.add(moment(each.at), each.by, each.action, each.about, each.key, each.reason)
    rows.show()


def _sagas(stores: InspectedStores, deed: Deed) -> list[Instance]:
    """The saga whose timer or letter it is; where it is another follower's, those of its key."""
    if deed.key is None:
        return []
    processes = stores.system.processes
    own = [each for each in processes if each.name == deed.follower]
    return instances_of_key(own or processes, stores.written, deed.key)


def _tell(ctx: typer.Context, saga: Instance, deed: Deed, also: Write | None) -> None:
    person = deed.by._replace(reason=f"{deed.about} {deed.reason}".strip())
    step = deed.step if saga.process.name == deed.follower else ""
    steer(ctx, saga, lambda course: course.note(deed.action, person, step), also)


def _datastore(stores: InspectedStores, saga: Instance) -> Datastore:
    return stores.logs[saga.process.name].recorder.datastore
