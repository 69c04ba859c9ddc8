"""The names in an application class are the user's; those that are taken are refused at once."""

from collections.abc import Iterator
from typing import Any
from uuid import UUID

import pytest
from eventsourcing.dispatch import singledispatchmethod
from eventsourcing.domain import Aggregate, event

from sagaline import Application, Command, DefinitionError, Retry, Runner, System, handles
from tests.sagaline.small_system import env


class Shelf(Aggregate):
    class Filled(Aggregate.Created):
        weight: int

    @event(Filled)
    def __init__(self, id: UUID, weight: int) -> None:
        self.weight = weight


class Fill(Command, key="shelf_id"):
    shelf_id: UUID


class Depot(Application, aggregates=[Shelf]):
    """Uses the names that the engine used for itself in version 0.1."""

    handlers = "many"
    reactions = None
    answers_faults = 5

    def __init__(self, env: Any = None) -> None:
        super().__init__(env)
        self.unit = "kg"
        self.asking = 3
        self._unit, self._commands, self.commands = 1, 2, 3

    @handles(Fill)
    def handle(self, command: Fill, weight: int) -> Shelf:
        return Shelf(id=command.shelf_id, weight=weight)

    @handle.asks
    def ask(self, command: Fill) -> int:
        return self.prefetch() + self.asking

    def prefetch(self) -> int:
        return 4

    def working(self) -> None:
        raise AssertionError

    def key_of(self) -> None:
        raise AssertionError

    def command_of(self) -> None:
        raise AssertionError


@pytest.fixture
def runner(store_url: str) -> Iterator[Runner]:
    with Runner(System("depot", applications=[Depot]), env(store_url)) as runner:
        yield runner


def test_a_user_may_name_methods_as_the_engine_once_did(runner: Runner) -> None:
    depot = runner.get(Depot)
    depot.handle(Fill(shelf_id=UUID(int=1)))
    runner.settle()
    shelf: Shelf = depot.repository.get(UUID(int=1))
    assert (shelf.weight, depot.unit, depot.handlers) == (7, "kg", "many")


def method(self: Any) -> None: ...


def with_arguments(self: Any, account: str, date: str) -> None: ...


@pytest.mark.parametrize(
    "name",
    [
        "attempt",
        "cancel_timer",
        "datastore",
        "events",
        "execute",
        "execute_one",
        "factory",
        "follow",
        "followers",
        "log",
        "mapper",
        "notification_log",
        "notify",
        "now",
        "recorder",
        "repository",
        "set_timer",
        "snapshots",
        "take_snapshot",
        "try_again",
    ],
)
@pytest.mark.parametrize("value", [method, property(method), 5], ids=["method", "property", "5"])
def test_a_taken_name_is_refused_when_the_class_is_defined(name: str, value: object) -> None:
    with pytest.raises(
        DefinitionError, match=rf"Till\.{name}: Application has a {name} of its own"
    ):
        type("Till", (Application,), {name: value})


def test_a_taken_name_of_a_mixin_is_refused_too() -> None:
    mixin = type("Clocked", (), {"now": method})
    with pytest.raises(DefinitionError, match=r"Till\.now \(of Clocked\).*Rename it"):
        type("Till", (mixin, Application), {})


@pytest.mark.parametrize(
    ("name", "value", "cure"),
    [
        ("aggregates", method, r"Write aggregates = \[Order\]"),
        ("retry", method, r"Write retry = Retry\(attempts=5\)"),
        ("retry", 3, r"Write retry = Retry\(attempts=5\)"),
        ("close", with_arguments, r"Write def close\(self\)"),
        ("faulted", method, r"Write def faulted\(self, command, reason\)"),
        ("policy", method, r"not used by a runner of Sagaline. Write a method marked @reacts_to"),
        ("policy", singledispatchmethod(method), r"Write a method marked @reacts_to\(Order"),
        ("process_event", with_arguments, r"Write a method marked @reacts_to"),
        ("pull_and_process", with_arguments, r"Write a method marked @reacts_to"),
        ("topics", ["shop:Order.Placed"], r"Write a method marked @reacts_to"),
        ("follow_topics", ["shop:Order.Placed"], r"Write a method marked @reacts_to"),
        ("name", method, r'Write name = "Orders"'),
        ("snapshotting_intervals", 5, r"Write snapshotting_intervals = \{Stock: 200\}"),
        ("construct_mapper", with_arguments, r"Write def construct_mapper\(self\)"),
    ],
)
def test_a_hook_of_another_kind_is_refused_with_the_cure(
    name: str, value: object, cure: str
) -> None:
    with pytest.raises(DefinitionError, match=rf"Till\.{name}: .*{cure}"):
        type("Till", (Application,), {name: value})


def test_the_hooks_may_be_defined() -> None:
    class Till(Application):
        name = "Tills"
        retry = Retry(attempts=5)
        env = {"COMPRESSOR_TOPIC": "zlib"}  # noqa: RUF012  # as the library declares it

        def close(self) -> None:
            super().close()

    assert Till.name == "Tills"


class Early(Application):
    def __init__(self, env: Any = None) -> None:
        self.events = []  # type: ignore[assignment]
        super().__init__(env)


class Late(Application):
    def __init__(self, env: Any = None) -> None:
        super().__init__(env)
        self.events = []  # type: ignore[assignment]


@pytest.mark.parametrize("application", [Early, Late])
def test_an_attribute_of_a_taken_name_is_refused_where_it_is_assigned(
    application: type[Application], store_url: str
) -> None:
    with pytest.raises(DefinitionError, match=r"\.events: .*Application has a events of its own"):
        application(env(store_url))
