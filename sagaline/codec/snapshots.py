"""The snapshot class of an aggregate class, with the types that the codec needs."""

from collections.abc import Sequence
from dataclasses import fields, is_dataclass
from datetime import datetime
from typing import Annotated, Any, ClassVar, NotRequired, Self, cast, get_type_hints
from uuid import UUID

from eventsourcing.domain import CanSnapshotAggregate, DomainEvent
from pydantic import ConfigDict, Field, with_config
from typing_extensions import TypedDict, override

from sagaline.errors import DefinitionError, NotStorable


class TypedSnapshot(CanSnapshotAggregate[UUID], DomainEvent):
    """A snapshot whose `state` has the types that the aggregate's class annotates."""

    topic: str
    state: Any

    names: ClassVar[Sequence[str]] = ()

    @classmethod
    @override
    def take(cls, aggregate: Any) -> Self:
        """Takes upstream's snapshot, with attributes in the order of their annotations.

        Attributes may be set in any order, and a snapshot is read in this one. Raises `NotStorable`
        for an attribute that is not annotated.
        """
        taken = super().take(aggregate)
        state: dict[str, Any] = taken.state
        known = {name: state.pop(name) for name in cls.names if name in state}
        if state:
            reason = f"the class does not annotate {next(iter(state))}"
            raise NotStorable(event=cls.__qualname__, reason=reason)
        state.update(known)
        return taken


def type_snapshots(aggregate: Any) -> None:
    """Sets a typed `Snapshot` class on an aggregate class that does not define one.

    Upstream's snapshots have no types. Here the types are those that the class annotates in its
    body; a snapshot of other attributes is not read. Raises `DefinitionError` where the class has
    no annotations.
    """
    if "Snapshot" in vars(aggregate):
        return
    name = f"{aggregate.__qualname__}.Snapshot"  # its topic is resolved by this name
    types = _types(aggregate)
    state = with_config(ConfigDict(extra="forbid"))(cast("Any", TypedDict)(name, types))
    body = {
        "__module__": aggregate.__module__,
        "__qualname__": name,
        "__annotations__": {"topic": str, "state": state},
        "names": tuple(types),
    }
    aggregate.Snapshot = type("Snapshot", (TypedSnapshot,), body)


def _types(aggregate: type) -> dict[str, Any]:
    if not is_dataclass(aggregate):  # upstream makes one of each class with annotations
        raise DefinitionError(
            where=aggregate.__qualname__,
            problem="it has snapshots, and its attributes have no types",
            cure="Annotate its attributes in the body of the class, as in `quantity: int`.",
        )
    hints = get_type_hints(aggregate, include_extras=True)
    version = getattr(aggregate, "class_version", 1)
    return {
        "_created_on": datetime,
        "_modified_on": datetime,
        **{each.name: hints[each.name] for each in fields(aggregate)},
        "class_version": NotRequired[Annotated[int, Field(le=version)]],
    }
