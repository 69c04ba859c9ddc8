"""`sagaline check --against`: which recorded sagas would the code lead otherwise, and where?"""

import json
from collections.abc import Callable
from pathlib import Path
from uuid import UUID

import pytest

from sagaline import Runner, System
from tests.cli.command_line import CommandLine, Said
from tests.sagaline.journeys import (
    BEFORE,
    BESIDE,
    WITHOUT,
    Agree,
    Travel,
    Want,
    forget_topics,
    loaded,
)

TRIP, DONE = str(UUID(int=1)), str(UUID(int=2))
MORE_SEATS = BEFORE.replace("Hold(trip_id=self.key)", "Hold(trip_id=self.key, seats=2)")

Deploy = Callable[[str], CommandLine]


@pytest.fixture
def store(tmp_path: Path, store_url: str) -> str:
    """A store with an open and a completed instance."""
    with Runner(loaded(tmp_path, BEFORE).system, {"SQLALCHEMY_URL": store_url}) as runner:
        for each in (TRIP, DONE):
            runner.get(Travel).want(Want(trip_id=UUID(each)))
        runner.settle(horizon=0)
        runner.signal(Agree(trip_id=UUID(DONE)))
        runner.settle(horizon=0)
    forget_topics()
    return store_url


@pytest.fixture
def deploy(run: CommandLine) -> Deploy:
    """The commands of a deployment's code, without a store."""

    def on(code: str) -> CommandLine:
        (run.folder / "journeys_code.py").write_text(code, "utf-8")
        return run.given(SAGALINE_APP="journeys_code:system")

    return on


def against(deployed: CommandLine, recorded: str, *options: str) -> Said:
    return deployed.sagaline("check", "--against", recorded, "--json", *options)


def test_the_code_that_has_recorded_them_takes_the_same_turns(deploy: Deploy, store: str) -> None:
    said = against(deploy(BEFORE), store)
    assert (said.status, said.json) == (0, {"played": {"Book": 1}, "other_turns": 0, "turns": []})
    assert against(deploy(BEFORE), store, "--ended", "5").json["played"] == {"Book": 2}


def test_an_instance_that_would_take_another_turn_is_named_with_the_place(
    deploy: Deploy, store: str
) -> None:
    said = against(deploy(WITHOUT), store)
    (turn,) = said.json["turns"]
    assert said.status == 1
    assert (turn["saga"], turn["key"], turn["place"]) == ("Book", TRIP, 2)
    assert turn["input"] == "Trip.Wanted received"
    assert turn["recorded"] == "the saga requests: hold (Hold)"
    assert turn["now"] == "the saga requests: check (Check)"
    output = deploy(WITHOUT).sagaline("check", "--against", store).output
    assert "the saga requests: check (Check)" in output
    assert against(deploy(WITHOUT), store, "--ended", "1").json["other_turns"] == 2


def test_with_the_former_definition_beside_the_new_one_all_go_on(
    deploy: Deploy, store: str
) -> None:
    said = against(deploy(BESIDE), store, "--ended", "1")
    assert (said.status, said.json["played"], said.json["other_turns"]) == (0, {"Book": 2}, 0)


def test_a_command_with_other_content_is_another_turn(deploy: Deploy, store: str) -> None:
    (turn,) = against(deploy(MORE_SEATS), store).json["turns"]
    assert turn["now"] == "the saga requests: hold (Hold); seats is 2, not 1"


def test_a_step_that_raises_is_another_turn(deploy: Deploy, store: str) -> None:
    (turn,) = against(
        deploy(BEFORE.replace("Hold(trip_id=self.key)", "Hold(trip_id=self[Trip.Paid].trip_id)")),
        store,
    ).json["turns"]
    assert turn["now"].startswith("it raises NotHeard")


def test_a_file_of_journals_serves_as_the_store_does(
    deploy: Deploy, store: str, tmp_path: Path
) -> None:
    file = str(tmp_path / "journals.jsonl")
    recorder = deploy(BEFORE).given(SAGALINE_STORE=store)
    recorded = recorder.sagaline("sagas", "record", file, "--ended", "1", "--json")
    assert (recorded.status, recorded.json) == (0, {"file": file, "journals": 2})
    assert Path(file).stat().st_mode & 0o77 == 0, "it holds what the store may hold encrypted"
    assert against(deploy(BEFORE), file).json["played"] == {"Book": 2}
    said = against(deploy(WITHOUT), file)
    assert (said.status, said.json["other_turns"]) == (1, 2)
    assert said.json == against(deploy(WITHOUT), store, "--ended", "1").json
    assert "it is for a store" in against(deploy(BEFORE), file, "--ended", "1").errors.lower()


