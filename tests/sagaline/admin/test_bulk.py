"""What an operator does to many sagas, or dead letters, at once."""

from collections import Counter as Counts
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from threading import Barrier, Thread

import pytest

from sagaline import Runner
from sagaline.admin import saga_pages
from sagaline.admin.admin import Admin
from sagaline.admin.bulk_result import BulkResult, Group
from sagaline.admin.saga_lookup import find_instance
from sagaline.admin.selection import Selection
from sagaline.errors import NameUnknown, WrongCall
from sagaline.saga.instance import Journal
from sagaline.saga.state import Action
from sagaline.storage.tables.audit import interventions_of
from tests.originals import Fill
from tests.sagaline.parcels import CLOSED, HEAVY, a_bad_day, bring, system, trouble

ALL = Selection(all=True)


@pytest.fixture
def store(copied: Callable[[str, Fill], str]) -> str:
    """A store after a bad day, on each kind of database."""
    return copied("parcels after a bad day", a_bad_day)


@contextmanager
def admin(store: str, by: str = "Eve") -> Iterator[Admin]:
    with Admin(system, {"SQLALCHEMY_URL": store}, by=by) as opened:
        yield opened


def run(store: str) -> list[str]:
    return bring(store)


def states(store: str) -> Counts[str]:
    runner = Runner(system, {"SQLALCHEMY_URL": store})
    try:
        keys = [*CLOSED, *HEAVY, "odd"]
        found = (find_instance(system.processes, runner.apps, each) for each in keys)
        return Counts(each.journal.state.value for each in found)
    finally:
        runner.stop()


def acts(store: str, key: str) -> list[tuple[str, str, str, str]]:
    """What operators did to a saga, by its own stream."""
    runner = Runner(system, {"SQLALCHEMY_URL": store})
    try:
        events = find_instance(system.processes, runner.apps, key).events
    finally:
        runner.stop()
    acted = [each for each in events if isinstance(each, Journal.Intervened)]
    return [(each.action.value, each.step, each.by, each.reason) for each in acted]


def records(store: str) -> list[tuple[str, str, str, str]]:
    """The rows of the audit table."""
    runner = Runner(system, {"SQLALCHEMY_URL": store})
    try:
        with runner.views.read() as connection:
            rows = interventions_of(connection, [each.value for each in Action])
    finally:
        runner.stop()
    return [(each.action, each.about, each.by, each.reason) for each in rows]


def refused(result: BulkResult) -> dict[str | None, str]:
    return {each.key: each.reason for each in result.refused}


def test_a_dry_run_counts_by_saga_step_and_reason_and_does_nothing(store: str) -> None:
    with admin(store) as eve:
        found = eve.retry(ALL, dry_run=True)
    assert found.groups == [
        Group("SendParcel", "hand_over", "ConnectionError: the road is closed", 4),
        Group("SendParcel", "pack", "ConnectionError: the bridge is up", 2),
    ]
    assert (found.selected, found.done, found.refused) == (6, 6, [])
    assert states(store) == {"parked": 6, "running": 1}
    assert records(store) == []


def test_all_that_is_stuck_is_retried_at_once_and_each_saga_says_by_whom(store: str) -> None:
    told: list[tuple[int, int]] = []
    env = {"SQLALCHEMY_URL": store}
    with Admin(system, env, by="Eve", progress=lambda *each: told.append(each)) as eve:
        done = eve.retry(ALL, "road open")
    assert (done.selected, done.done, done.refused) == (6, 6, [])
    assert told == [(each, 6) for each in range(1, 7)]
    assert records(store) == [("retry", "6 sagas: --all", "Eve", "road open")]
    assert acts(store, "red") == [("retry", "", "Eve", "road open")]
    run(store)
    assert states(store) == {"completed": 4, "compensated": 2, "running": 1}


