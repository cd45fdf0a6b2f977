"""Bounded threads for calls: with a deadline each, interruptible, progress told on the caller's own thread."""

from __future__ import annotations

import contextlib
import queue
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence

_LOOK = 0.2
"""Seconds after which the waiting thread looks up, so that an interrupt is heard at once on every platform."""
_GRACE = 2.0
"""Seconds after its deadline in which a call may still end by itself."""


class Expired(Exception):  # noqa: N818 - it tells that the time is over; nothing is wrong
    """The deadline of the call on this thread has passed, or reading was stopped."""


def _nobody(_call: Call, _count: int) -> None:
    """Tells nobody."""


class Call:
    """One call with all its pages, as its thread and the waiting thread see it.

    Attributes:
        items: the objects so far, as JSON texts.
        throttled: whether AWS has asked to slow down.
        expired: whether it was given up because of its deadline.
        failure: what ended it, beside its deadline.
    """

    def __init__(self, name: str, run: Callable[[Call], None]) -> None:
        self.name = name
        self.items: list[bytes] = []
        self.throttled = False
        self.expired = False
        self.failure: BaseException | None = None
        self._run = run
        self._deadline = float("inf")
        self._stop = threading.Event()
        self._tell: Callable[[Call, int], None] = _nobody

    def start(self, seconds: float, done: Callable[[Call], None], tell: Callable[[Call, int], None]) -> float:
        """Begins on a thread of its own; when it will be given up, on the monotonic clock."""
        self._deadline = time.monotonic() + seconds
        self._tell = tell
        # A daemon: a call that hangs must not keep the process from ending.
        threading.Thread(target=self._work, args=(done,), name=f"aws {self.name}", daemon=True).start()
        return self._deadline + _GRACE

    def stop(self) -> None:
        """Makes the call end at its next step."""
        self._stop.set()

    def check(self) -> None:
        """Called between requests.

        Raises:
            Expired: the time is over.
        """
        if self._stop.is_set() or time.monotonic() > self._deadline:
            raise Expired

    def progress(self) -> None:
        """Tells how many objects were read so far."""
        self._tell(self, len(self.items))

    def _work(self, done: Callable[[Call], None]) -> None:
        with _current(self):
            try:
                self._run(self)
            except Expired:
                self.expired = True
            except BaseException as error:  # noqa: BLE001 - whatever ends it is told where it is waited for
                self.failure = error
        done(self)


_here = threading.local()


def current() -> Call | None:
    """The call that runs on this thread."""
    found: Call | None = getattr(_here, "call", None)
    return found


@contextlib.contextmanager
def _current(call: Call) -> Iterator[None]:
    _here.call = call
    try:
        yield
    finally:
        _here.call = None


def run(
    calls: Sequence[Call],
    *,
    workers: int,
    deadline: float,
    observer: Callable[[str], None] | None = None,
    given_up: Callable[[], bool] = lambda: False,
) -> None:
    """Runs calls, at most ``workers`` at once, and returns when each has ended or was given up.

    Interrupting (KeyboardInterrupt) stops all of them at once.

    Args:
        calls: what to run, in order of their beginning.
        workers: how many at once.
        deadline: seconds for each, from its beginning.
        observer: is told ``name: 1,200 read`` on this thread.
        given_up: asked while waiting; once it says yes, all calls are stopped.

    Raises:
        Expired: it was given up.
    """
    events: queue.SimpleQueue[tuple[Call, int | None]] = queue.SimpleQueue()
    waiting = deque(calls)
    running: dict[int, tuple[Call, float]] = {}
    try:
        while waiting or running:
            while waiting and len(running) < workers:
                call = waiting.popleft()
                end = call.start(deadline, lambda ended: events.put((ended, None)), lambda c, n: events.put((c, n)))
                running[id(call)] = (call, end)
            if given_up():
                raise Expired
            with contextlib.suppress(queue.Empty):
                call, count = events.get(timeout=_LOOK)
                if count is None:
                    running.pop(id(call), None)  # it may have been given up before
                elif observer is not None and id(call) in running:
                    observer(f"{call.name}: {count:,} read")
            now = time.monotonic()
            for key, (call, end) in list(running.items()):
                if end <= now:
                    call.expired = True
                    call.stop()
                    del running[key]
    finally:
        for call, _ in running.values():
            call.stop()
