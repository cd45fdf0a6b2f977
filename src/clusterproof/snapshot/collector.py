"""The cyclic garbage collector, paused while many records without cycles are made."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def paused() -> Iterator[None]:
    """Keep the collector from walking all objects again and again; reference counting frees what records leave.

    What was made meanwhile counts as old afterwards: else the very next allocation walks all of it as young, which takes
    longer than some questions. Cycles among it go with the next full collection.
    Source: https://docs.python.org/3/library/gc.html (``freeze``, ``unfreeze``: to the oldest generation).
    """
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            if not gc.get_freeze_count():  # else they are the caller's, who wants them kept apart
                gc.freeze()
                gc.unfreeze()
            gc.enable()