def test_an_encrypted_store_needs_its_key_and_its_file_needs_none(
    deploy: Deploy, store_url: str, tmp_path: Path
) -> None:
    key = {"CIPHER_TOPIC": "eventsourcing.cipher:AESCipher", "CIPHER_KEY": "A" * 43 + "="}
    with Runner(loaded(tmp_path, BEFORE).system, {"SQLALCHEMY_URL": store_url, **key}) as runner:
        runner.get(Travel).want(Want(trip_id=UUID(TRIP)))
        runner.settle(horizon=0)
    forget_topics()
    without = against(deploy(BEFORE), store_url)
    assert (without.status, without.errors.count("\n")) == (2, 1)
    assert "it is encrypted: give its key in CIPHER_KEY" in without.errors
    keyed = deploy(BEFORE).given(**key)
    assert against(keyed, store_url).json["played"] == {"Book": 1}
    file = str(tmp_path / "journals.jsonl")
    assert keyed.given(SAGALINE_STORE=store_url).sagaline("sagas", "record", file).status == 0
    assert against(deploy(BEFORE), file).json["played"] == {"Book": 1}


HEADER = json.dumps({"sagaline_journals": 1, "system": "journeys"})


@pytest.mark.parametrize(
    ("written", "reason"),
    [
        ("", "it is no file of recorded journals"),
        ("saga,key\nBook,1\n", "it is no file of recorded journals"),
        ('{"a": 1}\n', "it is no file of recorded journals"),
        (HEADER.replace("journeys", "shop"), "it is of the system shop, and this one is journeys"),
        (HEADER.replace("1", "7"), "another version of Sagaline has written it"),
        (HEADER + "\n{cut", "line 2 is damaged"),
        (HEADER + '\n{"saga": "Book"}\n', "line 2 is damaged"),
        (HEADER + '\n{"saga": "Book", "saga_id": 3, "key": "", "events": []}\n', "line 2 is"),
        (HEADER + "\n[]\n", "line 2 is damaged"),
        (
            HEADER + f'\n{{"saga": "Book", "saga_id": "{TRIP}", "key": "", "events": []}}',
            "line 2 is damaged",
        ),
        (HEADER + "\n", "its end is missing"),
        (HEADER + '\n{"journals": 1}\n', "its end is missing"),
    ],
)
def test_a_file_that_cannot_be_played_is_refused_in_one_line(
    written: str, reason: str, deploy: Deploy, tmp_path: Path
) -> None:
    file = tmp_path / "journals.jsonl"
    file.write_text(written, "utf-8")
    said = against(deploy(BEFORE), str(file))
    assert (said.status, said.errors.count("\n")) == (2, 1)
    assert reason in said.errors


def test_what_is_not_there_is_refused_in_one_line(deploy: Deploy, tmp_path: Path) -> None:
    for missing in ("nowhere.jsonl", str(tmp_path), f"sqlite:///{tmp_path / 'no.db'}", "sqlite://"):
        said = against(deploy(BEFORE), missing)
        assert (said.status, said.errors.count("\n")) == (2, 1), said.errors
    assert "It needs --against" in deploy(BEFORE).sagaline("check", "--ended", "1").errors
    unwritable = deploy(BEFORE).given(SAGALINE_STORE=f"sqlite:///{tmp_path / 'no.db'}")
    assert unwritable.sagaline("sagas", "record", "journals.jsonl").status == 2


def test_a_journal_that_cannot_be_read_or_whose_saga_is_gone_is_named(
    deploy: Deploy, tmp_path: Path
) -> None:
    row = {"saga": "Book", "saga_id": TRIP, "key": "1", "events": [[1, "sagaline:Gone", {}]]}
    gone = row | {"saga": "Cancel"}
    lines = [HEADER, json.dumps(row), json.dumps(gone), json.dumps({"journals": 2})]
    file = tmp_path / "journals.jsonl"
    file.write_text("\n".join(lines), "utf-8")
    said = against(deploy(BEFORE), str(file))
    assert said.status == 1
    unread, missing = said.json["turns"]
    assert (unread["place"], missing["place"]) == (0, 0)
    assert unread["now"].startswith("its journal cannot be read (UnknownTopic")
    assert missing["now"] == "the system has no saga of this name"


def test_a_store_in_which_no_saga_has_begun_is_no_finding(
    deploy: Deploy, store_url: str, tmp_path: Path
) -> None:
    system: System = loaded(tmp_path, BEFORE).system
    with Runner(system, {"SQLALCHEMY_URL": store_url}):
        pass
    forget_topics()
    said = against(deploy(BEFORE), store_url)
    assert (said.status, said.json["played"]) == (0, {"Book": 0})
    output = deploy(BEFORE).sagaline("check", "--against", store_url).output
    assert "without a journal" in output
