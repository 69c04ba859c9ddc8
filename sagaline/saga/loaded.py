"""Saga classes that are loaded, found by what an instance has recorded of its definition."""

from collections.abc import Iterator
from typing import Final

from sagaline.saga.declaration import Declaration, saga_declaration
from sagaline.saga.definition import Saga

_found: Final[dict[tuple[str, str], frozenset[str]]] = {}


def steps_without_undo(saga: str, fingerprint: str) -> frozenset[str]:
    """The steps that have no undo, in the definition that began an instance.

    Where that is not loaded any more, it is the one that goes by the name now; none without one.
    """
    known = _found.get((saga, fingerprint))
    if known is not None:
        return known
    named = [each for each in _declarations(Saga) if each.name == saga]
    same = [each for each in named if each.fingerprint == fingerprint]
    former = [each.versions[fingerprint] for each in named if fingerprint in each.versions]
    same += map(saga_declaration, former)
    for each in (same or named)[-1:]:
        steps = frozenset(name for name, step in each.steps.items() if step.undoing is None)
        if same:
            _found[saga, fingerprint] = steps
        return steps
    return frozenset()


def _declarations(base: type[Saga]) -> Iterator[Declaration]:
    for each in base.__subclasses__():
        declared = "_sagaline_declaration" in vars(each)  # not where its definition was refused
        if declared and each._sagaline_version_of is None:
            yield saga_declaration(each)
        yield from _declarations(each)
