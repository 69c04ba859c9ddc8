"""Starts Python processes as forks of one that has imported the project: 20 ms, and not a second.

They are processes like others: each has its own pid, streams, folder, environment, signals and exit
status. Only the imports are done. A worker of pytest starts one server, which has no threads and no
open stores.
"""

import gc
import io
import json
import os
import runpy
import socket
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from importlib import import_module, invalidate_caches
from multiprocessing.connection import Connection, Pipe
from pathlib import Path
from types import ModuleType
from typing import Any, ClassVar, NamedTuple

import pytest

TESTS = Path(__file__).parent
HOUSE = TESTS.parent

FORKED = (
    "application",
    "benchmarks/test_benchmarks.py",
    "benchmarks/test_compare.py",
    "benchmarks/test_demo.py",
    "benchmarks/test_growth.py",
    "cli",
    "crash",
    "sagaline/cli/test_events.py",
    "sagaline/rebuilding",
)
"""Where tests start processes to see what these do, and not how they start."""

IMPORTED = (
    "application.cli",
    "benchmarks.demo",
    "benchmarks.one_process.bursts",
    "benchmarks.upstream.run",
    "psycopg",
    "sagas.choreography",
    "sagas.order_fulfilment",
    "tests.sagaline.rebuild_with_worker",
    "typer.rich_utils",
)
"""What the server imports. `application.system` is not there: it reads the environment."""

OPTIONS = {"args", "cwd", "env", "stdin", "stdout", "stderr", "text", "encoding"}
"""The options of `Popen` that a fork can follow."""

READ_AT_START = ("LANG", "LC_", "LD_", "PYTHON")
"""How variables begin that a process reads when it starts."""


STARTED_WITH = dict(os.environ)


class Request(NamedTuple):
    """What a fork runs, and where."""

    arguments: list[str]
    folder: str
    environment: dict[str, str]


class Server:
    """A process that has imported the project, and forks. It ends with the one that started it."""

    def __init__(self) -> None:
        self._socket, theirs = socket.socketpair(type=socket.SOCK_SEQPACKET)
        with theirs:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "tests.forks", str(theirs.fileno())],
                cwd=HOUSE,
                env={**_without_coverage(os.environ), "PYTHONPATH": str(HOUSE)},
                pass_fds=[theirs.fileno()],
            )

    def close(self) -> None:
        """Ends it; what it has forked goes on."""
        self._socket.close()
        self._process.wait()

    def fork(self, request: Request, streams: Sequence[int]) -> tuple[int, Connection]:
        """Starts a process; returns its pid, and the pipe that its wait status comes from."""
        end, theirs = Pipe(duplex=False)
        with theirs:
            message = json.dumps(request).encode()
            socket.send_fds(self._socket, [message], [theirs.fileno(), *streams])
        return end.recv(), end


class Forked(subprocess.Popen[Any]):
    """A process that the server forks, or a new one where a fork would not be the same."""

    server: ClassVar[Server]
    _end: Connection | None = None

    def __init__(self, args: Any, **options: Any) -> None:
        self._request = _request(args, options)
        super().__init__(args, **options)

    def _execute_child(self, *arguments: Any) -> None:
        if self._request is None:
            super()._execute_child(*arguments)  # type: ignore[misc]
            return
        pipes = arguments[10:16]
        given = (pipes[0], pipes[3], pipes[5])
        streams = [standard if own == -1 else own for standard, own in enumerate(given)]
        self.pid, self._end = self.server.fork(self._request, streams)
        self._close_pipe_fds(*pipes)  # type: ignore[attr-defined]

    def _internal_poll(self, _deadstate: int | None = None) -> Any:
        how = {} if self._end is None else {"_waitpid": self._wait_status}
        return super()._internal_poll(_deadstate, **how)  # type: ignore[misc]

    def _try_wait(self, flags: int) -> Any:
        if self._end is None:
            return super()._try_wait(flags)  # type: ignore[misc]
        return self._wait_status(self.pid, flags)

    def _wait_status(self, pid: int, flags: int) -> tuple[int, int]:
        """As `os.waitpid`, which knows of children alone."""
        assert self._end is not None
        if self._end.poll(0 if flags else None):
            return pid, self._end.recv()
        return 0, 0


