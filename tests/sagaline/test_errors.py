"""Errors: what they say, and that they reach another process as they are."""

import copy
import json
import pickle
import subprocess
import sys
from string import Formatter

import pytest

from sagaline import errors
from sagaline.errors import SagalineError

ALL = [
    each
    for each in vars(errors).values()
    if isinstance(each, type) and issubclass(each, SagalineError)
]


def facts_of(kind: type[SagalineError]) -> dict[str, int]:
    names = [name for _, name, _, _ in Formatter().parse(kind.__doc__ or "") if name]
    return {name.partition(".")[0]: 7 for name in names}


@pytest.mark.parametrize("kind", ALL)
def test_an_error_can_be_copied_and_sent_to_another_process(kind: type[SagalineError]) -> None:
    error = kind(**facts_of(kind))
    for again in (copy.copy(error), pickle.loads(pickle.dumps(error))):
        assert type(again) is kind
        assert str(again) == str(error)
        assert vars(again) == vars(error)


PRINTS = """
import json, sys
from sagaline import errors
print(json.dumps({name: str(vars(errors)[name](**facts)) for name, facts in json.load(sys.stdin)}))
"""


def test_errors_say_the_same_without_docstrings() -> None:
    given = json.dumps([(each.__name__, facts_of(each)) for each in ALL])
    command = [sys.executable, "-OO", "-c", PRINTS]
    said = subprocess.run(command, input=given, capture_output=True, text=True, check=True)
    assert json.loads(said.stdout) == {each.__name__: str(each(**facts_of(each))) for each in ALL}
