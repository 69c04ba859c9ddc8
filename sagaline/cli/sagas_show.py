"""`sagaline sagas show`: one instance, its history, what is left, and what can be done next."""

from collections.abc import Iterator
from typing import Any

import typer

from sagaline.cli.listing import Listing
from sagaline.cli.options import looking_into
from sagaline.cli.sagas_act import Id
from sagaline.cli.stores import Stores
from sagaline.cli.terminal import AsJson, facts, moment, print_json, show
from sagaline.instances import Instance, find_instance
from sagaline.progress import Action, Progress
from sagaline.steering import Steering
from sagaline.timeline import Entry

_REASON = {Action.SKIP: " --reason R", Action.ABANDON: " --reason R"}


def show_saga(ctx: typer.Context, id: Id, json: AsJson = False) -> None:
    """Show one saga: its history, the steps that are left, and what can be done next."""
    with looking_into(ctx) as stores:
        found = find_instance(stores.system.processes, stores.written, id)
        history = list(_history(stores, found))
    if json:
        print_json({**_standing(found), "history": [each.as_json() for each in history]})
    else:
        _show(found, history)


def _history(stores: Stores, found: Instance) -> Iterator[Entry]:
    mapper = stores.logs[found.process.name].mapper
    for row in found.rows:
        yield Entry.of(found.process.name, row, mapper)


def _standing(found: Instance) -> dict[str, Any]:
    journal = found.journal
    course = Steering(found.process.saga, journal, found.process.timings)
    return {
        "saga_id": journal.id,
        "name": journal.saga,
        "key": journal.key,
        "state": journal.state.value,
        "reason": _reason(found),
        "fingerprint": journal.fingerprint,
        "steps": [_step(name, each) for name, each in journal.steps.items()],
        "remaining": course.remaining(),
        "next": [{"action": action.value, "step": step} for action, step in course.possible()],
    }


def _reason(found: Instance) -> str:
    """Why it waits for a person, or else why it turned round."""
    known = (*found.journal.steps.values(), *found.journal.closings.values())
    stuck = [each.reason for each in known if "stuck" in each.status.value]
    return stuck[0] if stuck else found.journal.reason


def _step(name: str, progress: Progress) -> dict[str, Any]:
    return {
        "step": name,
        "status": progress.status.value,
        "attempts": progress.attempts,
        "reason": progress.reason,
    }


def _show(found: Instance, history: list[Entry]) -> None:
    standing = _standing(found)
    title = {name: standing[name] for name in ("key", "state", "reason")}
    show(facts([("saga", f"{standing['name']} {standing['saga_id']}"), *title.items()]))
    show("")
    steps = Listing("step", "status", "#attempts", ">reason")
    for each in standing["steps"]:
        steps.add(*each.values(), style="red" if "stuck" in each["status"] else "")
    steps.show()
    show("")
    events = Listing("when", "event", ">")
    for entry in history:
        events.add(moment(entry.timestamp), entry.name, entry.summary)
    events.show()
    show("")
    show(facts([("left", ", ".join(standing["remaining"]) or "nothing"), ("next", _next(found))]))


def _next(found: Instance) -> str:
    course = Steering(found.process.saga, found.journal, found.process.timings)
    lines = [
        f"sagas {action.value} {found.key}{f' {step}' if step else ''}{_REASON.get(action, '')}"
        for action, step in course.possible()
    ]
    return "; ".join(lines) or "nothing can be done: it has ended"
