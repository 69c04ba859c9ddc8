"""The log of a command on stderr: its options, its two formats, and hostile texts."""

import json
import logging
import re
from typing import Any

import pytest

from sagaline.cli.log_output import JsonFormatter, TextFormatter
from tests.cli.command_line import SHOP, CommandLine
from tests.cli.orders import ACCEPTED, STUCK, json_lines, order

STOCK = json_lines([{"sku": "A1", "quantity": 100}])
LINE = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z (DEBUG|INFO|WARNING|ERROR) sagaline\.")
HOSTILE = "\x1b[2J\r\n2026-01-01T00:00:00.000Z ERROR sagaline.runner: all is lost"


def placed(shop: CommandLine, *orders: object) -> None:
    assert shop.application("stock", "-", input=STOCK).status == 0
    assert shop.application("place", "-", input=json_lines(orders)).status == 0


def records(errors: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in errors.splitlines()]


def test_a_parked_saga_is_an_error_with_the_commands_that_help(shop: CommandLine) -> None:
    placed(shop, *ACCEPTED)
    said = shop.sagaline("run", "--until-settled", "--log-level", "error", "--log-format", "json")
    (parked,) = [each for each in records(said.errors) if each["level"] == "ERROR"]
    assert (parked["logger"], parked["saga"]) == ("sagaline.application", "OrderFulfilment")
    assert (parked["key"], parked["step"]) == (STUCK, "take_payment")
    assert f"`sagaline sagas retry {STUCK}`" in parked["text"]
    assert shop.sagaline("sagas", "retry", STUCK).status == 0


def test_each_line_has_time_level_logger_text_and_fields(sqlite_shop: CommandLine) -> None:
    placed(sqlite_shop, order())
    said = sqlite_shop.sagaline("run", "--until-settled", "--log-level", "DEBUG")
    lines = said.errors.splitlines()[2:]  # where it runs, and what it leads
    assert [line for line in lines if not LINE.match(line)] == []
    assert any(each.endswith(": Leads order_list follower=order_list") for each in lines)


def test_every_line_of_stderr_is_json_where_the_log_is(sqlite_shop: CommandLine) -> None:
    placed(sqlite_shop, order())
    json_log = sqlite_shop.given(SAGALINE_LOG_FORMAT="json", SAGALINE_LOG_LEVEL="INFO")
    run = json_log.sagaline("run", "--until-settled", "--json")
    rebuild = json_log.sagaline("rebuild", "order_list", "--json")
    refused = json_log.sagaline("sagas", "show", "nobody")
    assert (run.json["settled"], rebuild.json[0]["view"]) == (True, "order_list")
    texts = [each["text"] for each in records(run.errors + rebuild.errors)]
    assert any(each.startswith("Runs shop on ") for each in texts)
    assert "Rebuilds order_list from the logs" in texts
    (last,) = records(refused.errors)
    assert (last["level"], last["logger"]) == ("ERROR", "sagaline.cli")


@pytest.mark.parametrize(
    "options",
    [["--log-level", "info", "settings", "--json"], ["settings", "--json", "--log-level", "INFO"]],
)
def test_the_options_stand_before_the_command_or_behind_it(
    run: CommandLine, options: list[str]
) -> None:
    said = run.given(SAGALINE_LOG_LEVEL="ERROR", SAGALINE_APP=SHOP).sagaline(*options)
    (row,) = [each for each in said.json if each["name"] == "log_level"]
    assert (row["value"], row["source"]) == ("INFO", "option")


@pytest.mark.parametrize(
    "command",
    [["settings"], ["status"], ["sagas", "list"], ["dead-letters", "retry", "x"], ["rebuild"]],
)
def test_every_command_has_the_options(run: CommandLine, command: list[str]) -> None:
    said = run.sagaline(*command, "--log-level", "LOUD")
    assert (said.status, "--log-level" in said.errors) == (2, True)


def test_the_shop_has_the_options_too(sqlite_shop: CommandLine) -> None:
    said = sqlite_shop.application("--log-format", "json", "stock", "-", input=STOCK)
    assert [each["text"] for each in records(said.errors)] == ["1 line: 1 received"]
    help_ = sqlite_shop.application("gateway", "allow-refunds", "--help")
    assert "--log-level" in help_.output


def test_a_command_leaves_the_loggers_of_its_program_as_they_were(sqlite_shop: CommandLine) -> None:
    logger = logging.getLogger("sagaline")
    before = logger.level, list(logger.handlers)
    sqlite_shop.application("--log-level", "DEBUG", "stock", "-", input=STOCK)
    assert (logger.level, list(logger.handlers)) == before


SYSTEM = """
from sagaline import Application, Command, System, handles

class Ring(Command, key="house"):
    house: str

class Rung(Application):
    @handles(Ring)
    def ring(self, command: Ring, answer: None) -> None: ...

    @ring.asks
    def ask(self, command: Ring) -> None: ...

raise ValueError({text!r})
"""


def test_a_hostile_error_is_one_line_without_escapes(run: CommandLine) -> None:
    (run.folder / "hostile.py").write_text(SYSTEM.format(text=HOSTILE + " a://b:hunter2@c"))
    said = run.sagaline("--app", "hostile:system", "--store", "sqlite:///s.db", "run")
    assert (said.status, said.errors.count("\n")) == (2, 1)
    assert "\x1b" not in said.errors
    assert "hunter2" not in said.errors


def test_a_bug_of_a_command_has_a_traceback_without_escapes(
    run: CommandLine, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise ZeroDivisionError(HOSTILE)

    monkeypatch.setattr("sagaline.cli.commands.settings.describe_settings", fail)
    said = run.sagaline("settings")
    assert said.status == 1
    assert said.errors.startswith("Traceback (most recent call last):\n")
    assert "\x1b" not in said.errors
    assert "\n2026-01-01" not in said.errors


def hostile_record() -> logging.LogRecord:
    """A record of another library, which has not made it safe."""
    try:
        raise ValueError(HOSTILE)
    except ValueError as error:
        known = (type(error), error, error.__traceback__)
    record = logging.LogRecord("sagaline.x", 40, "x.py", 1, "it fails", (), known)
    record.fields = {"key": HOSTILE, "follower": "", "reason": 'says "no"'}
    return record


def test_a_text_has_one_line_for_a_record_whatever_its_fields_are() -> None:
    head, *trace = TextFormatter().format(hostile_record()).splitlines()
    assert head.isprintable()
    assert head.endswith(r'follower="" reason="says \"no\""')
    assert all(each.startswith("    ") for each in trace)


def test_json_has_one_line_for_a_record_and_its_fields_as_they_are() -> None:
    (line,) = JsonFormatter().format(hostile_record()).splitlines()
    assert line.isprintable()
    assert json.loads(line)["key"] == HOSTILE
