"""What the library's JSON transcoder must be told of the domain's values."""

from typing import Any, ClassVar

from eventsourcing.persistence import JSONTranscoder, Transcoding
from pydantic import BaseModel

from domain.money import Money
from domain.order import OrderLine, ShipTo
from domain.reservation import ReservedLine


class ModelTranscoding(Transcoding):
    """A pydantic model as the dictionary of its fields."""

    model: ClassVar[type[BaseModel]]

    def encode(self, obj: Any) -> dict[str, Any]:
        """The fields, themselves still to be encoded."""
        return dict(obj)

    def decode(self, data: dict[str, Any]) -> BaseModel:
        """The model of these fields."""
        return self.model(**data)


def register(transcoder: JSONTranscoder) -> None:
    """Makes the values of this shop known to a transcoder."""
    for model in (Money, OrderLine, ShipTo, ReservedLine):
        transcoder.register(_transcoding(model))


def _transcoding(model: type[BaseModel]) -> Transcoding:
    name = model.__name__
    facts = {"type": model, "name": name, "model": model}
    made: Transcoding = type(name, (ModelTranscoding,), facts)()
    return made
