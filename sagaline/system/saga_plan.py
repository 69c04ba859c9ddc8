"""The text in `saga_list.plan`: the steps of an open instance, and those started, in that order.

``check_visa (no undo), book_flight; check_visa; book_flight; <`` has two steps, both started, and
turned back. An ended instance has its steps alone, as every row of version 0.1.0 has: there, the
steps that were started are those that do not remain.
"""

from collections.abc import Collection, Iterable
from typing import Final

_NO_UNDO: Final = " (no undo)"
_BACK: Final = "; <"


def begun(steps: Iterable[str], without_undo: Collection[str]) -> str:
    """The plan of an instance that has started no step."""
    return ", ".join(f"{each}{_NO_UNDO}" if each in without_undo else each for each in steps)


def with_started(plan: str, step: str, remaining: str) -> str:
    """The plan after a step was started, or answered before its start."""
    declared, *known = _with_former(plan, remaining).split("; ")
    return "; ".join([declared, *known] if step in known else [declared, *known, step])


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
    return [each for each in reversed(started) if f"{each}{_NO_UNDO}" not in without_undo]


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
