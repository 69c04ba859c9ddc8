"""Each mutant of the engine is noticed; docs/testing-sagas.md lists them."""

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.sagaline.testing.mutants import MUTANTS, Mutant

pytestmark = [pytest.mark.slow, pytest.mark.no_cover]

PAGE = Path(__file__).parents[3] / "docs" / "testing-sagas.md"


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda each: each.rule)
def test_a_mutant_is_noticed(mutant: Mutant, monkeypatch: pytest.MonkeyPatch) -> None:
    mutant.put_in(monkeypatch)
    with pytest.raises(AssertionError):
        mutant.killer()


STORIES = {each.killer for each in MUTANTS if "fault_matrix" not in each.killer.__code__.co_names}
"""The stories that run with a mutant alone; the matrices have tests without a mutant too."""


@pytest.mark.parametrize("story", sorted(STORIES, key=repr))
def test_a_story_passes_without_a_mutant(story: Callable[[], None]) -> None:
    story()


def test_the_page_on_testing_lists_the_mutants() -> None:
    page = PAGE.read_text()
    assert [each.rule for each in MUTANTS if f"| {each.rule} |" not in page] == []
