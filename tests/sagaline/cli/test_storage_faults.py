"""The line that a command prints when its store or its machine fails."""

import pytest

from sagaline.followers.follower import Follower
from tests.cli.command_line import CommandLine
from tests.cli.orders import json_lines, order
from tests.sagaline.storage.faults import flip_page

STOCK = json_lines([{"sku": "A1", "quantity": 100}])


def placed(shop: CommandLine) -> str:
    """A shop with an order that nobody has handled; its store."""
    assert shop.application("stock", "-", input=STOCK).status == 0
    assert shop.application("place", "-", input=json_lines([order()])).status == 0
    assert shop.store is not None
    return shop.store


@pytest.mark.parametrize("name", ["orders_events", "order_list", "followers"])
def test_a_run_on_a_damaged_page_ends_with_the_reason(sqlite_shop: CommandLine, name: str) -> None:
    store = placed(sqlite_shop)
    assert sqlite_shop.sagaline("run", "--until-settled").status == 0
    another = order(order_id="00000000-0000-4000-8000-000000000077")
    assert sqlite_shop.application("place", "-", input=json_lines([another])).status == 0
    flip_page(store, name)
    said = sqlite_shop.sagaline("run", "--until-settled")
    assert said.status == 2
    assert said.errors.splitlines()[-1].startswith("sagaline: ")
    assert "malformed" in said.errors.splitlines()[-1]
    assert "Traceback" not in said.errors
    assert "parked" not in said.errors


def test_a_run_without_memory_ends_with_the_reason(
    sqlite_shop: CommandLine, monkeypatch: pytest.MonkeyPatch
) -> None:
    placed(sqlite_shop)

    def step(_: Follower) -> bool:
        raise MemoryError

    with monkeypatch.context() as without_memory:
        without_memory.setattr(Follower, "step", step)
        said = sqlite_shop.sagaline("run", "--until-settled")
    assert said.status == 2
    assert "MemoryError" in said.errors.splitlines()[-1]
    said = sqlite_shop.sagaline("run", "--until-settled", "--json")
    assert (said.status, said.json["dead_letters"]) == (0, 0)
