"""What cannot work is refused where it is written, in one line: where, what, and the cure."""

import re
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from sagaline import Runner, SagalineError
from tests.cli.command_line import CommandLine, clean_environment
from tests.sagaline.refusals import ground
from tests.sagaline.refusals.table import HERE, Refusal, each_of, refusals

DECLARED = ("applications", "sagas", "read_models", "systems")
COMMANDS = ("settings", "urls", "commands")

GROUND = "from tests.sagaline.refusals.ground import *\n"
FILES = {
    "shop.py": GROUND,
    "other.py": f"{GROUND}system = System('other', applications=[Orders])\n",
    "broken.py": "import nothing_at_all\n",
    "syntax.py": "system = System(\n",
    "wrong.py": f"{GROUND}class S(Saga, starts_on=Order.Placed, key=by_id):\n"
    "    pay = step(PayOrder, done=Order.Paid)\n",
    "text.db": "no database at all\n" * 100,
}

VARIABLE = re.compile(r"([A-Z_]+)=(.*)")


def line_of(written: str, **given: Any) -> str:
    """What a user is told who runs this code."""
    names = {**vars(ground), "__name__": ground.__name__, **given}
    with pytest.raises(SagalineError) as refused:
        exec(written, names)
    return str(refused.value)


@pytest.mark.parametrize("refusal", each_of(*DECLARED))
def test_a_declaration_that_cannot_work_is_refused_in_one_line(refusal: Refusal) -> None:
    assert line_of(refusal.written) == refusal.line


@pytest.fixture
def runner() -> Iterator[Runner]:
    with Runner(ground.system, {"SQLALCHEMY_URL": "sqlite:///:memory:"}) as runner:
        yield runner


@pytest.mark.parametrize("refusal", each_of("calls"))
def test_a_call_that_cannot_work_is_refused_in_one_line(refusal: Refusal, runner: Runner) -> None:
    orders = runner.get(ground.Orders)
    assert line_of(refusal.written, runner=runner, orders=orders) == refusal.line


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with systems and a store of one of them."""
    folder = tmp_path_factory.mktemp("refusals")
    for name, text in FILES.items():
        (folder / name).write_text(text, "utf-8")
    (folder / "folder").mkdir()
    with Runner(ground.system, {"SQLALCHEMY_URL": f"sqlite:///{folder}/shop.db"}) as runner:
        runner.settle()
    return folder


@pytest.mark.parametrize("refusal", each_of(*COMMANDS))
def test_a_command_line_that_cannot_work_is_refused_in_one_line(
    refusal: Refusal, folder: Path
) -> None:
    words = shlex.split(refusal.written.removeprefix("$ "))
    found = [each for each in map(VARIABLE.fullmatch, words) if each is not None]
    given = {each[1]: each[2] for each in found}
    run = CommandLine(folder, clean_environment()).given(**given)
    said = run.sagaline(*words[len(given) :])
    assert (said.status, said.output) == (2, "")
    assert said.errors.replace(f"{folder}/", "") == f"{refusal.line}\n"


def test_each_refusal_is_one_line_that_names_no_fault_of_python() -> None:
    lines = [each.line for path in HERE.glob("*.txt") for each in refusals(path.stem)]
    assert len(lines) >= 120
    faults = re.compile("KeyError|AttributeError|TypeError|ValueError|Traceback")
    assert [each for each in lines if faults.search(each) or len(each) > 300] == []
