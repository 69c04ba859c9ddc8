"""Tables and other text for people."""

from uuid import uuid4

import pytest
import typer
from typer.testing import CliRunner

from application.cli import program as shop
from sagaline.cli.output import duration, facts, print_note, printable, show, stderr_console
from sagaline.cli.program import program as framework
from sagaline.cli.tables import Listing


def listing() -> Listing:
    made = Listing("key", "#count", "?first", "?second", ">rest")
    made.add("k" * 10, 1_000, "f" * 10, "s" * 10, "r" * 30)
    return made


@pytest.mark.parametrize(
    ("columns", "headings"),
    [
        (200, ["key", "count", "first", "second", "rest"]),
        (53, ["key", "count", "first", "second", "rest"]),
        (45, ["key", "count", "first", "rest"]),
        (29, ["key", "count", "rest"]),
        (20, ["key", "count"]),
    ],
)
def test_optional_columns_are_left_out_of_a_narrow_terminal(
    columns: int,
    headings: list[str],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv("COLUMNS", str(columns))
    listing().show()
    head, _, row, *more = capsys.readouterr().out.splitlines()
    assert head.split() == headings
    assert all(len(each) <= columns for each in (row, *more))
    assert row.startswith("k" * 10)
    assert "1,000" in row
    assert "".join([row, *more]).count("r") == (30 if "rest" in headings else 0)


def test_an_id_stays_whole_where_the_terminal_is_too_narrow_for_it(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("COLUMNS", "30")
    made = Listing("#in", "command", "id")
    id_ = f"settle:{uuid4()}"
    made.add("15 min", "SettlePayment", id_)
    made.show()
    assert f"15 min  SettlePayment  {id_}\n" in capsys.readouterr().out


MARKUP = "[/x] [bold]k[/bold] :cat: [link=x]"


def test_brackets_and_colons_of_keys_are_shown_as_they_are(
    capsys: pytest.CaptureFixture[str],
) -> None:
    made = Listing(MARKUP, "#count", title=MARKUP)
    made.add(MARKUP, 1)
    made.show()
    Listing("key").show(empty=MARKUP)
    show(MARKUP)
    show(facts([(MARKUP, MARKUP)]))
    print_note(MARKUP)
    stderr_console().print(MARKUP)
    said = capsys.readouterr()
    assert said.out.count(MARKUP) == 7
    assert said.err == f"{MARKUP}\n" * 2


@pytest.mark.parametrize("program", [framework, shop])
def test_the_help_shows_no_type_of_a_flag(program: typer.Typer) -> None:
    for arguments in ([], ["status"], ["sagas", "list"], ["order"], ["gateway", "allow-refunds"]):
        said = CliRunner().invoke(program, [*arguments, "--help"])
        assert "--help" in said.output or said.exit_code == 2, "a command of the other program"
        assert "bool" not in said.output.lower()


def test_control_characters_in_a_row_are_escaped(capsys: pytest.CaptureFixture[str]) -> None:
    made = Listing("one", ">two")
    made.add("[bold]no markup[/]", "a\x1b[2Jb\nc")
    made.show()
    assert "[bold]no markup[/]  a\\x1b[2Jb c" in capsys.readouterr().out


def test_text_is_put_on_one_line() -> None:
    assert printable("  a\n b\tc ") == "a b c"


@pytest.mark.parametrize(
    ("seconds", "said"),
    [(None, ""), (0.04, "0.0 s"), (9.96, "10.0 s"), (59, "59 s"), (600, "10 min"), (8_000, "2 h")],
)
def test_a_duration_is_printed_in_its_largest_unit(seconds: float | None, said: str) -> None:
    assert duration(seconds) == said
