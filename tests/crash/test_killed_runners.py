"""Runners that are killed on the way, and two at once: nothing is lost, and nothing doubled."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from random import Random
from uuid import UUID

import pytest
from sqlalchemy import Engine, create_engine, inspect, text
from sqlalchemy.exc import DatabaseError

from tests.cli.command_line import CommandLine
from tests.invariants import ends, violations

ROOT = Path(__file__).parents[2]
ORDERS = 400
KILLS = 10
PATIENCE = 300.0
"""Seconds until something is wrong."""

SKUS = [f"SKU-{number}" for number in range(60)]


def test_two_runners_killed_ten_times_bring_every_order_to_its_end(
    store_url: str, tmp_path: Path
) -> None:
    place(store_url, tmp_path)
    run_and_kill(store_url, tmp_path, KILLS, ORDERS)
    assert sum(ends(store_url).values()) == ORDERS
    assert_rebuilds_alike(store_url)


@pytest.mark.parametrize("application", ["stock", "place"])
def test_what_was_printed_before_a_kill_is_on_disk(
    sqlite_store: str, tmp_path: Path, application: str
) -> None:
    lines = stock_lines() * 40 if application == "stock" else order_lines(3_000)
    source = tmp_path / "lines.jsonl"
    source.write_text("".join(lines))
    taking = subprocess.Popen(
        command("application", sqlite_store, application, str(source), "--json"),
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    )
    assert taking.stdout is not None
    printed = [json.loads(taking.stdout.readline()) for _ in range(500)]
    taking.kill()
    printed += [json.loads(each) for each in taking.stdout if each.endswith(b"\n")]
    taking.stdout.close()
    taking.wait()
    positions = {each["position"] for each in printed}
    assert len(positions) == len(printed)
    assert positions <= recorded(sqlite_store)


def run_and_kill(url: str, folder: Path, kills: int, orders: int) -> None:
    """Two runners at once, killed in turns on the way; what must hold then and at the end."""
    engine = create_engine(url)
    runners = [Runner(url, folder / f"runner-{number}.txt") for number in (1, 2)]
    try:
        for kill in range(kills):
            wait_for_events(engine, 20 + kill * orders)
            runners[kill % 2].kill()
            assert violations(url, settled=False) == []
            runners[kill % 2].start()
        codes = [each.wait() for each in runners]
    finally:
        for each in runners:
            each.kill()
        engine.dispose()
    assert codes == [0, 0], "\n".join(each.said() for each in runners)
    assert violations(url, settled=True) == []


class Runner:
    """`sagaline run` in a process of its own."""

    def __init__(
        self, url: str, output: Path, arguments: Sequence[str] = ("--until-settled",)
    ) -> None:
        self._url = url
        self._output = output
        self._arguments = arguments
        self.start()

    def start(self) -> None:
        """Starts it, or starts it again."""
        with self._output.open("ab") as output:
            self._process = subprocess.Popen(
                command("sagaline", self._url, "run", *self._arguments),
                cwd=ROOT,
                stdout=output,
                stderr=output,
            )

    def is_over(self) -> bool:
        """Whether it has ended."""
        return self._process.poll() is not None

    def kill(self) -> None:
        """Ends it with SIGKILL, wherever it is."""
        self._process.kill()
        self._process.wait()

    def pause(self) -> None:
        """Stops it with SIGSTOP, as a machine that sleeps would."""
        self._process.send_signal(signal.SIGSTOP)

    def go_on(self) -> None:
        """Lets it go on where it was stopped."""
        self._process.send_signal(signal.SIGCONT)

    def terminate(self) -> None:
        """Asks it to stop."""
        self._process.terminate()

    def end(self) -> int:
        """Asks it to stop; returns its exit status."""
        self.terminate()
        return self.wait()

    def leads(self, engine: Engine) -> bool:
        """Whether any follower is its own, as the store says."""
        with engine.connect() as connection:
            owners = connection.execute(text("SELECT owner FROM followers")).scalars()
            return any(f":{self._process.pid}:" in each for each in owners if each)

    def wait(self) -> int:
        """Waits for its end; returns its exit status."""
        return self._process.wait(PATIENCE)

    def said(self) -> str:
        """All that it has printed."""
        return self._output.read_text()


def command(module: str, url: str, *arguments: str) -> list[str]:
    return [sys.executable, "-m", module, "--store", url, *arguments]


def place(url: str, folder: Path) -> None:
    take_in(url, folder, "stock", stock_lines())
    take_in(url, folder, "place", order_lines(ORDERS))


def take_in(url: str, folder: Path, what: str, lines: Sequence[str]) -> None:
    source = folder / f"{what}.jsonl"
    source.write_text("".join(lines))
    said = in_this_process().application("--store", url, what, str(source))
    assert said.status == 0, said.errors


def in_this_process() -> CommandLine:
    """Commands that no test kills; they run in this process, because a start takes a second."""
    return CommandLine(ROOT, dict(os.environ))


def stock_lines() -> list[str]:
    """Enough of most articles, and too little of some."""
    return [
        json.dumps({"sku": sku, "quantity": 10 if place % 20 == 0 else 1_000}) + "\n"
        for place, sku in enumerate(SKUS)
    ]


def order_lines(count: int, seed: int = 5) -> list[str]:
    """Orders of which some cannot be paid, some not delivered, and some not be had."""
    return list(_order_lines(Random(seed), count))


def _order_lines(random: Random, count: int) -> Iterator[str]:
    for _ in range(count):
        skus = random.sample(SKUS, random.randint(1, 4))
        order = {
            "order_id": str(UUID(int=random.getrandbits(128), version=4)),
            "customer_id": str(random.randint(1, 50)),
            "currency": "USD",
            "lines": [
                {"sku": sku, "quantity": random.randint(1, 3), "unit_price": "9.99"} for sku in skus
            ],
            "payment_method": random.choice(["pm_card_visa"] * 8 + ["pm_card_chargeDeclined"]),
            "ship_to": {"country": random.choice(["US"] * 9 + ["ZZ"]), "postcode": "45202"},
        }
        yield json.dumps(order) + "\n"


def wait_for_events(engine: Engine, count: int) -> None:
    """Waits until the saga and its participants have written so many events."""
    wait_until(lambda: _written(engine) >= count)


def wait_until(holds: Callable[[], bool]) -> None:
    """Looks again and again, because nobody tells of what other processes do."""
    deadline = time.monotonic() + PATIENCE
    while not holds():
        if time.monotonic() > deadline:
            raise TimeoutError("the runners did not get there")
        time.sleep(0.005)


def _written(engine: Engine) -> int:
    names = ("payments", "shipping", "orderfulfilment", "inventory")
    total = 0
    for name in names:
        try:
            with engine.connect() as connection:
                newest = connection.execute(text(f"SELECT max(id) FROM {name}_events")).scalar()
                total += newest or 0
        except DatabaseError:
            continue  # the first runner has not made the table yet
    return total - len(SKUS) * 2


def recorded(url: str) -> set[str]:
    """The places of all events of the two logs that people write to."""
    engine = create_engine(url)
    found: set[str] = set()
    with engine.connect() as connection:
        for application in ("orders", "inventory"):
            if inspect(connection).has_table(f"{application}_events"):
                ids = connection.execute(text(f"SELECT id FROM {application}_events")).scalars()
                found |= {f"{application}:{id_}" for id_ in ids}
    engine.dispose()
    return found


def assert_rebuilds_alike(url: str) -> None:
    verified = in_this_process().sagaline("--store", url, "rebuild", "--verify")
    assert verified.status == 0, verified.output + verified.errors
