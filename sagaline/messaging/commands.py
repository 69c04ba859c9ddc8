"""Commands: requests from one part of a system to another."""

from inspect import get_annotations
from typing import TYPE_CHECKING, Any, ClassVar, Final
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field, PydanticUserError

from sagaline.errors import DefinitionError
from sagaline.messaging.ids import new_id
from sagaline.messaging.keys import key_text, required_key
from sagaline.messaging.script import name_as_imported

_TAKEN: Final = frozenset({"key", "key_field", "model_config"})


if TYPE_CHECKING:
    _OneLine = type  # a type checker reads the fields by the base class alone
else:

    class _OneLine(type(BaseModel)):
        """Names the class where pydantic refuses its body."""

        def __new__(mcs, name: str, /, *parts: Any, **head: Any) -> Any:
            try:
                return super().__new__(mcs, name, *parts, **head)
            except PydanticUserError as error:
                problem = str(error).partition(". ")[0].partition("\n")[0]
                cure = "Annotate each field with a type that pydantic knows, as in order_id: UUID."
                raise DefinitionError(where=name, problem=problem, cure=cure) from error


class Command(BaseModel, metaclass=_OneLine):
    """A request to one application, named in the imperative: ``ReserveStock``.

    It is frozen, because it is recorded as it was issued. `id` is its idempotency key: handling the
    same id twice has one effect. The class argument `key` names the field that identifies the
    business transaction (the order id); every event that results from the command carries that key.

    >>> class ReserveStock(Command, key="order_id"):
    ...     order_id: UUID
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    key_field: ClassVar[str | None] = None

    id: UUID = Field(default_factory=new_id)

    def __init_subclass__(cls, key: str | None = None, **kwargs: Any) -> None:
        if unknown := ", ".join(kwargs):
            cure = "It may have key=, and the settings of a pydantic model."
            problem = f"its head has the unknown argument {unknown}"
            raise DefinitionError(where=cls.__name__, problem=problem, cure=cure)
        super().__init_subclass__()
        name_as_imported(cls.__module__, cls)
        if taken := sorted(_TAKEN & get_annotations(cls).keys()):
            raise DefinitionError(
                where=f"{cls.__name__}.{taken[0]}",
                problem=f"Command has a {taken[0]} of its own",
                cure="Rename the field.",
            )
        if key is not None:
            cls.key_field = key

    @classmethod
    def __pydantic_init_subclass__(cls, **kwargs: Any) -> None:
        if cls.key_field is not None and str(cls.key_field) not in cls.model_fields:
            raise DefinitionError(
                where=cls.__name__,
                problem=f"it has no field {cls.key_field!r} to be its key",
                cure='Declare that field, and write key="order_id".',
            )
        if not cls.model_config.get("frozen"):
            problem = "its fields could be changed after it was recorded"
            raise DefinitionError(
                where=cls.__name__, problem=problem, cure="Leave out frozen=False."
            )
        if cls.model_fields["id"].annotation is not UUID:
            problem, cure = (
                "it is not a UUID",
                "Rename the field: each command has an id of its own.",
            )
            raise DefinitionError(where=f"{cls.__name__}.id", problem=problem, cure=cure)

    @property
    def key(self) -> str | None:
        """The key of the business transaction, as text; None where the command has none.

        It has none where no field is the key, or where that field is None. Raises `UnfitValue`
        where the field is empty, or has a value of which no key can be made.
        """
        value = None if self.key_field is None else getattr(self, self.key_field)
        if type(value) is UUID:
            return str(value)  # the usual key, at once: each event asks for its own
        if value is None:
            return None
        return key_text(value) or required_key(value, f"{type(self).__name__}.{self.key_field}")
