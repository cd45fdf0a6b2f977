"""The real control plane as fixtures: started once per run (and worker), the cluster empty again after each test."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.conftest import Require
from tests.controlplane.binaries import Binaries, Missing, find
from tests.controlplane.kubelet import Kubelet, serve_kubelet
from tests.controlplane.plane import CONTROLLERS, ControlPlane
from tests.controlplane.scheduling import Arena


@pytest.fixture(scope="session")
def binaries(require: Require, request: pytest.FixtureRequest) -> Binaries:
    """Kubernetes' programs; where they are not built the test is skipped, in CI it fails."""
    try:
        with request.config.pluginmanager.getplugin("capturemanager").global_and_fixture_disabled():
            return find()
    except Missing as missing:
        require(condition=False, what=str(missing))
        raise


@pytest.fixture(scope="session")
def control_plane(binaries: Binaries) -> Iterator[ControlPlane]:
    """API server and scheduler at their defaults; a test that wants controllers starts them itself."""
    with ControlPlane.start(binaries) as plane:
        yield plane


@pytest.fixture
def arena(control_plane: ControlPlane) -> Iterator[Arena]:
    """The cluster for one test, emptied after it."""
    made = Arena(control_plane)
    yield made
    made.reset()


@pytest.fixture
def kubelet(control_plane: ControlPlane) -> Iterator[Kubelet]:
    """A stub kubelet whom the API server trusts."""
    with serve_kubelet(control_plane.credentials) as served:
        yield served


@pytest.fixture
def controllers(control_plane: ControlPlane, arena: Arena) -> Iterator[None]:
    """kube-controller-manager runs during the test, and no longer when the arena is emptied: it would go on making."""
    del arena
    control_plane.start_controllers()
    yield
    control_plane.processes.stop(CONTROLLERS)
