"""The text in `saga_list.plan`: the steps of an open instance, and those started, in that order.

``check_visa (no undo), book_flight; check_visa; book_flight; <`` has two steps, both started, and
turned back. ``; reserve_line*5*2`` is a step with five items, of which two are not settled yet.
An ended instance has its steps alone, and so has every row of version 0.1.0: there, the steps that
were started are those that do not remain.
"""

from collections.abc import Collection, Iterable
from typing import Final

from sagaline.saga.items import items_in_words

_NO_UNDO: Final = " (no undo)"
_BACK: Final = "; <"


def begun(steps: Iterable[str], without_undo: Collection[str]) -> str:
    """The plan of an instance that has started no step."""
    return ", ".join(f"{each}{_NO_UNDO}" if each in without_undo else each for each in steps)


def with_started(plan: str, step: str, remaining: str) -> str:
    """The plan after a step was started, or answered before its start."""
    declared, *known = _with_former(plan, remaining).split("; ")
    return "; ".join([declared, *known] if step in known else [declared, *known, step])


def with_item(plan: str, step: str, effects: int, unsettled: int) -> str:
    """The plan after one more, or less, item of a step has an effect, or is not settled."""
    declared, *started = plan.split("; ")
    known = next((each for each in started if each.partition("*")[0] == step), f"{step}*0*0")
    _, before, left = known.split("*")
    now = f"{step}*{max(0, int(before) + effects)}*{max(0, int(left) + unsettled)}"
    place = started.index(known) if known in started else len(started)
    started[place : place + 1] = [now]
    return "; ".join([declared, *started])


def is_settled(plan: str, step: str) -> bool:
    """Whether every item of a step that was requested is done, or has failed."""
    counts = plan.partition(f"; {step}*")[2].partition("; ")[0]
    return not counts or counts.endswith("*0")


def in_order(plan: str, steps: Collection[str]) -> list[str]:
    """These steps in the order of their declaration."""
    return [each for each in ended(plan).split(", ") if each in steps]


def without_effect(plan: str, step: str) -> str:
    """The plan after a step that was started is undone, or has failed without effect."""
    declared, *started = plan.split("; ")
    return "; ".join([declared, *(each for each in started if each != step)])


def without(plan: str, step: str) -> str:
    """The plan without a step whose condition is not met."""
    declared, *started = plan.split("; ")
    kept = [each for each in declared.split(", ") if each.removesuffix(_NO_UNDO) != step]
    return "; ".join([", ".join(kept), *started])


def turned(plan: str) -> str:
    """The plan of an instance that compensates from now on."""
    return plan + _BACK


def is_of_way_back(plan: str) -> bool:
    """Whether the instance compensates."""
    return plan.endswith(_BACK)


def to_undo(plan: str, remaining: str) -> list[str]:
    """The steps that were started and have an undo, the last one first."""
    declared, *started = _with_former(plan, remaining).split("; ")
    without_undo = {each for each in declared.split(", ") if each.endswith(_NO_UNDO)}
    started = [
        each for each in started if f"{each.partition('*')[0]}{_NO_UNDO}" not in without_undo
    ]
    return [each for each in map(_in_words, reversed(started)) if each]


def _in_words(started: str) -> str:
    """A step that was started: ``reserve_line (3 items)`` where it has items; empty without any."""
    name, _, counts = started.partition("*")
    effects = counts.partition("*")[0]
    if not counts:
        return name if name != "<" else ""
    return "" if effects == "0" else items_in_words(name, int(effects))


def ended(plan: str) -> str:
    """The plan of an instance that has ended: its steps alone."""
    return plan.partition("; ")[0].replace(_NO_UNDO, "")


def _with_former(plan: str, remaining: str) -> str:
    """The plan with the steps that a row of version 0.1.0 does not name: those not remaining."""
    if "; " in plan:
        return plan
    steps, left = ended(plan), remaining.split(", ")
    if steps == remaining:
        return plan
    return "; ".join([plan, *(each for each in steps.split(", ") if each not in left)])
