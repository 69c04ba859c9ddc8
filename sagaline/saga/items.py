"""The names of a step's items: a step that is requested for each of several has one for each."""

from collections import Counter


def item_name(step: str, index: int) -> str:
    """The name of one item of a step: ``reserve_line[3]``."""
    return f"{step}[{index}]"


def step_name(name: str) -> str:
    """The step that a name belongs to: its own, or that of the step whose item it names."""
    return name.partition("[")[0]


def item_index(name: str) -> int | None:
    """The number of the item that a name names, from 0; None for a step that has no items."""
    _, bracket, rest = name.partition("[")
    return int(rest[:-1]) if bracket else None


def items_in_words(step: str, count: int) -> str:
    """So many items of a step: ``reserve_line (3 items)``."""
    return f"{step} ({count} item{'s' * (count > 1)})"


def count_items(names: list[str]) -> list[str]:
    """The names with the items of one step in one, also where there is only one item."""
    counts = Counter(map(step_name, names))
    is_item = {step_name(each): "[" in each for each in names}
    return [items_in_words(n, count) if is_item[n] else n for n, count in counts.items()]


def collapse(names: list[str]) -> list[str]:
    """The names with several items of one step in one: ``reserve_line (3 items)``."""
    counts: dict[str, list[str]] = {}
    for each in names:
        counts.setdefault(step_name(each), []).append(each)
    return [
        each[0] if len(each) == 1 else items_in_words(step, len(each))
        for step, each in counts.items()
    ]
