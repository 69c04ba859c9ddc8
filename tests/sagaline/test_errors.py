"""Errors: what they say, and that they reach another process as they are."""

import copy
import pickle
from string import Formatter

import pytest

from sagaline import errors
from sagaline.errors import SagalineError

ALL = [
    each
    for each in vars(errors).values()
    if isinstance(each, type) and issubclass(each, SagalineError)
]


@pytest.mark.parametrize("kind", ALL)
def test_an_error_can_be_copied_and_sent_to_another_process(kind: type[SagalineError]) -> None:
    names = [name for _, name, _, _ in Formatter().parse(kind.__doc__ or "") if name]
    error = kind(**{name.partition(".")[0]: 7 for name in names})
    for again in (copy.copy(error), pickle.loads(pickle.dumps(error))):
        assert type(again) is kind
        assert str(again) == str(error)
        assert vars(again) == vars(error)
