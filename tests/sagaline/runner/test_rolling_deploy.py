"""Two versions of a read model's code on one store, as during a deployment."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from types import ModuleType
from uuid import uuid4

import pytest
from sqlalchemy import text

from sagaline import Runner, System, rebuild, roll_back
from sagaline.errors import TableOutOfDate
from sagaline.read_model.fingerprint import fingerprint
from sagaline.read_model.former_fingerprint import former_fingerprint
from sagaline.rebuilding.progress import Rebuilt
from tests.sagaline.bank import change, give_to, opened, paid, query
from tests.sagaline.small_system import until

VIEWS = """
from sqlalchemy import Column, Integer, MetaData, Table
from sagaline import ReadModel, System, project
from sagaline.storage.sql.columns import Uuid
from tests.sagaline.bank import Account, Bank

POINTS = {"paid": 1}

totals = Table(
    "totals",
    MetaData(),
    Column("id", Uuid, primary_key=True),
    Column("points", Integer, nullable=False, default=0),
)


class Totals(ReadModel):
    table = totals

    @project(Account.Opened)
    def opened(self, event):
        self.rows[event.originator_id] = {}

    @project(Account.Paid)
    def paid(self, event):
        self.rows[event.originator_id]["points"] += event.amount * POINTS["paid"]


