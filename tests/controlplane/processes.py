"""Server processes that never outlive the one that started them.

Three things see to that: leaving :class:`Processes` kills them; the kernel kills them when their parent dies by
whatever signal (``PR_SET_PDEATHSIG``, prctl(2)); and what could still be left (another kernel, a power cut in the
wrong moment) is found by its notes and cleared away when the next one starts.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

PREFIX = "controlplane-of-tests-"
_PR_SET_PDEATHSIG = 1
_GARBAGE = "300"
"""Go's garbage collector may let the heap grow to four times what lives: a fifth less work for twice the memory."""
_LIBC = ctypes.CDLL(None, use_errno=True) if sys.platform == "linux" else None


class StartError(Exception):
    """A server did not start; the message has the end of its log."""


def free_port() -> int:
    """A TCP port of 127.0.0.1 that nobody has, chosen by the kernel."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


class Processes:
    """Server processes with one directory for their data and logs, all gone when it is left.

    Attributes:
        directory: new, readable by its owner only; ``NAME.log`` has what a server said.
    """

    def __init__(self) -> None:
        clear_leftovers()
        self.directory = Path(tempfile.mkdtemp(prefix=PREFIX))
        (self.directory / "owner").write_text(_identity(os.getpid()))
        self._running: dict[str, subprocess.Popen[bytes]] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def start(self, name: str, command: Sequence[str]) -> subprocess.Popen[bytes]:
        """Starts a server in a session of its own, so that a terminal's Ctrl-C does not reach it.

        Raises:
            StartError: not called in the main thread: the kernel ends the server with the *thread* that started it.
        """
        if threading.current_thread() is not threading.main_thread():
            raise StartError(f"{name} must be started by the main thread")
        parent = os.getpid()

        def die_with_parent() -> None:
            if _LIBC is not None:
                _LIBC.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
            if os.getppid() != parent:  # it died between fork and here
                os._exit(1)

        with (self.directory / f"{name}.log").open("ab") as log:
            process = subprocess.Popen(
                command,
                cwd=self.directory,
                env={"GOGC": _GARBAGE, **os.environ},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
                preexec_fn=die_with_parent,  # noqa: PLW1509 - two system calls, with what they need loaded before
            )
        (self.directory / f"{name}.pid").write_text(_identity(process.pid))
        self._running[name] = process
        return process

    def pids(self) -> dict[str, int]:
        """Process id of every server that runs, by name."""
        return {name: process.pid for name, process in self._running.items() if process.poll() is None}

    def check(self, name: str) -> None:
        """Go on only while a server runs.

        Raises:
            StartError: it has ended.
        """
        status = self._running[name].poll()
        if status is not None:
            raise StartError(f"{name} ended with status {status}: {self.log(name, 5)}")

    def log(self, name: str, lines: int) -> str:
        """The last lines of what a server said."""
        text = (self.directory / f"{name}.log").read_text(errors="replace")
        return "\n".join(text.strip().splitlines()[-lines:])

    def stop(self, name: str) -> None:
        """Ends one server at once: what it holds is thrown away anyhow."""
        process = self._running.pop(name, None)
        if process is not None:
            process.kill()
            process.wait()
            (self.directory / f"{name}.pid").unlink(missing_ok=True)

    def close(self) -> None:
        """Ends all and removes the directory."""
        for process in self._running.values():
            process.kill()
        for name in list(self._running):
            self.stop(name)
        shutil.rmtree(self.directory, ignore_errors=True)


def clear_leftovers() -> list[int]:
    """Ends what a dead owner has left behind and removes its directories; the process ids that were ended."""
    ended = []
    for place in Path(tempfile.gettempdir()).glob(f"{PREFIX}*"):
        with contextlib.suppress(OSError):
            owner, about = place / "owner", place.stat()
            being_made = not owner.exists() and time.time() - about.st_mtime < 60
            if about.st_uid != os.getuid() or being_made or (owner.exists() and _alive(owner.read_text())):
                continue
            for note in place.glob("*.pid"):
                identity = note.read_text()
                if _alive(identity):
                    os.kill(int(identity.split()[0]), signal.SIGKILL)
                    ended.append(int(identity.split()[0]))
            shutil.rmtree(place, ignore_errors=True)
    return ended


def _identity(pid: int) -> str:
    """A process and when it began, so that a number given anew is not taken for it."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return f"{pid} 0"
    return f"{pid} {fields[19]}"  # field 22 of proc(5): start time in clock ticks


def _alive(identity: str) -> bool:
    words = identity.split()
    if len(words) != 2:
        return False
    try:
        os.kill(int(words[0]), 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return words[1] == "0" or _identity(int(words[0])) == identity
