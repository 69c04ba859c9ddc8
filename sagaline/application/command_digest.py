"""Digests of commands, by which a repeated id is compared with the command that had it before.

The same content has the same digest in every process and on every Python: sets and mappings are
sorted, and equal decimals and equal moments are written alike.
"""

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import fields, is_dataclass
from datetime import UTC, datetime, timedelta
from decimal import MAX_EMAX, MAX_PREC, MIN_EMIN, Context, Decimal
from enum import Enum
from functools import cache, singledispatch
from hashlib import blake2b, sha256
from itertools import chain, combinations
from typing import Any, Final
from uuid import UUID

from eventsourcing.utils import construct_topic
from pydantic import Secret, SecretBytes, SecretStr
from pydantic_core import to_jsonable_python

from sagaline.messaging.commands import Command
from sagaline.messaging.topics import stored_topics

DIGEST_SIZE: Final = 12
"""Bytes of one hash."""

MAX_OPTIONAL_FIELDS: Final = 8
"""Optional fields that a command of version 0.1.0 is compared with and without."""

_exact = Context(prec=MAX_PREC, Emin=MIN_EMIN, Emax=MAX_EMAX)


def digest_of(command: Command) -> str:
    """The command's topic, a hash of its content, and one of the content that is no default."""
    writer = _Writer(leaves_defaults=False)
    whole = given = _hash(command, writer)
    if writer.has_met_optional:
        given = _hash(command, _Writer(leaves_defaults=True))
    return f"{_topic_of(type(command))} {whole} {given}"


def is_digest_of(digest: str, command: Command, handled: Iterable[type[Command]]) -> bool:
    """Whether a stored digest is that of this command.

    A field that its class has gained since is no difference if it has its default. Nor is another
    topic, which a renamed class has, unless it is that of another class in `handled`.
    """
    topic, *hashes = digest.split(" ")
    if not hashes:
        return digest in _former_digests(command)
    cls = type(command)
    others = {construct_topic(each) for each in handled if each is not cls}
    if topic in others - stored_topics(cls):
        return False
    return any(
        old == new for old, new in zip(hashes, digest_of(command).split(" ")[1:], strict=True)
    )


class _Writer(json.JSONEncoder):
    """Writes content so that equal values are written alike, with or without defaults."""

    def __init__(self, *, leaves_defaults: bool) -> None:
        super().__init__(sort_keys=True, separators=(",", ":"))
        self.leaves_defaults = leaves_defaults
        self.has_met_optional = False
        """Whether a model has fields with defaults, so that the two hashes may differ."""

    def default(self, o: Any) -> Any:
        """A value that is none of JSON, as one of JSON."""
        if hasattr(o, "__pydantic_fields__"):
            return self.model(o)
        if isinstance(o, set | frozenset):
            return sorted(map(self.encode, o))
        return _plain(o)

    def model(self, model: Any) -> dict[str, Any]:
        """The content of a model, or of one of pydantic's dataclasses."""
        kind: Any = type(model)
        optional, content = _optional_fields(kind), _content(model)
        if not optional:
            return content
        self.has_met_optional = True
        if not self.leaves_defaults:
            return content
        left = {name for name in optional if _is_default(model, name)}
        return {name: each for name, each in content.items() if name not in left}


def _content(model: Any) -> dict[str, Any]:
    names, content = type(model).__pydantic_fields__.keys(), model.__dict__
    if names != content.keys():  # a cached property is kept beside the fields
        content = {name: value for name, value in content.items() if name in names}
    extra = getattr(model, "__pydantic_extra__", None)
    return {**content, **extra} if extra else content


_topic_of = cache(construct_topic)


@cache
def _optional_fields(cls: Any) -> frozenset[str]:
    """The fields of a model that have defaults; a command's id is none of its content."""
    names = {name for name, each in cls.__pydantic_fields__.items() if not each.is_required()}
    return frozenset(names - {"id"} if issubclass(cls, Command) else names)


def _is_default(model: Any, name: str) -> bool:
    """Whether an optional field has its default, or was left to a function that makes one."""
    given: set[str] | None = getattr(model, "__pydantic_fields_set__", None)
    if given is not None and name not in given:
        return True
    field = type(model).__pydantic_fields__[name]
    default = field.get_default(call_default_factory=True, validated_data=model.__dict__)
    return bool(getattr(model, name) == default)


@singledispatch
def _plain(value: Any) -> Any:
    """A value as one of JSON, the same for equal values."""
    if is_dataclass(value):
        return {each.name: getattr(value, each.name) for each in fields(value)}
    return to_jsonable_python(value)


@_plain.register
def _(value: Decimal) -> str:
    return str(_exact.normalize(value)) if value else "0"


@_plain.register
def _(value: datetime) -> str:
    try:
        return (value if value.utcoffset() is None else value.astimezone(UTC)).isoformat()
    except OverflowError:  # in UTC the year would be 0 or 10000
        return value.isoformat()


@_plain.register
def _(value: UUID | timedelta) -> str:
    return str(value)


@_plain.register
def _(value: Enum) -> Any:
    return value.value


@_plain.register
def _(value: bytes | bytearray) -> str:
    return value.hex()


@_plain.register
def _(value: Secret | SecretStr | SecretBytes) -> Any:  # type: ignore[type-arg]
    return value.get_secret_value()


@_plain.register
def _(value: Mapping) -> Any:  # type: ignore[type-arg]
    return dict(value)


def _hash(command: Command, writer: _Writer) -> str:
    content = {name: each for name, each in writer.model(command).items() if name != "id"}
    try:
        text = writer.encode(content)
    except TypeError:  # a mapping has keys that JSON has not
        text = writer.encode(_with_text_keys(content, writer))
    return blake2b(text.encode(), digest_size=DIGEST_SIZE, key=command.id.bytes).hexdigest()


def _with_text_keys(value: Any, encoder: _Writer) -> Any:
    """The same content with the keys of all mappings as text."""
    match value:
        case str() | int() | float() | None:
            return value
        case Mapping():
            pairs = ((encoder.encode(_with_text_keys(k, encoder)), v) for k, v in value.items())
            return {key: _with_text_keys(each, encoder) for key, each in pairs}
        case set() | frozenset():
            return sorted(encoder.encode(_with_text_keys(each, encoder)) for each in value)
        case list() | tuple():
            return [_with_text_keys(each, encoder) for each in value]
    return _with_text_keys(encoder.default(value), encoder)


def _former_digests(command: Command) -> Iterator[str]:
    """The digests that version 0.1.0 has stored for such a command.

    By each former name of its class, and with and without the optional fields that have their
    default: the class may not have had them.
    """
    names = {topic.rpartition(":")[2] for topic in stored_topics(type(command))}
    optional = _optional_fields(type(command))
    some = sorted(each for each in optional if _is_default(command, each))[:MAX_OPTIONAL_FIELDS]
    subsets = chain.from_iterable(combinations(some, n) for n in range(len(some) + 1))
    for subset in subsets:
        content = command.model_dump_json(exclude={"id", *subset})
        for name in names:
            yield sha256(f"{name} {content}".encode()).hexdigest()[:32]
