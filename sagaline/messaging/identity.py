"""The name that a part of a system has in its stores, and where a new part begins to read."""

from typing import Any, Final, Literal

from sagaline.errors import DefinitionError

Begin = Literal["beginning", "now"]
"""Where a part begins in logs that are not empty when it is first run."""

BEGINS: Final = ("beginning", "now")


def check_identity(where: str, name: Any, begin: Any) -> None:
    """Refuses what is no name, and no place to begin. Raises `DefinitionError`."""
    if name is not None and not (
        isinstance(name, str) and name.replace("-", "_").replace(".", "_").isidentifier()
    ):
        raise DefinitionError(
            where=where,
            problem=f"its name is {name!r}",
            cure="Use letters, digits and underscores, as in `name='BookTrip'`.",
        )
    if begin is not None and begin not in BEGINS:
        raise DefinitionError(
            where=where,
            problem=f"it begins at {begin!r}",
            cure="Write `begin='beginning'` or `begin='now'`.",
        )
