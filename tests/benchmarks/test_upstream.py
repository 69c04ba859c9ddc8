"""The baseline that the benchmarks compare with."""

import warnings

import pytest
from sqlalchemy import create_engine
from sqlalchemy.exc import SAWarning

from benchmarks.made_orders import made_orders
from benchmarks.upstream import run
from benchmarks.upstream.system import system
from benchmarks.upstream.tuning import EXPERT
from benchmarks.workload import commands_of


def test_a_runner_that_has_stalled_is_not_waited_for(
    sqlite_store: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(run, "STALLED", 0.1)
    env = {"PERSISTENCE_MODULE": "eventsourcing_sqlalchemy", "SQLALCHEMY_URL": sqlite_store}
    with warnings.catch_warnings():
        # The library gives the classes of all tracking tables one name.
        warnings.simplefilter("ignore", SAWarning)
        never_started = EXPERT.runner(system, {**env, **EXPERT.env})
    view = create_engine(sqlite_store)
    with pytest.raises(TimeoutError, match=r"^0 of 2 orders have ended, none for 0\.1 s$"):
        run.finish(never_started, view, commands_of(made_orders(2)))
    view.dispose()
    never_started.stop()
