"""`sagaline sagas show`: prints one instance, its history, its remaining steps and actions."""

from collections.abc import Iterable, Iterator
from itertools import islice
from typing import Annotated, Any

import typer

from sagaline.admin.entry import Entry
from sagaline.admin.saga_lookup import Instance, find_instance, last_run
from sagaline.application.saga_process import incompatibility_of
from sagaline.cli.attention import held_by
from sagaline.cli.calls import Call, calls_of
from sagaline.cli.commands.saga_actions import Id
from sagaline.cli.inspection import InspectedStores, inspected
from sagaline.cli.output import AsJson, facts, moment, print_json, show
from sagaline.cli.tables import Listing
from sagaline.runner.held_up import HeldUp
from sagaline.saga.history import describe
from sagaline.saga.interventions import Interventions
from sagaline.saga.state import Action, State, StepProgress, StepStatus
from sagaline.saga.versions import version_for

_EFFECTS = {
    Action.RETRY: ("", "issue the commands again that are stuck or wait for their next attempt"),
    Action.SKIP: ("--reason R", "mark it as done by hand, and continue"),
    Action.CANCEL: ("", "compensate: undo the steps that are done"),
    Action.ABANDON: ("--reason R", "close it in its present state: no more steps and no undos run"),
}
"""The option of each action, and its effect."""


Run = Annotated[
    int | None,
    typer.Option("--run", min=1, metavar="N", help="A run of the key. [the last one]"),
]


def show_saga(ctx: typer.Context, id: Id, run: Run = None, json: AsJson = False) -> None:
    """Print one saga. Raises SagaUnknown or SagaAmbiguous."""
    with inspected(ctx) as stores:
        found = find_instance(stores.system.processes, stores.written, id, run)
        runs = last_run(stores.written, found)
        history = [each.as_json() for each in _history(stores, found)]
        calls = calls_of(stores, found.key)
        held = held_by(stores, found)
        log = stores.logs[found.process.name]
        obstacle = incompatibility_of(found.process, log.recorder, found.journal)
    interventions = Interventions(
        found.process.saga, found.journal, found.process.timings, obstacle
    )
    if json:
        under_way = [each.as_json() for each in calls]
        facts_ = _as_json(found, interventions, obstacle, runs)
        waits = {"port_calls": under_way, "held_up": [each.as_json() for each in held]}
        print_json({**facts_, **waits, "history": history})
    else:
        _show(found, interventions, obstacle, calls, held, runs)


def _history(stores: InspectedStores, found: Instance) -> Iterator[Entry]:
    mapper = stores.logs[found.process.name].mapper
    for row in found.rows:
        yield Entry.of(found.process.name, row, mapper)


def _as_json(
    found: Instance, interventions: Interventions, obstacle: str | None, runs: int
) -> dict[str, Any]:
    journal, saga = found.journal, found.process.saga
    goes_by = version_for(saga, journal.fingerprint)
    return {
        "saga_id": journal.id,
        "name": journal.saga,
        "key": journal.key,
        "run": journal.run,
        "runs": runs,
        "state": journal.state.value,
        "reason": found.reason,
        "fingerprint": journal.fingerprint,
        "definition": goes_by.__name__,
        "is_former_definition": goes_by is not saga,
        "in_the_way": "" if journal.state.ended else obstacle or "",
        "steps": [_step(name, each) for name, each in journal.steps.items()],
        "reminders": [_reminder(name, each) for name, each in journal.reminders.items()],
        "remaining": interventions.remaining(),
        "next": [
            {"action": action.value, "step": step} for action, step in interventions.possible()
        ],
    }


def _step(name: str, progress: StepProgress) -> dict[str, Any]:
    return {
        "step": name,
        "status": progress.status.value,
        "attempts": progress.attempts,
        "reason": progress.reason,
    }


def _reminder(name: str, progress: StepProgress) -> dict[str, Any]:
    """A time that a reminder was issued; nothing answers it, so no more is known of most."""
    status = "dropped" if progress.status is StepStatus.WAIVED else "issued"
    return {**_step(name, progress), "status": status}


def _show(
    found: Instance,
    interventions: Interventions,
    obstacle: str | None,
    calls: Iterable[Call],
    held: Iterable[HeldUp],
    runs: int,
) -> None:
    facts_ = _as_json(found, interventions, obstacle, runs)
    title = _title(facts_, interventions, calls, held)
    show(facts([("saga", f"{facts_['name']} {facts_['saga_id']}"), *title.items()]))
    show("")
    steps = Listing("step", "status", "#attempts", ">reason")
    for each in (*facts_["steps"], *facts_["reminders"]):
        cells = [each[name] for name in ("step", "status", "attempts", "reason")]
        steps.add(*cells, style="red" if "stuck" in each["status"] else "")
    steps.show()
    show("")
    events = Listing("when", ">what happened")
    for event in found.events:
        for number, line in enumerate(describe(event)):
            events.add("" if number else moment(event.timestamp), line)
    events.show()
    show("")
    if facts_["remaining"]:
        left = "to undo" if found.journal.compensating else "to do"
        show(facts([(left, ", ".join(facts_["remaining"]))]))
        show("")
    _show_next(found, interventions)


def _title(
    facts_: dict[str, Any],
    interventions: Interventions,
    calls: Iterable[Call],
    held: Iterable[HeldUp],
) -> dict[str, Any]:
    """Return what an operator reads first: the state, and what the instance waits for."""
    title = {name: facts_[name] for name in ("key", "state", "reason") if facts_[name]}
    if facts_["is_former_definition"]:
        title["definition"] = f"{facts_['definition']}, a former one"
    run, runs = facts_["run"], facts_["runs"]
    title |= {"run": f"{run} of {runs}: --run N shows another"} if runs > 1 else {}
    if interventions.journal.state in (State.RUNNING, State.COMPENSATING):
        title["now"] = f"it {interventions.waits()}"
    for call in islice(calls, 1):
        title["asks"] = f"{call.follower}: {call.words}, since {moment(call.since)}"
    for each in islice(held, 1):
        title["but"] = f"it is {each.words}"
    if facts_["in_the_way"]:
        title["cannot go on"] = facts_["in_the_way"]
    return title


def _show_next(found: Instance, interventions: Interventions) -> None:
    rows = Listing("what you can do", ">what it does")
    for action, step in interventions.possible():
        option, effect = _EFFECTS[action]
        rows.add(
            " ".join(["sagas", action.value, found.key, *filter(None, [step, option])]), effect
        )
    rows.show(empty="Nothing can be done: it has ended.")
