"""The base of all errors: the docstring is the message, keyword arguments fill it in."""

import ast
import inspect
import textwrap
from contextlib import suppress
from typing import Any

from typing_extensions import override


class SagalineError(Exception):
    """An error of Sagaline."""

    def __init__(self, **facts: Any) -> None:
        self.__dict__.update(facts)
        text = _template(type(self))
        named = ", ".join(f"{name}={fact!r}" for name, fact in facts.items())
        super().__init__(text.format(**facts) if text else named)

    @override
    def __reduce__(self) -> tuple[Any, ...]:
        """Lets an error be copied, and sent to another process."""
        return _made_again, (type(self), vars(self))


def _template(kind: type[SagalineError]) -> str:
    """The docstring of a class, on one line, or of the nearest base that has one.

    `python -OO` drops docstrings, so they are read from the source then; without a source either,
    there is none.
    """
    for each in kind.__mro__:
        if issubclass(each, SagalineError):
            if vars(each)["__doc__"] is None:
                each.__doc__ = _docstring_in_source(each) or ""
            if each.__doc__:
                return " ".join(each.__doc__.split())
    return ""


def _docstring_in_source(kind: type) -> str | None:
    with suppress(OSError, TypeError, SyntaxError):
        found = ast.parse(textwrap.dedent(inspect.getsource(kind))).body[0]
        return ast.get_docstring(found) if isinstance(found, ast.ClassDef) else None
    return None


def _made_again(kind: type[SagalineError], facts: dict[str, Any]) -> SagalineError:
    return kind(**facts)


def describe_error(error: BaseException) -> str:
    """An error as text that every store accepts: its class and its message."""
    try:
        return storable_text(f"{type(error).__name__}: {error}")
    except Exception as bug:
        return f"{type(error).__name__}, whose text raises {type(bug).__name__}"


def storable_text(text: str) -> str:
    """A text that every store accepts: PostgreSQL stores no zeros, and UTF-8 no surrogates."""
    return text.encode("utf-8", "backslashreplace").decode().replace("\0", "\\0")
