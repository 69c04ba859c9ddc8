"""`sagas` and `dead-letters` over a selection, late sagas, and sagas behind dead letters."""

import re
from collections.abc import Callable

import pytest

from sagaline.system.environment import environment
from tests.cli.command_line import CommandLine
from tests.originals import Fill
from tests.sagaline.parcels import Bring, Counter, a_bad_day, bring, trouble

LETTER = re.compile(r"Depot/SendParcel:\d+", re.IGNORECASE)

LATE = """
from datetime import timedelta

from sagaline import PIVOT, Saga, System, hours, step
from tests.sagaline.parcels import Counter, Depot, HandOver, Handling, Parcel

MOMENT = timedelta(microseconds=1)


class SendParcel(
    Saga, starts_on=Parcel.Brought, key=lambda brought: brought.parcel, expected=MOMENT
):
    hand_over = step(HandOver, done=Handling.HandedOver, kind=PIVOT, expected=MOMENT)


class Patient(Saga, starts_on=Parcel.Brought, key=lambda b: b.parcel, expected=hours(1)):
    hand_over = step(HandOver, done=Handling.HandedOver, kind=PIVOT, expected=hours(1))


system = System("parcels", applications=[Counter, Depot], sagas=[SendParcel, Patient])
"""


@pytest.fixture
def parcels(run: CommandLine, copied: Callable[[str, Fill], str]) -> CommandLine:
    """Parcels after a bad day, on each kind of database."""
    store = copied("parcels after a bad day", a_bad_day)
    return run.given(SAGALINE_APP="tests.sagaline.parcels:system", SAGALINE_STORE=store)


@pytest.fixture
def bad_day(run: CommandLine, sqlite_store: str) -> CommandLine:
    """The same on SQLite alone, for what does not depend on the database."""
    a_bad_day(sqlite_store)
    return run.given(SAGALINE_APP="tests.sagaline.parcels:system", SAGALINE_STORE=sqlite_store)


def test_an_operator_counts_first_and_then_acts_on_many(parcels: CommandLine) -> None:
    counted = parcels.sagaline("sagas", "retry", "--step", "hand_over", "--dry-run")
    assert counted.status == 0
    assert re.search(r"4 +SendParcel +hand_over +ConnectionError: the road", counted.output)
    assert counted.errors == "retry: would be done to 4, refused for 0.\n"
    why = ("--by", "Eve", "--reason", "road open")
    done = parcels.sagaline("sagas", "retry", "--step", "hand_over", *why, "--json")
    facts = {name: done.json[name] for name in ("action", "selected", "done", "refused")}
    assert (done.status, facts) == (
        0,
        {"action": "retry", "selected": 4, "done": 4, "refused": []},
    )
    (record,) = parcels.sagaline("sagas", "history", "--json").json
    assert (record["by"], record["about"]) == ("Eve", "4 sagas: --step hand_over")
    assert (
        parcels.sagaline("sagas", "list", "--state", "parked", "--json").json[0]["step"] == "pack"
    )


def test_the_exit_status_says_that_it_could_not_be_done_to_one(parcels: CommandLine) -> None:
    said = parcels.sagaline("sagas", "cancel", "--all")
    assert said.status == 1
    assert re.search(r"red +its pivot, hand_over, was already requested", said.output)
    assert said.errors.endswith("cancel: done to 1, refused for 6.\n")
    why = ("--reason", "the depot burnt down")
    assert parcels.sagaline("sagas", "abandon", "--saga", "SendParcel", *why).status == 0
    assert parcels.sagaline("sagas", "abandon", "--all", *why).output == "Nothing is selected.\n"


def test_dead_letters_are_retried_and_discarded_over_a_selection(parcels: CommandLine) -> None:
    with trouble("odd"):
        again = parcels.sagaline("dead-letters", "retry", "--all", "--json")
    assert (again.status, again.json["refused"][0]["reason"]) == (1, "ValueError: no box fits odd")
    since = ("--since", "now-1h")
    assert parcels.sagaline("dead-letters", "retry", *since, "--dry-run").status == 0
    why = ("--reason", "lost")
    done = parcels.sagaline("dead-letters", "discard", "--reason-like", "no box", *why)
    assert done.status == 0
    assert done.errors.endswith("discard dead letter: done to 1, refused for 0.\n")
    assert parcels.sagaline("dead-letters", "list").status == 0


