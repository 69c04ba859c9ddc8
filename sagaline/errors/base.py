"""The base of all errors: the docstring is the message, keyword arguments fill it in."""

from typing import Any

from typing_extensions import override


class SagalineError(Exception):
    """An error of Sagaline."""

    def __init__(self, **facts: Any) -> None:
        self.__dict__.update(facts)
        super().__init__(" ".join((self.__doc__ or "").split()).format(**facts))

    @override
    def __reduce__(self) -> tuple[Any, ...]:
        """Lets an error be copied, and sent to another process."""
        return _made_again, (type(self), vars(self))


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
