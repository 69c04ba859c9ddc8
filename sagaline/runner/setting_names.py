"""The names of settings: one that does not exist is refused, because it would change nothing."""

from collections.abc import Iterable, Mapping
from difflib import get_close_matches
from typing import Final

from sagaline.errors import SettingUnknown

PREFIX: Final = "SAGALINE_"

OF_COMMANDS: Final = frozenset({"app", "store", "views"})
"""The settings that are no options of a runner."""

FORMER: Final = {"window_bytes": "memory", "cache_bytes": "memory"}
"""Settings that are no more -> what took their place."""

OF_TESTS: Final = f"{PREFIX}TEST_"
"""How the names begin that the tests of Sagaline read."""


def variable(name: str) -> str:
    """The environment variable of an option: ``SAGALINE_BATCH_SIZE``."""
    return f"{PREFIX}{name.upper()}"


def refuse_unknown_variables(env: Mapping[str, str], options: Iterable[str]) -> None:
    """Refuses a variable of no setting, unless it is empty. Raises SettingUnknown."""
    given = [name for name, value in env.items() if name.startswith(PREFIX) and value]
    names = (each for each in given if not each.startswith(OF_TESTS))
    known = {variable(each): each for each in OF_COMMANDS.union(options)}
    former = {variable(name): variable(now) for name, now in FORMER.items()}
    _refuse_unknown(names, known, former, "the environment")


def refuse_unknown_keys(given: Iterable[str], options: Iterable[str]) -> None:
    """Refuses a key in the file of no setting. Raises SettingUnknown."""
    _refuse_unknown(given, OF_COMMANDS.union(options), FORMER, "[tool.sagaline]")


def _refuse_unknown(
    given: Iterable[str], known: Iterable[str], former: dict[str, str], place: str
) -> None:
    all_known = sorted(known)
    for name in given:
        if name not in all_known:
            near = get_close_matches(name, all_known, 1, 0.8)
            nearest = former.get(name) or (near[0] if near else None)
            cure = f"Write {nearest}" if nearest else "Take it away"
            raise SettingUnknown(name=name, place=place, cure=cure)