def test_a_selection_is_read_page_by_page(store: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(saga_pages, "PAGE", 2)
    with admin(store) as eve:
        assert eve.retry(Selection(saga="SendParcel"), dry_run=True).selected == 6
        assert eve.abandon(Selection(saga="SendParcel"), "closed").done == 7
    assert states(store) == {"abandoned": 7}


def test_one_that_cannot_be_done_is_named_and_stops_no_other(store: str) -> None:
    with admin(store) as eve:
        counted = eve.cancel(ALL, dry_run=True)
        done = eve.cancel(ALL, "a bad day")
    assert (counted.selected, counted.done) == (done.selected, done.done) == (7, 1)
    assert refused(counted) == refused(done)
    assert refused(done)["red"] == "its pivot, hand_over, was already requested"
    assert refused(done)["heavy one"] == "it is already compensating"
    assert acts(store, "odd") == [("cancel", "", "Eve", "a bad day")]
    assert acts(store, "red") == []


def test_steps_and_undos_that_were_done_by_hand_are_skipped(store: str) -> None:
    with admin(store) as eve:
        done = eve.skip(Selection(step="pack"), "unpacked by hand")
    assert (done.done, done.refused) == (2, [])
    assert acts(store, "heavy two") == [("skip", "pack", "Eve", "unpacked by hand")]
    assert states(store)["compensated"] == 2
    with admin(store) as eve:
        assert eve.skip(ALL, "driven by hand").done == 4
    run(store)
    assert states(store) == {"compensated": 2, "completed": 4, "running": 1}


@pytest.mark.parametrize(
    ("selection", "count"),
    [
        (Selection(reason_like="BRIDGE"), 2),
        (Selection(reason_like="ConnectionError: the % is up"), 2),
        (Selection(reason_like="the bridge%"), 0),
        (Selection(reason_like="road.closed"), 0),
        (Selection(step="hand_over", reason_like="road"), 4),
        (Selection(step="pack", reason_like="road"), 0),
        (Selection(saga="SendParcel", step="bill"), 0),
        (Selection(since=datetime(2999, 1, 1, tzinfo=UTC)), 0),
        (Selection(since=datetime(2026, 1, 1, tzinfo=UTC)), 6),
    ],
    ids=str,
)
def test_what_is_selected_meets_every_condition(
    store: str, selection: Selection, count: int
) -> None:
    with admin(store) as eve:
        assert eve.retry(selection, dry_run=True).selected == count


def test_two_operators_at_once_act_once_on_each(store: str) -> None:
    ready, done = Barrier(2), []

    def act(by: str) -> None:
        with admin(store, by) as one:
            ready.wait()
            done.append(one.retry(ALL, "road open"))

    threads = [Thread(target=act, args=(each,)) for each in ("Eve", "Bob")]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    assert sum(each.done for each in done) == 6
    assert [each.refused for each in done] == [[], []]
    assert [len(acts(store, each)) for each in (*CLOSED, *HEAVY)] == [1] * 6


def test_dead_letters_are_retried_and_those_that_fail_again_are_named(store: str) -> None:
    held = Selection(saga="SendParcel", step="pack", reason_like="no box fits")
    with trouble("odd"), admin(store) as eve:
        counted = eve.retry_letters(ALL, dry_run=True)
        again = eve.retry_letters(held)
    assert counted.groups == [Group("SendParcel", "pack", "ValueError: no box fits odd", 1)]
    assert (again.done, refused(again)) == (0, {"odd": "ValueError: no box fits odd"})
    with admin(store) as eve:
        assert eve.retry_letters(ALL, "a new box").done == 1
    assert [each[2:] for each in records(store)] == [("Eve", ""), ("Eve", "a new box")]
    assert [each[:3] for each in acts(store, "odd")] == [("retry dead letter", "", "Eve")] * 2
    run(store)
    assert states(store) == {"parked": 6, "completed": 1}


def test_dead_letters_are_discarded_once(store: str) -> None:
    with admin(store) as eve, admin(store, "Bob") as bob:
        assert eve.discard_letters(Selection(step="bill"), "lost").selected == 0
        assert eve.discard_letters(ALL, "lost").done == 1
        assert bob.discard_letters(ALL, "lost").done == 0
    ((action, about, by, _),) = records(store)
    assert (action, about, by) == ("discard dead letter", "1 dead letter: --all", "Eve")
    ((what, _, who, why),) = acts(store, "odd")
    assert (what, who, why.endswith(" lost")) == ("discard dead letter", "Eve", True)


def test_a_selection_that_cannot_be_meant_is_refused(store: str) -> None:
    with pytest.raises(WrongCall, match=r"selects nothing.*all=True"):
        Selection()
    with pytest.raises(WrongCall, match="no moment with a zone"):
        Selection(since=datetime(2026, 1, 1))  # noqa: DTZ001
    with admin(store) as eve:
        with pytest.raises(NameUnknown, match="did you mean SendParcel"):
            eve.retry(Selection(saga="SendParcl"))
        with pytest.raises(NameUnknown, match="did you mean hand_over"):
            eve.retry(Selection(step="handover"))
        with pytest.raises(NameUnknown, match="choose among pack, whose undo it is"):
            eve.retry_letters(Selection(step="unpack"))
        with pytest.raises(WrongCall, match="Give a Selection"):
            eve.retry("SendParcel")  # type: ignore[arg-type]
