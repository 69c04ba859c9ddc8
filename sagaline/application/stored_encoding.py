"""Checks that an application reads and writes its events as its store holds them.

A store remembers which keys have encrypted it. Without that, a program that was started without its
key would write plain events beside encrypted ones.
"""

from collections.abc import Sequence
from typing import Any

from sagaline.codec import TypedMapper
from sagaline.errors import EncodingDiffers, SagalineError, describe_error
from sagaline.storage import ApplicationRecorder, LogRow
from sagaline.storage.tables.encodings import Encoding, encoding_of, write_encoding


def check_encoding(name: str, recorder: ApplicationRecorder, mapper: TypedMapper) -> None:
    """Compares an application's settings with its store. Changes nothing.

    Raises `EncodingDiffers` where a key is missing, where a plain log would become an encrypted
    one, and for compressors likewise.
    """
    _checked(name, recorder, mapper)


def record_encoding(name: str, recorder: ApplicationRecorder, mapper: TypedMapper) -> None:
    """Checks the settings, and records a key or a compressor that is new. Raises as the check."""
    known, present = _checked(name, recorder, mapper), _present(mapper)
    merged = present._replace(keys={*present.keys, *(known.keys if known else ())})
    if present != Encoding() and (known is None or set(known.keys) != merged.keys):
        with recorder.datastore.write() as connection:
            write_encoding(connection, name, merged)


def _checked(name: str, recorder: ApplicationRecorder, mapper: TypedMapper) -> Encoding | None:
    """The encoding that the store has recorded, if any. Raises `EncodingDiffers`."""
    with recorder.datastore.read() as connection:
        known = encoding_of(connection, name)
    problem = _problem(known, recorder, mapper)
    if problem:
        raise EncodingDiffers(url=recorder.datastore.address, reason=problem, application=name)
    return known


def _present(mapper: TypedMapper) -> Encoding:
    """The encoding of what is written from now on."""
    compressor = mapper.compressor
    name = "" if compressor is None else getattr(compressor, "__name__", type(compressor).__name__)
    return Encoding(name, () if mapper.cipher is None else {mapper.cipher.key_id})


def _problem(known: Encoding | None, recorder: ApplicationRecorder, mapper: TypedMapper) -> str:
    present = _present(mapper)
    if known is None:
        return "" if present == Encoding() else _unlike_newest(recorder, mapper)
    if known.compressor != present.compressor:
        return f"its compressor is {known.compressor or 'none'}, not {present.compressor or 'none'}"
    if known.keys and mapper.cipher is None:
        return "it is encrypted: give its key in CIPHER_KEY"
    missing = sorted(set(known.keys) - (mapper.cipher.key_ids if mapper.cipher else frozenset()))
    if missing:
        return f"its key {', '.join(missing)} is not given: add it to CIPHER_READ_KEYS"
    return ""


def _unlike_newest(recorder: ApplicationRecorder, mapper: TypedMapper) -> str:
    """Why the newest event cannot be read, in a log that records no encoding."""
    for row in _newest(recorder):
        try:
            mapper.fields_of(row)
        except SagalineError as error:
            return (
                f"its events were written without this key or compressor ({describe_error(error)}):"
                " a log is encrypted from its first event on"
            )
    return ""


def _newest(recorder: ApplicationRecorder) -> Sequence[LogRow]:
    log: Any = recorder.log
    with recorder.datastore.read() as connection:
        head = log.head(connection)
        return recorder.page(head - 1, 1).rows if head else ()