@pytest.mark.parametrize(
    ("arguments", "why"),
    [
        (["sagas", "retry"], "it needs an ID or a selection. Name one, or add --saga NAME,"),
        (["sagas", "retry", "--dry-run"], "it needs an ID or a selection"),
        (["sagas", "retry", "red", "--all"], "it has the ID 'red' and --all. Leave out one"),
        (["sagas", "retry", "red", "--dry-run"], "it has the ID 'red' and --dry-run"),
        (["sagas", "cancel", "red", "--step", "pack"], "the ID 'red' and --step"),
        (["sagas", "skip", "--reason", "x"], "it needs an ID or a selection"),
        (["sagas", "skip", "red", "--reason", "x"], "it needs a step. Write sagas skip ID STEP"),
        (["sagas", "abandon", "--saga", "Sendparcel", "--reason", "x"], "did you mean SendParcel"),
        (["sagas", "retry", "--step", "unpack"], "choose among pack, whose undo it is"),
        (
            ["sagas", "retry", "--since", "yesterday"],
            "not a moment: write now, now-10m",
        ),
        (["dead-letters", "retry"], "it needs an ID or a selection"),
        (["dead-letters", "discard", "x", "--all", "--reason", "x"], "the ID 'x' and --all"),
        (["dead-letters", "retry", "--saga", "Nobody"], "choose among SendParcel"),
    ],
    ids=lambda each: " ".join(each) if isinstance(each, list) else "",
)
def test_a_selection_that_cannot_be_meant_is_refused_in_one_line(
    bad_day: CommandLine, arguments: list[str], why: str
) -> None:
    said = bad_day.sagaline(*arguments)
    assert (said.status, said.errors.count("\n"), said.output) == (2, 1, "")
    assert why in said.errors
    assert bad_day.sagaline("sagas", "history").output == "There are none.\n"


def test_a_saga_whose_command_is_a_dead_letter_names_it_and_the_cure(
    parcels: CommandLine,
) -> None:
    shown = parcels.sagaline("sagas", "show", "odd")
    (held,) = parcels.sagaline("sagas", "show", "odd", "--json").json["held_up"]
    assert LETTER.fullmatch(held["letter"])
    cure = f"sagaline dead-letters retry {held['letter']}"
    assert (held["cure"], held["saga"]) == (cure, "SendParcel")
    assert f"it is held up by the dead letter {held['letter']}: `{cure}`" in shown.output
    listed = parcels.sagaline("sagas", "list", "--state", "running", "--json")
    (row,) = listed.json
    assert (listed.status, row["dead_letter"], row["cure"]) == (1, held["letter"], cure)
    assert cure in row["reason"]
    assert cure in parcels.sagaline("sagas", "list").output
    assert cure in parcels.sagaline("status").output
    again = parcels.sagaline("run", "--until-settled", "--json")
    assert [each["cure"] for each in again.json["held_up"]] == [cure]
    assert parcels.sagaline("dead-letters", "retry", held["letter"]).status == 0
    assert parcels.sagaline("sagas", "list", "--state", "running").status == 0


def test_a_saga_that_compensates_behind_a_dead_letter_says_so(bad_day: CommandLine) -> None:
    assert bad_day.sagaline("sagas", "cancel", "odd").status == 0
    shown = bad_day.sagaline("sagas", "show", "odd").output
    assert re.search(r"state +compensating", shown)
    assert "it is held up by the dead letter" in shown
    assert bad_day.sagaline("run", "--until-settled").status == 1
    (row,) = bad_day.sagaline("sagas", "list", "--state", "compensating", "--json").json
    assert LETTER.fullmatch(row["dead_letter"])
    assert row["remaining"] == "pack"


def test_a_settled_runner_says_what_did_not_settle(
    sqlite_store: str, caplog: pytest.LogCaptureFixture
) -> None:
    with trouble("odd"):
        (held,) = bring(sqlite_store, "odd", "even")
    assert held.startswith("SendParcel odd is held up by the dead letter Depot/")
    assert [each.message for each in caplog.records if each.message == held] == [held]
    assert bring(sqlite_store) == [held]


def test_what_takes_longer_than_it_should_is_named(run: CommandLine, sqlite_store: str) -> None:
    (run.folder / "late.py").write_text(LATE)
    run = run.given(SAGALINE_APP="late:system", SAGALINE_STORE=sqlite_store)
    assert run.sagaline("run", "--until-settled").status == 0
    counter = Counter(environment({"SQLALCHEMY_URL": sqlite_store}))
    counter.execute([Bring(parcel="red")])
    counter.close()
    assert run.sagaline("run", "--until-settled").status == 1
    late = run.sagaline("sagas", "list", "--late", "--json")
    assert late.status == 1
    assert [(each["saga"], each["key"], each["step"]) for each in late.json] == [
        ("SendParcel", "red", ""),
        ("SendParcel", "red", "hand_over"),
    ]
    assert late.json[0]["expected"] == 1e-6
    status = run.sagaline("status", "--json").json
    assert [each["step"] for each in status["late"]] == ["", "hand_over"]
    text = run.sagaline("status").output
    assert "late                2: see `sagaline sagas list --late`" in text
    assert run.sagaline("sagas", "list", "--late", "--state", "parked").output == (
        "There are none.\n"
    )
