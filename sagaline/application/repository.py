"""The repository of an application: it reads through the current unit of work."""

from collections.abc import Callable, Iterable, Sequence
from typing import Any, TypeVar
from uuid import UUID

from eventsourcing.application import Repository
from eventsourcing.persistence import EventStore

from sagaline.application.snapshots import Snapshots
from sagaline.application.unit_of_work import UnitOfWork
from sagaline.errors import UnfitValue

A = TypeVar("A")


class UnitOfWorkRepository(Repository[UUID]):
    """Upstream's repository, which reads through the current unit of work where there is one."""

    def __init__(
        self,
        event_store: EventStore[UUID],
        snapshots: Snapshots | None,
        unit: Callable[[], UnitOfWork | None],
    ) -> None:
        super().__init__(event_store, snapshot_store=snapshots)
        self._unit = unit

    def get(self, aggregate_id: UUID, **kwargs: Any) -> Any:
        """The aggregate, the same object for every handler of a batch.

        Raises AggregateNotFoundError where there is none.
        """
        if type(aggregate_id) is not UUID:
            _refuse_no_id(aggregate_id)
        version = kwargs.get("version")
        if version is not None and type(version) is not int:
            raise UnfitValue(value=version, kind="a version", reason="give a number, from 1 on")
        unit = self._unit()
        if unit is None or version is not None:
            return super().get(aggregate_id, **kwargs)
        return unit.get(aggregate_id)

    def find(self, aggregate: type[A], ids: Sequence[UUID]) -> list[A | None]:
        """Several aggregates in one query, in the order of their ids; None for an absent one."""
        if isinstance(ids, UUID) or not isinstance(ids, Iterable):
            raise UnfitValue(value=ids, kind="a list of ids", reason=f"write [{ids}]")
        for each in ids:
            if type(each) is not UUID:
                _refuse_no_id(each)
        unit = self._unit()
        if unit is None:
            return [self.get(each) if each in self else None for each in ids]
        return unit.find(ids)


def _refuse_no_id(value: object) -> None:
    if not isinstance(value, UUID):
        raise UnfitValue(value=value, kind="the id of an aggregate", reason="give a UUID")
