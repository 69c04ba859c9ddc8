"""The names of a step's items: a step that is requested for each of several has one for each."""


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


def collapse(names: list[str]) -> list[str]:
    """The names with several items of one step in one: ``reserve_line (3 items)``."""
    counts: dict[str, list[str]] = {}
    for each in names:
        counts.setdefault(step_name(each), []).append(each)
    return [
        each[0] if len(each) == 1 else f"{step} ({len(each)} items)"
        for step, each in counts.items()
    ]
