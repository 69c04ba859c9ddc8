"""`sagaline settings`: every setting, its value, and where that comes from."""

from pathlib import Path
from typing import Any

from sagaline.cli.settings import Settings
from tests.cli.command_line import SHOP, CommandLine

STORE = "postgresql+psycopg://shop:secret@db/shop"


def by_name(rows: list[dict[str, Any]]) -> dict[str, dict[str, Any]]:
    return {each.pop("name"): each for each in rows}


def test_all_settings_are_listed_with_their_sources(run: CommandLine, here: Path) -> None:
    (here / "pyproject.toml").write_text(f"[tool.sagaline]\napp = '{SHOP}'\nevent_attempts = 5\n")
    given = run.on(STORE).given(SAGALINE_BATCH_SIZE="500", SAGALINE_LEASE_DURATION="8")
    rows = by_name(given.sagaline("settings", "--json").json)
    assert rows.keys() == Settings.model_fields.keys()
    assert rows["batch_size"] == {"value": 500, "default": 2000, "source": "environment"}
    assert rows["event_attempts"] == {"value": 5, "default": 3, "source": "file"}
    assert rows["lease_duration"] == {"value": 8.0, "default": 4.0, "source": "environment"}
    assert rows["log_level"] == {"value": "WARNING", "default": "WARNING", "source": "default"}
    assert rows["store"]["source"] == "option"


def test_a_password_is_hidden(run: CommandLine) -> None:
    said = run.on(STORE).given(SAGALINE_VIEWS="secret").sagaline("settings", "--json")
    rows = by_name(said.json)
    assert rows["store"]["value"] == "postgresql+psycopg://shop:***@db/shop"
    assert rows["views"]["value"] == "(not a URL)"
    assert "secret" not in said.output


def test_the_table_is_for_people(run: CommandLine) -> None:
    said = run.given(COLUMNS="160").sagaline("settings")
    assert said.status == 0
    assert "read_model_batch_size" in said.output
    assert "10,000" in said.output


def test_a_value_out_of_its_limits_is_one_line_and_status_2(run: CommandLine) -> None:
    said = run.given(SAGALINE_BATCH_SIZE="0").sagaline("settings")
    assert (said.status, said.output) == (2, "")
    assert said.errors.count("\n") == 1
    assert "batch_size cannot be '0'" in said.errors
    assert "SAGALINE_BATCH_SIZE" in said.errors
