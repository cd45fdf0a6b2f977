"""The served world, made once for all tests of a process."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.faults.served import CREDENTIALS, World, served

LANES = 4


@pytest.fixture(scope="session")
def world() -> Iterator[World]:
    """The repaired demo behind APIs that can be made to fail, four cells at once."""
    with pytest.MonkeyPatch.context() as patch:
        for name, value in CREDENTIALS.items():
            patch.setenv(name, value)
        with served(LANES) as found:
            yield found
