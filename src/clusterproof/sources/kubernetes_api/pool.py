"""A few threads for a list of tasks; an interrupt at the keyboard ends the waiting at once."""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Callable, Sequence
from typing import Generic, TypeVar

from clusterproof.sources.kubernetes_api.client import Cancelled

T = TypeVar("T")

_TICK = 0.1
_GRACE = 2.0
"""Seconds that tasks which were cancelled get to end by themselves; one that opens a connection may need longer."""


def run(
    tasks: Sequence[Callable[[], T]],
    workers: int,
    cancel: Callable[[], None],
    given_up: Callable[[], bool] = lambda: False,
) -> list[T]:
    """The tasks' results, in the order of the tasks.

    The threads are daemons: one that waits for a silent server cannot keep the program from ending.

    Args:
        tasks: begun in this order.
        workers: how many run at once.
        cancel: called when one fails or the caller is interrupted; it makes the others raise ``Cancelled``.
        given_up: asked while waiting; once it says yes, all is cancelled.

    Raises:
        Cancelled: it was given up.
        BaseException: whatever a task raised first, or KeyboardInterrupt.
    """
    waiting: queue.SimpleQueue[int] = queue.SimpleQueue()
    done: queue.SimpleQueue[tuple[int, list[T], BaseException | None]] = queue.SimpleQueue()
    for number in range(len(tasks)):
        waiting.put(number)

    def work() -> None:
        while True:
            try:
                number = waiting.get_nowait()
            except queue.Empty:
                return
            try:
                done.put((number, [tasks[number]()], None))
            except BaseException as error:  # noqa: BLE001 - it is raised again by the caller's thread
                done.put((number, [], error))

    threads = [
        threading.Thread(target=work, name="clusterproof-kubernetes", daemon=True)
        for _ in range(min(max(1, workers), len(tasks)))
    ]
    for thread in threads:
        thread.start()
    results: dict[int, T] = {}
    failed: BaseException | None = None
    try:
        for _ in tasks:
            number, result, error = _next(done, given_up)
            if error is None:
                results[number] = result[0]
            elif failed is None or isinstance(failed, Cancelled):
                failed = error
                cancel()
    except BaseException:
        cancel()
        until = time.monotonic() + _GRACE
        for thread in threads:  # what they still open would be closed by nobody
            thread.join(max(0.0, until - time.monotonic()))
        raise
    if failed is not None:
        raise failed
    return [results[number] for number in range(len(tasks))]


def _next(done: queue.SimpleQueue[T], given_up: Callable[[], bool]) -> T:
    """The next result; looked for in short waits, so that a signal that another thread got is seen too."""
    while True:
        if given_up():
            raise Cancelled
        try:
            return done.get(timeout=_TICK)
        except queue.Empty:
            continue


class Ahead(Generic[T]):
    """One call made in a thread of its own, its result asked for later."""

    def __init__(self, call: Callable[[], T]) -> None:
        self._results: list[T] = []
        self._failed: BaseException | None = None
        self._thread = threading.Thread(target=self._work, args=(call,), name="clusterproof-ahead", daemon=True)
        self._thread.start()

    def _work(self, call: Callable[[], T]) -> None:
        try:
            self._results.append(call())
        except BaseException as error:  # noqa: BLE001 - it is raised again by whoever asks
            self._failed = error

    def result(self) -> T:
        """What the call gave, or whatever it raised."""
        self._thread.join()
        if self._failed is not None:
            raise self._failed
        return self._results.pop()
