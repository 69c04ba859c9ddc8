"""Functions that a call does not run, and what such a call returns."""

from collections.abc import AsyncIterator, Callable, Iterator
from functools import partial, partialmethod, singledispatchmethod
from typing import Any

import pytest

from sagaline import DefinitionError
from sagaline.errors import NeverRun
from sagaline.messaging.lazy import flattened, is_lazy, name_of, refuse_lazy, refuse_unrun


async def awaited(*given: Any) -> None: ...


def generated(*given: Any) -> Iterator[None]:
    yield


async def generated_later(*given: Any) -> AsyncIterator[None]:
    yield


def plain(*given: Any) -> None: ...


class Awaited:
    async def __call__(self, *given: Any) -> None: ...

    async def method(self) -> None: ...


class Generated:
    def __call__(self, *given: Any) -> Iterator[None]:
        yield


class Plain:
    def __call__(self, *given: Any) -> None: ...


LAZY = {
    "async def": awaited,
    "generator": generated,
    "async generator": generated_later,
    "partial": partial(awaited, 1),
    "partial of a partial": partial(partial(generated, 1), 2),
    "partial method": partialmethod(awaited, 1),
    "static method": staticmethod(awaited),
    "class method": classmethod(generated),
    "bound method": Awaited().method,
    "callable object": Awaited(),
    "callable object that yields": Generated(),
    "partial of a callable object": partial(Awaited(), 1),
    "single dispatch": singledispatchmethod(awaited),
}


@pytest.mark.parametrize("function", LAZY.values(), ids=LAZY.keys())
def test_what_a_call_does_not_run_is_refused(function: Any) -> None:
    with pytest.raises(
        DefinitionError, match=r"^Trips\.pay: it does not run when it is called\. W"
    ):
        refuse_lazy(function, "Trips.pay")


PLAIN = {
    "def": plain,
    "lambda": lambda: None,
    "partial": partial(plain, 1),
    "callable object": Plain(),
    "class": Plain,
    "class that makes coroutines when it is called": Awaited,
    "built-in function": len,
    "no function": None,
}


@pytest.mark.parametrize("function", PLAIN.values(), ids=PLAIN.keys())
def test_what_a_call_runs_is_accepted(function: Any) -> None:
    refuse_lazy(function, "Trips.pay")


def test_a_generator_may_give_several_values() -> None:
    assert not is_lazy(generated, may_yield=True)
    assert is_lazy(awaited, may_yield=True)
    assert is_lazy(generated_later, may_yield=True)


def test_each_function_has_a_name_for_messages() -> None:
    named = [name_of(each) for each in (plain, partial(plain, 1), Awaited(), Awaited().method)]
    assert named == ["plain", "plain", "Awaited.__call__", "Awaited.method"]


def answered(*given: Any) -> Any:
    return awaited()


@pytest.mark.parametrize(
    ("returned", "kind"),
    [
        (lambda: awaited(), "coroutine"),
        (partial(answered), "coroutine"),
        (lambda: (each for each in "ab"), "generator"),
        (lambda: generated_later(), "async_generator"),
        (lambda: map(str, "ab"), "map"),
    ],
)
def test_what_has_not_run_is_no_result(returned: Callable[[], Any], kind: str) -> None:
    # A coroutine that is not closed would be a warning, and warnings are errors here.
    with pytest.raises(NeverRun, match=rf"^Trips\.pay returned a {kind}, which is not run: write"):
        refuse_unrun("Trips.pay", 1, returned())


def test_every_coroutine_among_the_results_is_closed() -> None:
    with pytest.raises(NeverRun):
        refuse_unrun("Trips.pay", awaited(), awaited())


def test_results_are_accepted() -> None:
    refuse_unrun("Trips.pay", None, 1, [], {}, iter([1]), range(3))
    assert flattened([(each for each in "ab"), ["c"]], "Trips.pay") == ["a", "b", "c"]
    with pytest.raises(NeverRun):
        flattened([[1], awaited(), awaited()], "Trips.pay")  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="Return a list"):
        flattened([5], "Trips.pay")  # type: ignore[arg-type]
