"""A system that brings the same orders to their ends, in a process of its own."""

from benchmarks.laboratory import Laboratory
from benchmarks.process import printed
from benchmarks.sample import Heat
from benchmarks.workload import Workload, check_ends


def heat_of(
    laboratory: Laboratory, kind: str, workload: Workload, module: str, *options: str
) -> Heat:
    """Orders a second that a module reaches on a new store, cold and warm.

    The module is given the store, a file with bursts of orders, and the seconds of warm-up; it
    prints what `run_bursts` returns, and how the orders ended.
    """
    file = laboratory.file("orders.jsonl", workload.text)
    warm_up = str(laboratory.sizes.warm_up)
    with laboratory.store(kind) as store:
        said = printed(module, store, file, warm_up, *options)
    check_ends({}, said["ends"], workload.orders[: said["orders"]])
    return Heat.of(said)


def one_process(laboratory: Laboratory, kind: str, workload: Workload) -> Heat:
    """Orders a second of Sagaline in one process, cold and warm."""
    stock = laboratory.file("stock.jsonl", workload.stock_text)
    file = laboratory.file("orders.jsonl", workload.text)
    warm_up = str(laboratory.sizes.warm_up)
    with laboratory.store(kind) as store:
        said = printed("benchmarks.one_process", "orders", store, stock, file, warm_up)
    check_ends({}, said["ends"], workload.orders[: said["orders"]])
    return Heat.of(said)
