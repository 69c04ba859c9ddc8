"""Events whose version does not follow what is recorded: the stream could not be read again."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID, uuid4

import pytest
from eventsourcing.domain import Aggregate, event

from sagaline import Application, Command, Runner, System, handles, reacts_to
from sagaline.errors import NotStorable, VersionConflict, VersionGap
from sagaline.storage.tables.dead_letters import all_letters
from tests.sagaline.small_system import env


class Shelf(Aggregate):
    @event("Built")
    def __init__(self, id: UUID) -> None:
        self.jars = 0

    @event("Filled")
    def fill(self) -> None:
        self.jars += 1


class Build(Command, key="shelf"):
    shelf: UUID


class Fill(Command, key="shelf"):
    shelf: UUID
    version: int


class FillKept(Command, key="shelf"):
    shelf: UUID
    beside: UUID


class Shelves(Application, aggregates=[Shelf]):
    """Keeps aggregates in a dictionary of its own, and makes events by hand."""

    kept: dict[UUID, Shelf]

    @handles(Build)
    def build(self, command: Build) -> Shelf:
        return self.kept.setdefault(command.shelf, Shelf(command.shelf))

    @handles(Fill)
    def fill(self, command: Fill) -> Sequence[Any]:
        return [filled(command.shelf, command.version)]

    @handles(FillKept)
    def fill_kept(self, command: FillKept) -> Sequence[Any]:
        self.kept[command.shelf].fill()
        return [self.kept[command.shelf], Shelf(command.beside)]


class Cellar(Aggregate):
    class Opened(Aggregate.Created): ...

    @event(Opened)
    def __init__(self, id: UUID) -> None: ...


class OpenCellar(Command, key="cellar"):
    cellar: UUID


class Cellars(Application, aggregates=[Cellar]):
    @handles(OpenCellar)
    def open(self, command: OpenCellar) -> Cellar:
        return Cellar(command.cellar)


class Stocking(Shelves):
    @reacts_to(Cellar.Opened)
    def stock(self, opened: Cellar.Opened) -> Fill:
        return Fill(shelf=opened.originator_id, version=7)


def filled(shelf: UUID, version: int) -> Any:
    kind: Any = Shelf.Filled  # type: ignore[attr-defined]  # named by its decorator
    return kind(originator_id=shelf, originator_version=version, timestamp=kind.create_timestamp())


@pytest.mark.parametrize("version", [3, 4, 1_000])
def test_an_event_that_follows_no_other_is_refused(store_url: str, version: int) -> None:
    shelf = uuid4()
    with Runner(System("larder", applications=[Shelves]), env(store_url)) as runner:
        shelves = runner.get(Shelves)
        shelves.kept = {}
        shelves.build(Build(shelf=shelf))
        with pytest.raises(VersionGap, match=f"Version {version} .* has none before it"):
            shelves.fill(Fill(shelf=shelf, version=version))
        shelves.fill(Fill(shelf=shelf, version=2))
        with pytest.raises(VersionConflict, match="has already written version 2"):
            shelves.fill(Fill(shelf=shelf, version=2))
        assert shelves.repository.get(shelf).jars == 1


def test_the_first_event_of_a_stream_has_the_first_version(store_url: str) -> None:
    with (
        Runner(System("larder", applications=[Shelves]), env(store_url)) as runner,
        pytest.raises(VersionGap, match="Version 2 "),
    ):
        runner.get(Shelves).fill(Fill(shelf=uuid4(), version=2))


def test_an_aggregate_that_a_handler_has_kept_leaves_no_hole(store_url: str) -> None:
    """Its event of a transaction that was rolled back is lost, and it does not know."""
    shelf, beside = uuid4(), uuid4()
    with Runner(System("larder", applications=[Shelves]), env(store_url)) as runner:
        shelves = runner.get(Shelves)
        shelves.kept = {}
        shelves.build(Build(shelf=shelf))
        shelves.build(Build(shelf=beside))
        for other in (beside, uuid4()):  # the first is there already: a conflict, tried again
            with pytest.raises(NotStorable, match="it is not what its log has"):
                shelves.fill_kept(FillKept(shelf=shelf, beside=other))
        assert shelves.repository.get(shelf).jars == 0


def test_a_reaction_that_leaves_a_gap_waits_for_an_operator(store_url: str) -> None:
    with Runner(System("house", applications=[Cellars, Stocking]), env(store_url)) as runner:
        cellar = runner.get(Cellars).open(OpenCellar(cellar=uuid4()))
        runner.settle()
        with runner.views.read() as connection:
            (letter,) = all_letters(connection)
        assert letter.id == f"Stocking/{cellar.position}"
        assert "Version 7" in letter.error
