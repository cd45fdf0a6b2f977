"""Servers never outlive the process that started them, however it ends."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import ROOT, Require
from tests.controlplane.binaries import Binaries
from tests.controlplane.plane import ControlPlane
from tests.controlplane.processes import PREFIX, Processes, StartError, clear_leftovers, free_port


def alive(pid: int) -> bool:
    """Whether a process runs; one that has ended and that nobody has asked for yet does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def ended(pids: Iterable[int], patience: float = 20.0) -> bool:
    """Whether all end before patience does."""
    until = time.monotonic() + patience
    while any(alive(pid) for pid in pids):
        if time.monotonic() > until:
            return False
        time.sleep(0.02)
    return True


def hold(what: str) -> tuple[subprocess.Popen[str], dict[str, Any]]:
    """A process of its own that has started servers, and what it says of them."""
    holder = subprocess.Popen(
        [sys.executable, "-m", "tests.controlplane.holder", what],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT / "src")},
        stdout=subprocess.PIPE,
        text=True,
    )
    assert holder.stdout is not None
    return holder, json.loads(holder.stdout.readline())


@pytest.fixture(autouse=True)
def _linux(require: Require) -> None:
    require(sys.platform == "linux", "Linux: /proc and prctl")


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_children_die_with_their_parent(how: signal.Signals) -> None:
    """Whatever signal ends the parent, its children end; the next start clears its directory away."""
    holder, said = hold("sleep")
    with holder:
        pids = list(said["pids"].values())
        assert all(alive(pid) for pid in pids)
        holder.send_signal(how)
        holder.wait(timeout=20)
    assert ended(pids)
    clear_leftovers()
    assert not Path(said["directory"]).exists()


@pytest.mark.controlplane
@pytest.mark.usefixtures("binaries")
@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGTERM])
def test_control_plane_dies_with_its_parent(how: signal.Signals) -> None:
    """The same for the real servers, which know of no parent."""
    holder, said = hold("plane")
    with holder:
        assert {"etcd", "kube-apiserver", "kube-scheduler"} == said["pids"].keys()
        holder.send_signal(how)
        holder.wait(timeout=20)
    assert ended(said["pids"].values())


@pytest.mark.controlplane
def test_everything_is_stopped_after(binaries: Binaries) -> None:
    """Once left, no server runs, nobody listens at its port, and its directory is gone."""
    with ControlPlane.start(binaries, controllers=True) as plane:
        pids, directory = plane.processes.pids(), plane.processes.directory
        assert len(pids) == 4
        assert (directory / "kube-apiserver.log").exists()
    assert ended(pids.values())
    assert not directory.exists()
    with pytest.raises(ConnectionRefusedError):
        plane.admin.send("GET", "/readyz")


@pytest.mark.controlplane
def test_what_does_not_start_is_told_with_its_log(binaries: Binaries) -> None:
    """A scheduler with a configuration that is none: its own words, and everything else is ended."""
    before = set(Path(tempfile.gettempdir()).glob(f"{PREFIX}*"))
    with pytest.raises(StartError, match=r"(?s)kube-scheduler ended with status 1: .*nonsense"):
        ControlPlane.start(binaries, scheduler_config={"nonsense": True})
    assert set(Path(tempfile.gettempdir()).glob(f"{PREFIX}*")) <= before


def test_leftovers_of_a_dead_owner_are_ended(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What a dead owner noted is ended and removed; what lives, what is being made and a number given anew are left."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    dead = subprocess.Popen(["true"])
    dead.wait()
    with Processes() as mine, subprocess.Popen(["sleep", "60"]) as left, subprocess.Popen(["sleep", "60"]) as other:
        mine.start("sleep", ["sleep", "60"])
        begun = Path(f"/proc/{left.pid}/stat").read_text().rpartition(")")[2].split()[19]
        orphaned, making = tmp_path / f"{PREFIX}a", tmp_path / f"{PREFIX}b"
        orphaned.mkdir()
        making.mkdir()
        (orphaned / "owner").write_text(f"{dead.pid} 1")
        (orphaned / "etcd.pid").write_text(f"{left.pid} {begun}")
        (orphaned / "kube-apiserver.pid").write_text(f"{other.pid} 1")  # began at another time: not what was noted
        (orphaned / "kube-scheduler.pid").write_text("")
        assert clear_leftovers() == [left.pid]
        assert left.wait(timeout=20) == -signal.SIGKILL
        assert not orphaned.exists()
        assert making.exists()
        assert alive(mine.pids()["sleep"])
        assert other.poll() is None
        other.kill()


def test_ended_server_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A server that ends by itself: its status and the end of its log."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    with Processes() as processes:
        processes.start("loud", ["sh", "-c", "echo no such flag >&2; exit 3"]).wait()
        with pytest.raises(StartError, match="loud ended with status 3: no such flag"):
            processes.check("loud")
        assert processes.pids() == {}
    assert list(tmp_path.iterdir()) == []


def test_only_the_main_thread_starts_servers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Another thread's end would be the server's: it is refused."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    errors: list[StartError] = []
    with Processes() as processes:

        def start() -> None:
            try:
                processes.start("sleep", ["sleep", "60"])
            except StartError as no:
                errors.append(no)

        thread = threading.Thread(target=start)
        thread.start()
        thread.join()
    assert [str(no) for no in errors] == ["sleep must be started by the main thread"]


def test_ports_are_free() -> None:
    """Each is one of the user's range, and not the last one again."""
    ports = {free_port() for _ in range(5)}
    assert len(ports) > 1
    assert all(1024 < port < 65536 for port in ports)
