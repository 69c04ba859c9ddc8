"""Two machines whose clocks are hours apart share one PostgreSQL store."""

import json
import os
import subprocess
from pathlib import Path

import pytest

from tests.crash.test_killed_runners import (
    PATIENCE,
    ROOT,
    assert_rebuilds_alike,
    command,
    order_lines,
    stock_lines,
    take_in,
)
from tests.invariants import ends, violations

ORDERS = 60

SHIFTED = """
import datetime, time

shift = {hours} * 3600
real, now = datetime.datetime, time.time


class Alike(type):
    def __instancecheck__(cls, found):
        return isinstance(found, real)


class Shifted(real, metaclass=Alike):
    @classmethod
    def now(cls, tz=None):
        return real.now(tz) + datetime.timedelta(seconds=shift)


datetime.datetime = Shifted
time.time = lambda: now() + shift
"""
"""What Python runs before anything else, to have another time than the machine."""


def test_timers_and_leases_go_by_the_clock_of_the_server(
    postgres_store: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SHOP_PAYMENT_TIMEOUT", "4")
    monkeypatch.setenv("SHOP_RETRY_BASE", "0.1")
    take_in(postgres_store, tmp_path, "stock", stock_lines())
    late = order(order_lines(ORDERS)[0], "pm_timeout")
    flaky = order(order_lines(ORDERS)[1], "pm_flaky_2")
    take_in(postgres_store, tmp_path, "place", [late, flaky, *order_lines(ORDERS)[2:]])
    machines = [machine(postgres_store, tmp_path, hours) for hours in (-5, 5)]
    try:
        said = [each.communicate(timeout=PATIENCE) for each in machines]
        assert [each.returncode for each in machines] == [0, 0], said
    finally:
        for each in machines:
            each.kill()
    assert violations(postgres_store, settled=True) == []
    assert sum(ends(postgres_store).values()) == ORDERS
    assert_rebuilds_alike(postgres_store)


def machine(store: str, folder: Path, hours: int) -> "subprocess.Popen[str]":
    """A worker whose clock is wrong by so many hours."""
    own = folder / f"{hours}"
    own.mkdir()
    (own / "sitecustomize.py").write_text(SHIFTED.format(hours=hours))
    return subprocess.Popen(
        command("sagaline", store, "run", "--until-settled"),
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(own)},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def order(line: str, payment_method: str) -> str:
    return json.dumps({**json.loads(line), "payment_method": payment_method}) + "\n"
