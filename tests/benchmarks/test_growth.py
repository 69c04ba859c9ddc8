"""A log that was made longer by copying is one that the shop might have written."""

import pytest
from sqlalchemy import text

from application.system import system
from benchmarks.deployed import Deployed
from benchmarks.growth import make_long_log, unfold
from benchmarks.made_orders import made_orders
from benchmarks.shop import Shop
from benchmarks.workload import Workload
from tests.invariants import ends, violations
from tests.sagaline.storage.stores import outside

EVENTS = 12_000
LOGS = [each.name.lower() for each in system.members]


@pytest.fixture(scope="module")
def long_log(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A log in which the orders are three times: as they were, and twice as others."""
    store = f"sqlite:///{tmp_path_factory.mktemp('long') / 'shop.db'}"
    make_long_log(store, EVENTS)
    Shop(store).settle()
    return store


def test_every_invariant_of_the_shop_holds_in_a_log_that_was_copied(long_log: str) -> None:
    assert violations(long_log, settled=True) == []
    assert sum(ends(long_log).values()) > 3 * 150


def test_what_caused_a_copied_event_is_of_the_same_order(long_log: str) -> None:
    with outside(long_log) as connection:
        found: dict[str, tuple[str, str]] = {}
        for name in LOGS:
            query = text(f"SELECT id, key, cause FROM {name}_events WHERE key IS NOT NULL")
            for id_, key, cause in connection.execute(query):
                found[f"{name}:{id_}"] = (key, cause)
        query = text("SELECT id, position FROM commands WHERE application = 'Orders'")
        given = {f"command:{id_}": f"orders:{place}" for id_, place in connection.execute(query)}
    caused = [(key, cause) for key, cause in found.values() if cause not in given]
    assert [cause for key, cause in caused if found[cause][0] != key] == []
    assert {given[cause]: cause for cause in given} == {
        place: cause for place, (_, cause) in found.items() if cause in given
    }
    assert len(given) > 3 * 150


def test_read_tables_that_are_folded_again_are_the_same(long_log: str) -> None:
    before = ends(long_log)
    unfold(long_log)
    assert ends(long_log).total() == 0
    Shop(long_log).settle()
    assert ends(long_log) == before


def test_the_shop_goes_on_where_the_copies_end(long_log: str) -> None:
    workload = Workload([made_orders(2, seed=1), made_orders(20, seed=2)])
    with Deployed.on(Shop(long_log), workers=1) as running:
        running.run(workload, warm_up=0)
    assert violations(long_log, settled=True) == []
