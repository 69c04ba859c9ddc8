"""Another system that brings the same orders to their ends, in a process of its own."""

from benchmarks.laboratory import Laboratory
from benchmarks.process import printed
from benchmarks.workload import Workload, check_ends, lines_of


def rate_of(
    laboratory: Laboratory, kind: str, workload: Workload, module: str, *options: str
) -> float:
    """Orders a second that a module reaches on a new store.

    The module is given the store, a file of orders, and how many of them are to warm up; it prints
    how long the others took and how they ended.
    """
    file = laboratory.file("orders.jsonl", lines_of([*workload.warm_up, *workload.orders]))
    with laboratory.store(kind) as store:
        said = printed(module, store, file, str(len(workload.warm_up)), *options)
    check_ends({}, said["ends"], workload)
    seconds: float = said["seconds"]
    return len(workload.orders) / seconds
