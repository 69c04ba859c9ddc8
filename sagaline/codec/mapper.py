"""The mapper of applications: from events to rows, and from rows to events."""

import json
import zlib
from hashlib import sha256
from typing import Any, cast
from uuid import UUID

from eventsourcing.compressor import ZlibCompressor
from eventsourcing.domain import DomainEventProtocol
from eventsourcing.persistence import Cipher, Compressor, Mapper, StoredEvent, Transcoder
from typing_extensions import override

from sagaline.codec.event_codec import MAX_STATE, reason_of
from sagaline.codec.key_ring import KeyRing, read_key_ring, ring_of
from sagaline.codec.registry import codec_by_topic, codec_for
from sagaline.errors import CompressorUnusable, KeyMissing, UnknownTopic, Unreadable


class TypedMapper(Mapper[UUID]):
    """Writes events as plain typed JSON, and reads events of loaded classes only.

    Replaces upstream's mapper; uses its compressor and cipher, but no transcoder. Raises
    `NotStorable` for an event that does not round-trip, and `Unreadable` (an upstream
    `MapperDeserialisationError`) or `UnknownTopic` for a row that it cannot read.
    """

    cipher: KeyRing | None

    def __init__(
        self,
        transcoder: Transcoder,
        compressor: Compressor | None = None,
        cipher: Cipher | None = None,
    ) -> None:
        super().__init__(transcoder, compressor, None if cipher is None else ring_of(cipher))

    @override
    def to_stored_event(self, domain_event: DomainEventProtocol[UUID]) -> StoredEvent:
        """Writes an event. Raises `NotStorable`."""
        topic, state = self.topic_and_state(domain_event)
        return StoredEvent(
            domain_event.originator_id, domain_event.originator_version, topic, state
        )

    def topic_and_state(self, domain_event: DomainEventProtocol[UUID]) -> tuple[str, bytes]:
        """Writes an event: the columns beside its stream and version. Raises `NotStorable`."""
        codec = codec_for(type(domain_event))
        state = codec.encode(domain_event)
        if self.compressor:
            state = self.compressor.compress(state)
        if self.cipher:
            seal = _seal(codec.topic, domain_event.originator_id, domain_event.originator_version)
            state = self.cipher.encrypt(seal + state)
        return codec.topic, state

    @override
    def to_domain_event(self, stored_event: StoredEvent) -> DomainEventProtocol[UUID]:
        """Reads an event. Raises `Unreadable`, and `UnknownTopic`."""
        codec = codec_by_topic(stored_event.topic)
        originator_id = stored_event.originator_id
        version = stored_event.originator_version
        try:
            state = self._state(stored_event)
            event = codec.decode(state, codec.id_of(originator_id), version)
        except (UnknownTopic, KeyMissing):
            raise
        except Exception as error:
            raise _unreadable(stored_event, error) from error
        return cast("DomainEventProtocol[UUID]", event)

    def fields_of(self, stored: Any) -> dict[str, Any]:
        """Reads the fields of a stored event or a log's row as plain values, without its class.

        Old events whose class is gone can be looked at. Raises `Unreadable`.
        """
        try:
            found = json.loads(self._state(stored))
        except Exception as error:
            raise _unreadable(stored, error) from error
        return found if isinstance(found, dict) else {"value": found}

    def protect(self, plain: bytes, place: str) -> bytes:
        """Encrypts what is stored at a place other than a log, where there is a key."""
        return plain if self.cipher is None else self.cipher.encrypt(_seal(place, "", 0) + plain)

    def reveal(self, stored: bytes, place: str) -> bytes:
        """Reads what `protect` has written at this place. Raises `ValueError`."""
        if self.cipher is None or stored.startswith(b"{"):
            return stored  # plain, as version 0.1.0 stored timers in encrypted stores too
        return _unsealed(self.cipher.decrypt(stored), _seal(place, "", 0))

    def _state(self, stored: Any) -> bytes:
        state = self._decrypted(stored) if self.cipher else bytes(memoryview(stored.state))
        if self.compressor:
            state = _decompressed(self.compressor, state)
        if len(state) > MAX_STATE:
            raise ValueError(f"it has more than {MAX_STATE} bytes")
        return state

    def _decrypted(self, stored: Any) -> bytes:
        assert self.cipher is not None
        seal = _seal(stored.topic, stored.originator_id, stored.originator_version)
        return _unsealed(self.cipher.decrypt(bytes(memoryview(stored.state))), seal)


def typed_mapper(factory: Any, transcoder: Transcoder) -> TypedMapper:
    """The mapper of an application, by the settings that its factory has.

    Raises `KeysUnusable` and `CompressorUnusable`.
    """
    try:
        compressor = factory.compressor()
    except Exception as error:
        topic = factory.env.get(factory.COMPRESSOR_TOPIC)
        raise CompressorUnusable(application=factory.env.name, topic=topic) from error
    return TypedMapper(transcoder, compressor, read_key_ring(factory.env, factory.cipher))


def _seal(topic: str, originator_id: UUID | str, version: int) -> bytes:
    """Binds a ciphertext to its row: upstream's cipher would decrypt it in any other row."""
    return sha256(f"{topic} {originator_id} {version}".encode()).digest()


def _unsealed(state: bytes, seal: bytes) -> bytes:
    if not state.startswith(seal):
        raise ValueError("it was encrypted for another place")
    return state[len(seal) :]


def _unreadable(stored: Any, error: Exception) -> Unreadable:
    return Unreadable(
        topic=stored.topic,
        originator_id=stored.originator_id,
        originator_version=stored.originator_version,
        reason=reason_of(error),
    )


def _decompressed(compressor: Any, data: bytes) -> bytes:
    if type(compressor) is not ZlibCompressor and compressor is not zlib:
        return cast("bytes", compressor.decompress(data))
    # Only up to the limit, because a few bytes may expand to any size.
    stream = zlib.decompressobj()
    state = stream.decompress(data, MAX_STATE + 1)
    if not stream.eof and len(state) <= MAX_STATE:
        raise ValueError("it ends too early")
    return state
