"""What a method returns, as plain JSON values by its annotation."""

from collections.abc import Callable
from typing import Any, get_type_hints

from pydantic import PydanticUserError, TypeAdapter

from sagaline.errors import DefinitionError


def plain_value(method: Callable[..., Any], where: str, value: Any) -> Any:
    """A value that the method returned, as JSON has it. Raises ValueError for a misfit."""
    return returned_value(method, where).dump_python(value, mode="json", warnings="error")


def returned_value(method: Callable[..., Any], where: str) -> TypeAdapter[Any]:
    """Writes and checks what the method returns.

    Raises DefinitionError where its annotation names no value, or none that can be written.
    """
    try:
        returned = get_type_hints(method).get("return", type(None))
        if returned is not type(None):
            return TypeAdapter(returned)
        problem = "its return annotation names no value"
    except (NameError, AttributeError, SyntaxError, TypeError, PydanticUserError) as error:
        problem = f"its return annotation cannot be read ({str(error).splitlines()[0]})"
    cure = "Annotate it with what it returns: -> Progress, a model, a dataclass or a value."
    raise DefinitionError(where=where, problem=problem, cure=cure)