system = System("bank", applications=[Bank], read_models=[Totals])
"""

TEN = VIEWS.replace('"paid": 1', '"paid": 10')
SCORE = TEN.replace("points", "score")
"""The column has another name."""

TOGETHER = {"SAGALINE_LEASE_POLL_INTERVAL": "0.05"}


@pytest.fixture
def code(tmp_path: Path) -> Callable[[str], System]:
    """Loads a version of the module of the read model, under one name."""

    def load(text: str) -> System:
        return loaded(tmp_path, text).system  # type: ignore[no-any-return]

    return load


def loaded(folder: Path, text: str) -> ModuleType:
    path = folder / f"views{uuid4().hex}.py"
    path.write_text(text, encoding="utf-8")
    spec = spec_from_file_location("views", path)
    assert spec is not None
    assert spec.loader is not None
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def env(store_url: str) -> dict[str, str]:
    return {"SQLALCHEMY_URL": store_url, **TOGETHER}


def points(env: dict[str, str]) -> list[int]:
    found = query(env["SQLALCHEMY_URL"], "SELECT * FROM totals")
    return sorted(row[1] for row in found)


def made_by(env: dict[str, str]) -> str:
    sql = "SELECT fingerprint FROM read_tables WHERE name = 'totals'"
    ((found,),) = query(env["SQLALCHEMY_URL"], sql)
    return str(found)


def rebuilt(system: System, env: dict[str, str]) -> list[Rebuilt]:
    return list(rebuild(system, env))


@contextmanager
def running(*systems: System, env: dict[str, str]) -> Iterator[list[Runner]]:
    """Runners of several versions at once, each in a thread of its own."""
    if not systems:
        yield []
        return
    with Runner(systems[0], env) as first, running(*systems[1:], env=env) as rest:
        yield [first, *rest]


@pytest.fixture
def old(code: Callable[[str], System]) -> System:
    return code(VIEWS)


@pytest.fixture(params=[TEN, SCORE], ids=["other points", "another column"])
def new(request: pytest.FixtureRequest, code: Callable[[str], System]) -> System:
    return code(request.param)


def test_new_code_folds_nothing_into_a_table_of_former_code(
    old: System, new: System, env: dict[str, str], caplog: pytest.LogCaptureFixture
) -> None:
    with Runner(old, env) as runner:
        give_to(runner, [*opened(range(2)), *paid(range(2))])
        runner.settle()
    with Runner(new, env) as runner:
        give_to(runner, paid(range(2)))
        runner.settle()
        assert runner.lag() == []
    assert points(env) == [1, 1]
    assert "totals: the table is out of date" in caplog.text
    assert "sagaline rebuild --outdated" in caplog.text
    with Runner(old, env) as runner:
        runner.settle()
    assert points(env) == [2, 2], "the former code has missed nothing"


def test_the_former_code_follows_a_table_until_it_is_rebuilt_and_the_new_code_from_then_on(
    old: System, new: System, env: dict[str, str], caplog: pytest.LogCaptureFixture
) -> None:
    with running(old, new, env=env) as (former, newer):
        give_to(newer, [*opened(range(3)), *paid(range(3))])
        until(lambda: points(env) == [1, 1, 1])
        newer.settle()
        assert [each.events for each in rebuilt(new, env)] == [6]
        give_to(former, paid(range(3)))
        until(lambda: points(env) == [20, 20, 20])
        former.settle()
        until(lambda: "totals: other code has made the table anew" in caplog.text)
    assert "totals: the table is of the loaded code again" in caplog.text
    assert query(env["SQLALCHEMY_URL"], "SELECT * FROM dead_letters") == []
    assert [each.differences for each in rebuild(new, env, verify=True)] == [[]]


def test_a_rollback_gives_the_table_back_to_the_runners_with_the_former_code(
    old: System, new: System, env: dict[str, str]
) -> None:
    with running(new, old, env=env) as (newer, former):
        give_to(newer, [*opened([1]), *paid([1])])
        newer.settle()
        until(lambda: points(env) == [10])
        rebuilt(old, env)
        give_to(newer, paid([1]))
        until(lambda: points(env) == [2])
        roll_back(new, env)
        give_to(former, paid([1]))
        until(lambda: points(env) == [30])
    assert query(env["SQLALCHEMY_URL"], "SELECT * FROM dead_letters") == []


def test_a_batch_that_was_folded_before_the_table_changed_hands_is_not_written(
    old: System, code: Callable[[str], System], env: dict[str, str]
) -> None:
    new = code(TEN)
    with Runner(old, env) as runner:
        give_to(runner, opened([1]))
        runner.settle()
    runner = Runner(old, env)
    (follower,) = [each for each in runner.followers if each.name == "totals"]
    with Runner(new, env) as other:
        give_to(other, paid([1]))
        other.settle()
    window = runner.windows["Bank"]
    window.refresh(runner.apps["Bank"].recorder.head())
    rebuilt(new, env)
    before = points(env)
    assert follower.step(), "the fence has moved"
    assert not follower.step()
    follower.save()
    assert points(env) == before == [10]
    runner.stop()


def test_a_fingerprint_that_changes_alone_stops_the_next_transaction(
    old: System, env: dict[str, str]
) -> None:
    with Runner(old, env) as runner:
        give_to(runner, opened([1]))
        runner.settle()
        change(env["SQLALCHEMY_URL"], "UPDATE read_tables SET fingerprint = 'other'")
        give_to(runner, paid([1]))
        until(lambda: not runner.lag())
        assert points(env) == [0]


def test_a_dead_letter_is_retried_by_the_code_of_its_table_alone(
    old: System, new: System, env: dict[str, str]
) -> None:
    with Runner(old, env) as runner:
        give_to(runner, [*opened([1]), *paid([1])])
        runner.settle()
    runner = Runner(new, env)
    (follower,) = [each for each in runner.followers if each.name == "totals"]
    with pytest.raises(TableOutOfDate, match="totals was made by other code"):
        follower.retry_letter(None, None)  # type: ignore[arg-type]
    runner.stop()


def test_a_table_of_version_0_1_0_is_followed_and_recorded_anew(
    old: System, env: dict[str, str]
) -> None:
    (model,) = [each for each in old.read_models if each.table.name == "totals"]
    with Runner(old, env) as runner:
        give_to(runner, opened([1]))
        runner.settle()
    former = former_fingerprint(model)
    change(env["SQLALCHEMY_URL"], f"UPDATE read_tables SET fingerprint = '{former}'")
    with Runner(old, env) as runner:
        give_to(runner, paid([1]))
        runner.settle()
    assert (points(env), made_by(env)) == ([1], fingerprint(model))


def test_an_empty_table_made_by_hand_is_of_the_first_code_that_starts(
    old: System, new: System, env: dict[str, str]
) -> None:
    make_by_hand(old, env)
    with Runner(old, env) as runner:
        give_to(runner, [*opened([1]), *paid([1])])
        runner.settle()
    with Runner(new, env) as runner:
        give_to(runner, paid([1]))
        runner.settle()
    assert points(env) == [1]


def test_a_table_made_by_hand_with_rows_that_no_event_made_is_out_of_date(
    old: System, env: dict[str, str]
) -> None:
    make_by_hand(old, env)
    change(env["SQLALCHEMY_URL"], f"INSERT INTO totals VALUES ('{uuid4()}', 7)")
    with Runner(old, env) as runner:
        give_to(runner, [*opened([1]), *paid([1])])
        runner.settle()
        assert points(env) == [7]
        rebuilt(old, env)
        runner.settle()
    assert points(env) == [1]


def make_by_hand(system: System, env: dict[str, str]) -> None:
    (model,) = [each for each in system.read_models if each.table.name == "totals"]
    runner = Runner(system, env)
    with runner.views.write() as connection:
        connection.execute(text("DELETE FROM read_tables"))
        connection.execute(text("DROP TABLE totals"))
        model.table.create(connection)
    runner.stop()
