"""The wheel holds the framework, all of it and nothing else, and says what it needs."""

import ast
import re
import subprocess
import sys
from email.message import Message
from email.parser import Parser
from importlib.metadata import packages_distributions
from pathlib import Path
from zipfile import ZipFile

import pytest
from hatchling.build import build_wheel

HOUSE = Path(__file__).parents[1]


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("wheel")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(HOUSE)
        return folder / str(build_wheel(str(folder)))


@pytest.fixture(scope="module")
def metadata(wheel: Path) -> Message:
    with ZipFile(wheel) as archive:
        (name,) = [name for name in archive.namelist() if name.endswith(".dist-info/METADATA")]
        return Parser().parsestr(archive.read(name).decode())


def normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def test_the_wheel_holds_all_of_sagaline_and_nothing_else(wheel: Path) -> None:
    with ZipFile(wheel) as archive:
        held = {name for name in archive.namelist() if ".dist-info/" not in name}
    ours = {
        str(path.relative_to(HOUSE))
        for path in (HOUSE / "sagaline").rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }
    assert held == ours
    assert "sagaline/py.typed" in held


def test_the_wheel_carries_its_licence_and_its_command(wheel: Path) -> None:
    with ZipFile(wheel) as archive:
        beside = {
            name.split(".dist-info/")[1]: archive.read(name).decode()
            for name in archive.namelist()
            if ".dist-info/" in name
        }
    assert "MIT License" in beside["licenses/LICENSE"]
    assert "sagaline = sagaline.cli:script" in beside["entry_points.txt"]


def test_the_wheel_can_be_used_without_the_checkout(wheel: Path, tmp_path: Path) -> None:
    program = (
        "import sagaline, sagaline.errors\nprint(sagaline.__file__, sagaline.errors.__file__)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program],
        cwd=tmp_path,
        env={"PYTHONPATH": str(wheel)},
        capture_output=True,
        text=True,
        check=False,
    )
    found = [f"{wheel}/sagaline/__init__.py", f"{wheel}/sagaline/errors/__init__.py"]
    assert (done.stdout.split(), done.stderr) == (found, "")


def test_no_machine_is_named_in_the_metadata(metadata: Message) -> None:
    requirements = metadata.get_all("Requires-Dist", [])
    assert metadata["Requires-Python"] == "<3.14,>=3.11"
    assert not [needed for needed in requirements if "@" in needed or "/" in needed]


def test_what_the_framework_imports_is_declared(metadata: Message) -> None:
    requirements = metadata.get_all("Requires-Dist", [])
    declared = {
        normal(re.split(r"[^\w.-]", needed)[0])
        for needed in requirements
        if "extra ==" not in needed or re.search("extra == '(postgres|schedule)'", needed)
    }
    distributions = packages_distributions()
    undeclared = {
        package: distributions.get(package, [])
        for package in imported_packages(HOUSE / "sagaline")
        if not declared & {normal(name) for name in distributions.get(package, [])}
    }
    assert undeclared == {}


def imported_packages(folder: Path) -> set[str]:
    """The packages of others that the modules of a folder import."""
    found: set[str] = set()
    for path in folder.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.Import):
                found.update(alias.name.split(".")[0] for alias in node.names)
            elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
                found.add(node.module.split(".")[0])
    return found - {folder.name} - sys.stdlib_module_names


def test_every_version_is_pinned_with_hashes_and_no_address_is_given() -> None:
    text = (HOUSE / "requirements.txt").read_text("utf-8").replace("\\\n", " ")
    lines = text.splitlines()
    assert lines
    pin = r"[\w.-]+==[\w.]+( ; [\w '=!<>.]+)?\s+(--hash=sha256:[0-9a-f]{64}\s*)+"
    assert [line for line in lines if not re.fullmatch(pin, line)] == []