def _request(args: Any, options: Mapping[str, Any]) -> Request | None:
    """What a fork is asked for; None where it would not be the same as a new process."""
    env = dict(os.environ if options.get("env") is None else options["env"])
    folder = str(options.get("cwd") or Path.cwd())
    ours = env.pop("PYTHONPATH", folder) == str(HOUSE)
    if (
        OPTIONS.issuperset(options)
        and isinstance(args, list)
        and args[0] == sys.executable
        and args[1] in ("-m", "-c")
        and ours
        and _read_at_start(env) == _read_at_start(STARTED_WITH)
    ):
        return Request(args[1:], folder, env)
    return None


def _read_at_start(env: Mapping[str, str]) -> dict[str, str]:
    return {
        name: value
        for name, value in env.items()
        if name.startswith(READ_AT_START) and name != "PYTHONPATH"
    }


def _without_coverage(env: Mapping[str, str]) -> dict[str, str]:
    return {name: value for name, value in env.items() if not name.startswith("COVERAGE_PROCESS_")}


@pytest.fixture(scope="session")
def fork_server() -> Iterator[None]:
    """The server of this worker of pytest."""
    Forked.server = Server()
    yield
    Forked.server.close()


@pytest.fixture(autouse=True)
def _processes_are_forks(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    slow = request.node.get_closest_marker("slow") is not None
    if slow and any(request.path.is_relative_to(TESTS / each) for each in FORKED):
        request.getfixturevalue("fork_server")
        monkeypatch.setattr(subprocess, "Popen", Forked)


def serve(requests: socket.socket) -> Request:
    """Forks for each request; returns in the process that runs it. Ends where nobody can ask."""
    while True:
        message, received, _, _ = socket.recv_fds(requests, 100_000, 4)
        _reap()
        if not message:
            sys.exit()
        if os.fork() == 0:
            requests.close()
            _watch_fork(received[0])
            _take_streams(received[1:])
            return Request(*json.loads(message))
        for each in received:
            os.close(each)


def _reap() -> None:
    """Forget the forks that have ended."""
    with suppress(ChildProcessError):
        while os.waitpid(-1, os.WNOHANG) != (0, 0):
            pass


def _watch_fork(told: int) -> None:
    """Returns in a fork of this process, which stays behind to tell of it."""
    pid = os.fork()
    with Connection(told, readable=False) as teller:
        if pid == 0:
            return
        for standard in range(3):
            os.close(standard)
        teller.send(pid)
        teller.send(os.waitpid(pid, 0)[1])
    os._exit(0)


def _take_streams(streams: Sequence[int]) -> None:
    for standard, stream in enumerate(streams):
        os.dup2(stream, standard)
        os.close(stream)
    for number, name in enumerate(("stdin", "stdout", "stderr")):
        setattr(sys, name, _opened(number, getattr(sys, name)))
        setattr(sys, f"__{name}__", getattr(sys, name))


def _opened(number: int, like: io.TextIOWrapper) -> io.TextIOWrapper:
    """A stream as Python opens it; the one before may have been of another kind, as a pipe is."""
    file = io.FileIO(number, "wb" if number else "rb", closefd=False)
    writer = file if like.write_through else io.BufferedWriter(file)
    return io.TextIOWrapper(
        writer if number else io.BufferedReader(file),
        encoding=like.encoding,
        errors=like.errors,
        line_buffering=like.line_buffering,
        write_through=like.write_through,
    )


def run(request: Request) -> None:
    """Runs a module or a text as Python does."""
    os.chdir(request.folder)
    os.environ.clear()
    os.environ.update(request.environment)
    if _without_coverage(os.environ).keys() != os.environ.keys():
        import_module("coverage").process_startup()
    way, what, *arguments = request.arguments
    sys.path[0] = request.folder if way == "-m" else ""
    invalidate_caches()
    sys.argv = [way, *arguments]
    sys.modules["__main__"] = main = ModuleType("__main__")
    if way == "-m":
        runpy._run_module_as_main(what)  # type: ignore[attr-defined]
    else:
        exec(compile(what, "<string>", "exec"), vars(main))


if __name__ == "__main__":
    for module in IMPORTED:
        import_module(module)
    for command in (HOUSE / "sagaline/cli/commands").glob("[a-z]*.py"):
        import_module(f"sagaline.cli.commands.{command.stem}")
    gc.collect()
    gc.freeze()
    run(serve(socket.socket(fileno=int(sys.argv[1]))))
