"""`sagaline sagas show`: one instance, its history, what is left, and what can be done next."""

from collections.abc import Iterator
from typing import Any

import typer

from sagaline.admin.saga_lookup import Instance, find_instance
from sagaline.admin.timeline import Entry
from sagaline.cli.commands.saga_actions import Id
from sagaline.cli.inspection import InspectedStores
from sagaline.cli.options import inspected
from sagaline.cli.output import AsJson, facts, moment, print_json, show
from sagaline.cli.tables import Listing
from sagaline.runner.saga_versions import incompatibility_of
from sagaline.saga.history import describe
from sagaline.saga.instance import Journal
from sagaline.saga.interventions import Interventions
from sagaline.saga.state import Action, State, StepProgress

_CURES = {
    Action.RETRY: ("", "ask again for what is stuck, or waits for its next attempt"),
    Action.SKIP: ("--reason R", "take it for dealt with by hand, and go on"),
    Action.CANCEL: ("", "turn round, and undo what was done"),
    Action.ABANDON: ("--reason R", "close it as it is: nothing more is done or undone"),
}
"""What each action is written with, and what it does."""


def show_saga(ctx: typer.Context, id: Id, json: AsJson = False) -> None:
    """Show one saga: its history, the steps that are left, and what can be done next."""
    with inspected(ctx) as stores:
        found = find_instance(stores.system.processes, stores.written, id)
        history = [each.as_json() for each in _history(stores, found)]
        log = stores.logs[found.process.name]
        obstacle = incompatibility_of(found.process, log.recorder, found.journal)
    course = Interventions(found.process.saga, found.journal, found.process.timings, obstacle)
    if json:
        print_json({**_standing(found, course, obstacle), "history": history})
    else:
        _show(found, course, obstacle)


def _history(stores: InspectedStores, found: Instance) -> Iterator[Entry]:
    mapper = stores.logs[found.process.name].mapper
    for row in found.rows:
        yield Entry.of(found.process.name, row, mapper)


def _standing(found: Instance, course: Interventions, obstacle: str | None) -> dict[str, Any]:
    journal = found.journal
    return {
        "saga_id": journal.id,
        "name": journal.saga,
        "key": journal.key,
        "state": journal.state.value,
        "reason": _reason(found),
        "fingerprint": journal.fingerprint,
        "in_the_way": "" if journal.state.ended else obstacle or "",
        "steps": [_step(name, each) for name, each in journal.steps.items()],
        "remaining": course.remaining(),
        "next": [{"action": action.value, "step": step} for action, step in course.possible()],
    }


def _reason(found: Instance) -> str:
    """Who closed it and why, or why it waits for a person, or else why it turned round."""
    if found.journal.state is State.ABANDONED:
        return next(str(e.reason) for e in found.events if isinstance(e, Journal.Ended))
    known = (*found.journal.steps.values(), *found.journal.closings.values())
    stuck = [each.reason for each in known if "stuck" in each.status.value]
    return stuck[0] if stuck else found.journal.reason


def _step(name: str, progress: StepProgress) -> dict[str, Any]:
    return {
        "step": name,
        "status": progress.status.value,
        "attempts": progress.attempts,
        "reason": progress.reason,
    }


def _show(found: Instance, course: Interventions, obstacle: str | None) -> None:
    standing = _standing(found, course, obstacle)
    title = {name: standing[name] for name in ("key", "state", "reason") if standing[name]}
    if found.journal.state in (State.RUNNING, State.COMPENSATING):
        title["now"] = f"it {course.waits()}"
    if standing["in_the_way"]:
        title["cannot go on"] = standing["in_the_way"]
    show(facts([("saga", f"{standing['name']} {standing['saga_id']}"), *title.items()]))
    show("")
    steps = Listing("step", "status", "#attempts", ">reason")
    for each in standing["steps"]:
        steps.add(*each.values(), style="red" if "stuck" in each["status"] else "")
    steps.show()
    show("")
    events = Listing("when", ">what happened")
    for event in found.events:
        for number, line in enumerate(describe(event)):
            events.add("" if number else moment(event.timestamp), line)
    events.show()
    show("")
    if standing["remaining"]:
        left = "to undo" if found.journal.compensating else "to do"
        show(facts([(left, ", ".join(standing["remaining"]))]))
        show("")
    _show_next(found, course)


def _show_next(found: Instance, course: Interventions) -> None:
    rows = Listing("what you can do", ">what it does")
    for action, step in course.possible():
        option, effect = _CURES[action]
        rows.add(
            " ".join(["sagas", action.value, found.key, *filter(None, [step, option])]), effect
        )
    rows.show(empty="Nothing can be done: it has ended.")
