"""A runner logs what becomes of it: its start and end, its followers, and its store."""

import logging

import pytest
from eventsourcing.persistence import OperationalError

from sagaline import Runner
from sagaline.runner.lease_renewal import LeaseRenewal
from sagaline.runner.store_guard import StoreGuard
from tests.sagaline.logged import logged
from tests.sagaline.runner.test_leases import NAMES, leases_on, prepared, run_out
from tests.sagaline.small_system import env, system, until
from tests.sagaline.storage.stores import opened


def test_a_run_is_logged_from_its_start_to_its_end(
    store_url: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "sagaline")
    with Runner(system, env(store_url)) as runner:
        runner.settle()
    texts = [each.getMessage() for each in caplog.records]
    assert texts[0].startswith("Runs evenings on ")
    assert texts[-1].startswith("Stopped evenings on ")
    names = {each.name for each in runner.followers}
    assert {each["follower"] for each in logged(caplog, logging.INFO, "Leads ")} == names
    given_up = logged(caplog, logging.INFO, "No longer leads ")
    assert {each["follower"] for each in given_up} == names


def test_a_follower_is_taken_over_from_a_runner_that_is_gone(
    store_url: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "sagaline.runner")
    with opened(store_url) as datastore:
        prepared(datastore)
        gone, heir = leases_on(datastore), leases_on(datastore)
        gone.acquire()
        caplog.clear()
        run_out(datastore)
        heir.acquire()
    taken = logged(caplog, logging.INFO, "Takes over ")
    assert {each["follower"]: each["runner"] for each in taken} == dict.fromkeys(NAMES, gone.owner)
    assert logged(caplog, logging.INFO, "Leads ") == []


def test_a_follower_that_goes_to_another_runner_is_given_up(
    store_url: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "sagaline.runner")
    with opened(store_url) as datastore:
        prepared(datastore)
        first, second = leases_on(datastore), leases_on(datastore)
        for each in (first, second, first):
            each.acquire()
        caplog.clear()
        (moved,) = second.acquire()
    assert logged(caplog, logging.INFO, "Leads ") == [{"follower": moved}]


def test_a_store_that_is_lost_and_back_is_logged_with_the_time(
    caplog: pytest.LogCaptureFixture,
) -> None:
    guard, store = StoreGuard(max_pause=0.1), Store()
    assert guard.run("guest_list", store.read) is False
    until(lambda: guard.run("guest_list", store.read))
    lost = logged(caplog, logging.WARNING, "guest_list: the store does not answer")
    assert {each["part"] for each in lost} == {"guest_list"}
    (back,) = logged(caplog, logging.WARNING, "guest_list: the store answers again, after")
    assert back["part"] == "guest_list"
    assert back["seconds"] >= 0.1, "its first pause"
    assert "hunter2" not in caplog.text
    assert "\nERROR" not in caplog.text


class Store:
    """Does not answer twice, then does."""

    def __init__(self) -> None:
        self.asked = 0

    def read(self) -> bool:
        self.asked += 1
        if self.asked < 3:
            raise OperationalError("postgresql://shop:hunter2@db/shop is gone\nERROR all is lost")
        return True


def test_a_runner_that_hangs_says_so_once(caplog: pytest.LogCaptureFixture) -> None:
    renewal = LeaseRenewal([], interval=0.05, hung_timeout=0.05)
    try:
        until(lambda: bool(logged(caplog, logging.ERROR, "No progress for ")))
    finally:
        renewal.close()
    assert len(logged(caplog, logging.ERROR, "No progress for ")) == 1
