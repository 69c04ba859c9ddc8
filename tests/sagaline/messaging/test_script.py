"""A system in one file, which is run as a script and imported later by its name."""

import json
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

from sagaline.messaging.script import name_as_imported

SHOP = """
from uuid import UUID

from eventsourcing.domain import Aggregate, event
from sqlalchemy import Column, MetaData, Table, Text

from sagaline import (
    PIVOT, Application, Command, ReadModel, Runner, Saga, System, handles, project, step,
)


class Box(Aggregate):
    class Packed(Aggregate.Created):
        name: str

    class Sent(Aggregate.Event):
        pass

    @event(Packed)
    def __init__(self, id: UUID, name: str) -> None: ...

    @event(Sent)
    def send(self) -> None: ...


class Pack(Command, key="box_id"):
    box_id: UUID
    name: str


class Send(Command, key="box_id"):
    box_id: UUID


class Boxes(Application, aggregates=[Box]):
    @handles(Pack)
    def pack(self, command: Pack) -> Box:
        return Box(id=command.box_id, name=command.name)

    @handles(Send)
    def send(self, command: Send) -> None:
        self.repository.get(command.box_id).send()


class Delivery(Saga, starts_on=Box.Packed, key=lambda e: e.originator_id):
    send = step(Send, done=Box.Sent, kind=PIVOT)


class BoxList(ReadModel):
    table = Table("box_list", MetaData(), Column("name", Text, primary_key=True))

    @project(Box.Packed)
    def packed(self, event: Box.Packed) -> None:
        self.rows[key_of(event)] = {}


def key_of(event: Box.Packed) -> str:
    return event.name


system = System("boxes", applications=[Boxes], sagas=[Delivery], read_models=[BoxList])


def main(url: str, name: str) -> None:
    with Runner(system, {"SQLALCHEMY_URL": url}) as runner:
        runner.get(Boxes).pack(Pack(box_id=UUID(int=len(name)), name=name))
        runner.settle()
"""

GUARD = """
if __name__ == "__main__":
    import sys

    main(*sys.argv[1:])
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "boxes.py").write_text(SHOP + GUARD)
    return tmp_path


def run(folder: Path, *command: str) -> str:
    done = subprocess.run(
        [sys.executable, *command], cwd=folder, capture_output=True, text=True, check=True
    )
    return done.stdout + done.stderr


def sagaline(folder: Path, url: str, *command: str) -> str:
    return run(folder, "-m", "sagaline", "--app", "boxes:system", "--store", url, *command)


@pytest.mark.parametrize("script", [["boxes.py"], ["-m", "boxes"]], ids=["file", "module"])
def test_a_script_and_its_module_share_a_store(
    folder: Path, sqlite_store: str, script: list[str]
) -> None:
    assert run(folder, *script, sqlite_store, "a") == ""
    run(folder, "-c", f"import boxes; boxes.main({sqlite_store!r}, 'bb')")
    run(folder, *script, sqlite_store, "ccc")
    sagaline(folder, sqlite_store, "check")
    events = map(json.loads, sagaline(folder, sqlite_store, "events").splitlines())
    topics = Counter(each["topic"] for each in events)
    assert topics["boxes:Box.Packed"] == topics["boxes:Send"] == topics["boxes:Box.Sent"] == 3


def test_a_script_reads_what_it_recorded_under_its_former_name(
    folder: Path, sqlite_store: str
) -> None:
    run(folder, "boxes.py", sqlite_store, "a")
    rename = (
        "import sys, sqlite3; c = sqlite3.connect(sys.argv[1]);"
        "c.execute(\"UPDATE boxes_events SET topic = replace(topic, 'boxes:', '__main__:')\");"
        "c.commit(); c.close()"
    )
    run(folder, "-c", rename, sqlite_store.removeprefix("sqlite:///"))
    run(folder, "boxes.py", sqlite_store, "bb")


def test_code_without_a_file_is_told_of_its_name(folder: Path, sqlite_store: str) -> None:
    said = run(folder, "-c", f"{SHOP}\nmain({sqlite_store!r}, 'a')")
    assert "Boxes is defined in no module: no other program can read its events" in said
    assert run(folder, "-c", f"{SHOP}\nmain('sqlite://', 'a')") == ""


def test_a_class_of_a_module_keeps_its_name() -> None:
    class Here:
        pass

    name_as_imported(__name__, Here)
    assert Here.__module__ == __name__
