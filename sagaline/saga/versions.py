"""Former definitions of a saga: the instances that they began go on by them."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from operator import attrgetter
from typing import Any, TypeVar

from sagaline.errors import DefinitionError
from sagaline.messaging.declaring import named
from sagaline.saga.declaration import Declaration, saga_declaration
from sagaline.saga.definition import Saga

S = TypeVar("S", bound=type[Saga])

_WRITE = "Write @version(of=BookTrip) above the former class."


def version(given: object = None, /, *, of: type[Saga] | None = None) -> Callable[[S], S]:
    """Declares that a class is a former definition of the saga `of`, by which instances go on.

    An instance goes on by the definition that began it, as long as the code has it, and new ones
    begin by `of`. Both have one name, one log and one follower, so a system names `of` alone. The
    former class keeps its body as it was; its own name, and `begin`, are of no account. Import it
    before the system is made, and remove it once `sagaline check` says that no instance needs it.

    Raises `DefinitionError` where the class cannot be a former definition of `of`.
    """
    if given is not None or not _is_saga(of):
        problem = f"it is given {named(of if given is None else given)}, and not the saga"
        raise DefinitionError(where="@version", problem=problem, cure=_WRITE)
    assert of is not None
    present = saga_declaration(of)

    def declare(saga: S) -> S:
        _refuse_misplaced(saga, of)
        _refuse_misfit(saga_declaration(saga), present)
        former = _renamed(saga_declaration(saga), present)
        fingerprints = {saga_declaration(saga).fingerprint, former.fingerprint}
        _refuse_known(former, present, fingerprints)
        saga._sagaline_declaration = former
        saga._sagaline_version_of = of
        present.versions.update(dict.fromkeys(fingerprints, saga))
        return saga

    return declare


def version_for(saga: type[Saga], fingerprint: str) -> type[Saga]:
    """The definition that an instance goes on by: the one that began it, or else the present."""
    versions = saga_declaration(saga).versions
    return versions.get(fingerprint, saga) if versions else saga


def former_versions(saga: type[Saga]) -> list[type[Saga]]:
    """The former definitions of a saga that are loaded, each once."""
    return list(dict.fromkeys(saga_declaration(saga).versions.values()))


def declarations_of(saga: type[Saga]) -> list[Declaration]:
    """What a saga declares, and then what its former definitions do."""
    return definitions_of(saga_declaration(saga))


def definitions_of(present: Declaration) -> list[Declaration]:
    """A declaration, and then those of the former definitions of its saga, each once."""
    former = dict.fromkeys(present.versions.values())
    return [present, *map(saga_declaration, former)]


def recorded_shape(saga: type[Saga]) -> dict[str, str]:
    """The shape of a definition, with those of its former ones, as a store keeps it."""
    versions = saga_declaration(saga).versions.items()
    return saga_declaration(saga).shape | {
        f"{part} in {fingerprint}": text
        for fingerprint, former in versions
        for part, text in saga_declaration(former).shape.items()
    }


def shape_for(described: Mapping[str, str], fingerprint: str) -> dict[str, str]:
    """Of what a store keeps, the shape of the definition that an instance went on by."""
    end = f" in {fingerprint}"
    former = {part.removesuffix(end): t for part, t in described.items() if part.endswith(end)}
    return former or {part: text for part, text in described.items() if " in " not in part}


def _is_saga(given: object) -> bool:
    return isinstance(given, type) and issubclass(given, Saga) and given is not Saga


def _renamed(former: Declaration, present: Declaration) -> Declaration:
    """A former declaration under the name and the topic of the present class, as it once was."""
    head = replace(former.head, name=present.name)
    return replace(former, topic=present.topic, head=head)


def _refuse_misplaced(saga: Any, of: type[Saga]) -> None:
    """Refuses what is no class that can stand beside the present one. Raises DefinitionError."""
    if not _is_saga(saga):
        problem, cure = f"{named(saga)} is no saga", "Write class TripBefore(Saga, ...)."
    elif saga_declaration(saga).versions:
        problem, cure = "it has former definitions itself", f"Declare them with of={of.__name__}."
    elif of._sagaline_version_of is not None:
        problem = f"{of.__name__} is a former definition itself"
        cure = f"Write @version(of={of._sagaline_version_of.__name__})."
    elif saga is of or issubclass(of, saga) or saga._sagaline_version_of is not None:
        problem, cure = "it is declared already", "Give each former definition a class of its own."
    elif of._sagaline_in_system or saga._sagaline_in_system:
        problem = f"a system with {named(of if of._sagaline_in_system else saga)} was made before"
        cure = "Define the former class, or import it, before the system is made."
    else:
        return
    raise DefinitionError(where=f"@version of {named(saga)}", problem=problem, cure=cure)


def _refuse_misfit(former: Declaration, present: Declaration) -> None:
    """Refuses another start, key or name: messages would not find the instances.

    Raises DefinitionError.
    """
    name = present.saga
    cure = f"Give it what {name} has, written once: they share their instances."
    if set(former.starts) != set(present.starts):
        starts, others = (_named(each.starts) for each in (former, present))
        problem = f"it starts on {starts}, and {name} on {others}"
    elif (former.head.schedule is None) is not (present.head.schedule is None):
        problem = f"one of it and {name} has a schedule, and the other has none"
    elif not _is_same(former.head.key_of, present.head.key_of):
        problem = f"its key= is not the function that {name} has"
    elif former.head.name not in (former.saga, present.name):
        problem = f"its name is {former.head.name}, and that of {name} is {present.name}"
        cure = "Leave out its name."
    else:
        return
    raise former.error("", problem, cure)


def _is_same(one: Any, other: Any) -> bool:
    if isinstance(one, attrgetter) and isinstance(other, attrgetter):
        return repr(one) == repr(other)
    return bool(one == other)


def _refuse_known(former: Declaration, present: Declaration, fingerprints: set[str]) -> None:
    """Refuses a definition that is the present one, or a known former one: DefinitionError."""
    known = {each: former for each, former in present.versions.items() if each in fingerprints}
    same = present.saga if present.fingerprint in fingerprints else ""
    same = same or next((each.__name__ for each in known.values()), "")
    if same:
        problem = f"it has the same steps, commands and events as {same}"
        cure = (
            "Remove it: nothing else tells definitions apart, and its instances go on as they do."
        )
        raise former.error("", problem, cure)


def _named(starts: Iterable[type]) -> str:
    return " or ".join(each.__qualname__ for each in starts)
