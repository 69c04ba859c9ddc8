"""Messages of failed expectations."""

from collections.abc import Iterable


def unexpected(
    what: str,
    expected: Iterable[object],
    actual: Iterable[object],
    history: Iterable[object] | None = None,
) -> AssertionError:
    """Returns the error for a result that differs: one line for each expected and actual item."""
    parts = {"expected:": expected, "actual:": actual}
    if history is not None:
        parts["history:"] = history
    lines = [f"Unexpected {what}."]
    for head, items in parts.items():
        lines += [head, *(f"  {each}" for each in list(items) or ["nothing"])]
    return AssertionError("\n".join(lines))
