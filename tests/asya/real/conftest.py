"""World ``asya`` made for real, once for all tests of this room."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.asya.real.world import World, served
from tests.controlplane.binaries import Binaries
from tests.controlplane.conftest import binaries as binaries  # noqa: PLC0414 - a fixture of this room too


@pytest.fixture(scope="session")
def world(binaries: Binaries, tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """Both sides, read with the printed rights; who changes something puts it back."""
    with served(binaries, tmp_path_factory.mktemp("asya")) as made:
        yield made


@pytest.fixture
def reading(world: World, monkeypatch: pytest.MonkeyPatch) -> World:
    """The world, and this process's environment set to read it."""
    for name, value in world.env.items():
        if name.startswith("AWS_") or name in ("KUBECONFIG", "HOME", "NO_PROXY"):
            monkeypatch.setenv(name, value)
    return world
