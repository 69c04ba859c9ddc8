"""Declares a step that is requested once for each of several items."""

from collections.abc import Callable, Iterable
from typing import Any, Unpack

from sagaline.errors import DefinitionError
from sagaline.messaging.declaring import refuse_misfit, refuse_wrong
from sagaline.messaging.lazy import name_of
from sagaline.saga.command_part import CommandMethod
from sagaline.saga.fan_out import ALL, FanOut, Need, counted
from sagaline.saga.steps import Events, Step, StepOptions, declared_step


def step_for_each(
    items: Callable[[Any], Iterable[Any]],
    *,
    done: Events,
    refused: Events = (),
    need: Need = ALL,
    at_once: int | None = None,
    **options: Unpack[StepOptions],
) -> Callable[[CommandMethod], Step]:
    """Declares a step that is requested once for each item: for each order line, each supplier.

    `items` is a function from the saga to its items, such as
    ``lambda saga: saga[Order.Placed].lines``; it must give the same items whenever it is called.
    The method takes the saga and an item, and returns the command for that item; so does the undo.
    Each item has a command, a time limit and attempts of its own, and only those that were done
    are undone. An item that occurs twice is requested twice.

    `need` says how many must be done: ``ALL``, ``at_least(2)``, ``first(1)`` (the others are
    requested only in place of those that fail) or ``ANY``. `at_once` limits how many run at the
    same time. The other arguments are those of `step`. In a later step, ``self.reserve_line.done``
    holds the items that are done with their answers, and ``self.reserve_line.failed`` the others.
    """
    where = f"@step_for_each({name_of(items)})"
    refuse_misfit(items, where, "saga")
    refuse_wrong(need, Need, where, "Write need=ALL, ANY, at_least(2) or first(1).")
    may_not = [each for each in ("optional", "instead_of") if each in options]
    if may_not:
        cure = "Say how many must be done: need=ANY, at_least(2) or first(1)."
        raise DefinitionError(where=where, problem=f"it has {may_not[0]}=", cure=cure)
    if at_once is not None:
        counted(at_once, f"{where}: at_once")
    fan_out = FanOut(items, need, at_once)

    def declare(make_command: CommandMethod) -> Step:
        return declared_step(make_command, done, refused, options, fan_out)

    return declare
