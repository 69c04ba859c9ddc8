"""Which tests are left out of the coverage."""

import os

import pytest

from tests.unmeasured import NEVER, NOT_ON_POSTGRES, TESTS


def test_the_places_that_are_left_out_are_there() -> None:
    assert [each for each in (*NEVER, *NOT_ON_POSTGRES) if not (TESTS / each).exists()] == []


@pytest.mark.no_cover
def test_a_test_that_is_left_out_starts_its_processes_without_coverage() -> None:
    assert [each for each in os.environ if each.startswith("COVERAGE_PROCESS_")] == []
