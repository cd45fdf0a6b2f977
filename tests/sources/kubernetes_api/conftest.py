"""A served demo world for each test, and options that do not wait long."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from clusterproof.sources.kubernetes_api import ClusterOptions
from tests.sources.kubernetes_api.stub import Stub

Options = Callable[..., ClusterOptions]


@pytest.fixture
def stub() -> Iterator[Stub]:
    """The demo world, served."""
    with Stub("demo").serve() as served:
        yield served


@pytest.fixture
def options(stub: Stub, tmp_path: Path) -> Options:
    """Options for the served world; members of ClusterOptions by name."""

    def make(**more: Any) -> ClusterOptions:
        if "kubeconfig" not in more:
            more["kubeconfig"] = stub.kubeconfig(tmp_path)
        return ClusterOptions(**({"backoff": 0.001} | more))

    return make
