"""Actions of operators on timers and dead letters, and the record of them.

Each action is a row of the table of interventions; where it concerns a saga, it is also an event in
the saga's stream.
"""

from collections.abc import Callable
from typing import NamedTuple

import typer
from sqlalchemy import Connection

from sagaline.admin.saga_lookup import Instance, instances_of_key
from sagaline.cli.inspection import InspectedStores, has_table, inspected
from sagaline.cli.output import moment, print_rows
from sagaline.cli.steering import steer
from sagaline.cli.tables import Listing
from sagaline.runner.clock import StoreClock
from sagaline.saga.interventions import Operator
from sagaline.saga.state import Action
from sagaline.storage import Datastore
from sagaline.storage.tables.audit import Intervention, add_intervention, interventions_of
from sagaline.storage.tables.creation import create_tables
from sagaline.storage.tables.schema import interventions

Write = Callable[[Connection], None]


class OperatorAction(NamedTuple):
    """An action of an operator on a timer, or on a dead letter, of a follower.

    `about` is the id of the timer or letter, `key` its business transaction, and `step` the step of
    the saga that it belongs to, if there is one. `details` completes the action: the new time of a
    timer.
    """

    action: Action
    by: Operator
    follower: str
    about: str
    key: str | None
    step: str = ""
    details: str = ""

    @property
    def reason(self) -> str:
        """The details and the operator's reason."""
        return ": ".join(each for each in (self.details, self.by.reason) if each)


def intervene(
    ctx: typer.Context,
    stores: InspectedStores,
    datastore: Datastore,
    action: OperatorAction,
    write: Write,
) -> None:
    """Execute `write` in one transaction with the row that records the action.

    Where the action concerns a saga, append it to the saga's stream too: in the same transaction if
    the saga's log is in the same store. An exception from `write` rolls all of it back.
    """
    create_tables(datastore)
    at = StoreClock(datastore)()
    row = Intervention(
        at, action.by.name, action.action.value, action.about, action.key, action.reason
    )

    def write_and_record(connection: Connection) -> None:
        write(connection)
        add_intervention(connection, row)

    sagas = _sagas(stores, action)
    same_store = [each for each in sagas if _datastore(stores, each) is datastore]
    if same_store:
        _append_note(ctx, same_store[0], action, write_and_record)
    else:
        with datastore.write() as connection:
            write_and_record(connection)
    for each in sagas:
        if each not in same_store[:1]:
            _append_note(ctx, each, action, None)


def history(ctx: typer.Context, actions: tuple[Action, ...], json: bool) -> None:
    """Print the recorded actions of these kinds, oldest first."""
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


def _sagas(stores: InspectedStores, action: OperatorAction) -> list[Instance]:
    """Return the saga that owns the timer or letter; for another follower's, those of its key."""
    if action.key is None:
        return []
    processes = stores.system.processes
    own = [each for each in processes if each.name == action.follower]
    return instances_of_key(own or processes, stores.written, action.key)


def _append_note(
    ctx: typer.Context, saga: Instance, action: OperatorAction, also: Write | None
) -> None:
    operator = action.by._replace(reason=f"{action.about} {action.reason}".strip())
    step = action.step if saga.process.name == action.follower else ""
    steer(ctx, saga, lambda interventions: interventions.note(action.action, operator, step), also)


def _datastore(stores: InspectedStores, saga: Instance) -> Datastore:
    return stores.logs[saga.process.name].recorder.datastore
