"""A file of recorded journals: JSON lines, the first of which names the system."""

import json
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, Final
from uuid import UUID

from eventsourcing.persistence import JSONTranscoder, StoredEvent

from sagaline.admin.recorded_journals import RecordedJournal
from sagaline.codec import TypedMapper
from sagaline.errors import RecordingUnusable

FORMAT: Final = 1


def write_journals(file: Path, system: str, journals: Iterable[RecordedJournal]) -> int:
    """Write journals to a file, a new one for its owner alone, and return how many there were.

    Their events stand there as plain JSON, also those of an encrypted store. Raises
    RecordingUnusable where the file cannot be written.
    """
    count = 0
    try:
        file.touch(0o600)
        with file.open("w", encoding="utf-8") as lines:
            _write(lines, {"sagaline_journals": FORMAT, "system": system})
            for each in journals:
                _write(lines, _plain(each))
                count += 1
            _write(lines, {"journals": count})
    except OSError as error:
        raise RecordingUnusable(file=file, reason=error.strerror or str(error)) from error
    return count


def read_journals(file: Path, system: str) -> Iterator[RecordedJournal]:
    """Read the journals of a file, one at a time.

    Raises RecordingUnusable where it is missing, damaged, cut off, or of another system.
    """
    mapper = TypedMapper(JSONTranscoder())
    count, end = 0, None
    for number, found in _lines(file):
        if number == 1:
            _refuse_foreign(file, found, system)
        elif "journals" in found:
            end = found["journals"]
        else:
            count += 1
            yield _journal(file, number, found, mapper)
    if end != count:
        raise RecordingUnusable(file=file, reason="its end is missing")


def _lines(file: Path) -> Iterator[tuple[int, dict[str, Any]]]:
    """The numbered lines of a file; an empty one has an empty first line."""
    number = 0
    try:
        with file.open(encoding="utf-8") as lines:
            for number, line in enumerate(lines, 1):
                found = json.loads(line)
                yield number, found if isinstance(found, dict) else {}
    except OSError as error:
        raise RecordingUnusable(file=file, reason=error.strerror or str(error)) from error
    except ValueError as error:
        if number > 1:
            raise _damaged(file, number) from error
        number = 0
    if not number:
        yield 1, {}


def _write(lines: Any, document: dict[str, Any]) -> None:
    lines.write(json.dumps(document, ensure_ascii=False, separators=(",", ":")) + "\n")


def _plain(journal: RecordedJournal) -> dict[str, Any]:
    fields = journal.mapper.fields_of
    events = [[each.originator_version, each.topic, fields(each)] for each in journal.rows]
    place = {"saga": journal.saga, "saga_id": str(journal.stream), "key": journal.key}
    return {**place, "events": events}


def _journal(
    file: Path, number: int, found: dict[str, Any], mapper: TypedMapper
) -> RecordedJournal:
    try:
        stream = UUID(found["saga_id"])
        rows = [
            StoredEvent(stream, int(version), str(topic), json.dumps(fields).encode())
            for version, topic, fields in found["events"]
        ]
        saga, key = str(found["saga"]), str(found["key"])
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise _damaged(file, number) from error
    if not rows:
        raise _damaged(file, number)
    return RecordedJournal(saga, stream, key, rows, mapper)


def _damaged(file: Path, line: int) -> RecordingUnusable:
    return RecordingUnusable(file=file, reason=f"line {line} is damaged")


def _refuse_foreign(file: Path, found: dict[str, Any], system: str) -> None:
    """Refuse a file of another kind, of a later version, or of another system."""
    if "sagaline_journals" not in found:
        reason = "it is no file of recorded journals"
    elif found["sagaline_journals"] != FORMAT:
        reason = "another version of Sagaline has written it"
    elif found.get("system") != system:
        reason = f"it is of the system {found.get('system')}, and this one is {system}"
    else:
        return
    raise RecordingUnusable(file=file, reason=reason)
