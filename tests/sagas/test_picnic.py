"""Picnics in a running system, on both databases: items, optional steps, alternatives."""

from pathlib import Path
from typing import Any

import pytest
from eventsourcing.application import project_aggregate

from sagaline import Runner, Saga
from sagaline.admin.saga_lookup import find_instance
from sagaline.saga.interventions import Interventions
from sagaline.system.saga_diagram import saga_diagram
from sagaline.system.saga_list import SagaList
from sagaline.testing import given
from tests.sagas.picnic import (
    SYSTEMS,
    AllDishes,
    Dish,
    FirstDish,
    Kitchen,
    Picnic,
    Picnics,
    PlanPicnic,
    TwoAtOnce,
    WhateverComes,
    WithAlternatives,
)

MANY = 10_000


def eaten(saga: type[Saga], store_url: str, *dishes: str) -> tuple[str, ...] | None:
    """What is eaten in the end, or None where the picnic is called off."""
    with Runner(SYSTEMS[saga], {"SQLALCHEMY_URL": store_url}) as runner:
        runner.get(Picnics).execute_one(PlanPicnic(host="Ada", dishes=dishes))
        runner.settle()
        events = [
            runner.get(Picnics).mapper.to_domain_event(each)
            for each in runner.get(Picnics).recorder.select_events(Picnic.create_id("Ada"))
        ]
        found = [each.dishes for each in events if isinstance(each, Picnic.Eaten)]
        assert len(found) <= 1
        return found[0] if found else None


def count(store_url: str, saga: type[Saga], event: type) -> int:
    with Runner(SYSTEMS[saga], {"SQLALCHEMY_URL": store_url}) as runner:
        kitchen = runner.get(Kitchen)
        stored = kitchen.recorder.select_notifications(1, 10 * MANY)
        return sum(isinstance(kitchen.mapper.to_domain_event(each), event) for each in stored)


@pytest.mark.parametrize(
    ("saga", "dishes", "wanted"),
    [
        (AllDishes, ("soup", "cake", "pie"), ("soup", "cake", "pie")),
        (AllDishes, (), ()),
        (AllDishes, ("soup", "soup"), ("soup", "soup")),
        (TwoAtOnce, ("soup", "burnt cake", "pie", "salad"), ("soup", "pie", "salad")),
        (TwoAtOnce, ("soup", "burnt cake", "burnt pie"), None),
        (FirstDish, ("burnt soup", "burnt cake", "pie", "salad"), ("pie",)),
        (FirstDish, ("burnt soup", "burnt cake"), None),
        (WhateverComes, ("burnt soup", "cake"), ("the burnt soup is burnt",)),
        (WithAlternatives, ("cake", "pie", "salad"), ("cake", "salad")),
        (WithAlternatives, ("burnt cake", "pie", "burnt salad"), ("pie",)),
        (WithAlternatives, ("burnt cake", "burnt pie", "salad"), None),
    ],
)
def test_a_picnic_ends_as_its_dishes_allow(
    saga: type[Saga], dishes: tuple[str, ...], wanted: tuple[str, ...] | None, store_url: str
) -> None:
    assert eaten(saga, store_url, *dishes) == wanted


def test_only_the_dishes_that_were_brought_are_taken_home(store_url: str) -> None:
    assert eaten(AllDishes, store_url, "soup", "burnt cake", "pie") is None
    assert count(store_url, AllDishes, Dish.Brought) == 2
    assert count(store_url, AllDishes, Dish.TakenHome) == 2


@pytest.mark.parametrize(("saga", "items"), [(AllDishes, MANY), (TwoAtOnce, 300)])
def test_many_items_end(saga: type[Saga], items: int, store_url: str) -> None:
    dishes = tuple(f"dish {number}" for number in range(items))
    assert eaten(saga, store_url, *dishes) == dishes


def test_the_diagram_shows_items_and_alternatives() -> None:
    assert "for each item, at least 2" in saga_diagram(TwoAtOnce)
    alternatives = saga_diagram(WithAlternatives)
    assert "instead of bring_cake" in alternatives
    assert 'bring_salad -.->|"Dish.Burnt<br/>no answer in 5 min"| eat' in alternatives


@pytest.mark.parametrize(
    ("saga", "dishes"),
    [
        (AllDishes, ("soup", "cake", "burnt pie")),
        (AllDishes, ()),
        (TwoAtOnce, ("soup", "burnt cake", "pie", "salad")),
        (FirstDish, ("burnt soup", "burnt cake", "pie")),
        (WithAlternatives, ("burnt cake", "burnt pie", "salad")),
    ],
)
def test_saga_list_says_which_items_remain(
    saga: type[Saga], dishes: tuple[str, ...], tmp_path: Path
) -> None:
    store = f"sqlite:///{tmp_path / 'picnic.db'}"
    eaten(saga, store, *dishes)
    with Runner(SYSTEMS[saga], {"SQLALCHEMY_URL": store}) as runner:
        events = find_instance(SYSTEMS[saga].processes, runner.apps, "Ada").events
    for end in range(1, len(events) + 1):
        journal: Any = project_aggregate(None, events[:end])
        (row,) = given(SagaList, *events[: end - 1]).when(events[end - 1]).then_rows(1).rows
        assert row["remaining"] == ", ".join(Interventions(saga, journal, {}).remaining())
