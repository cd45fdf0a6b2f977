"""A reading that ends before its time leaves nothing behind: no thread that goes on, and no connection."""

from __future__ import annotations

import gc
import threading
import time
import warnings
from collections.abc import Callable
from pathlib import Path

import pytest

from clusterproof.errors import UsageError
from clusterproof.sources.kubernetes_api import pool
from clusterproof.sources.kubernetes_api.client import Cancelled
from clusterproof.sources.live import LiveOptions, read_live
from tests.sources.kubernetes_api.stub import Stub


def ours() -> set[str]:
    """The names of our threads that run."""
    return {t.name for t in threading.enumerate() if t.name.startswith(("live ", "clusterproof-", "aws "))}


@pytest.mark.parametrize("fault", ["", "hang", "slow"])
def test_account_that_cannot_be_used_ends_the_cluster_too(tmp_path: Path, fault: str) -> None:
    """The error comes when the cluster's threads have ended and their connections are closed, a silent one's as well."""
    environ = {"HOME": str(tmp_path), "AWS_CONFIG_FILE": str(tmp_path / "none"), "AWS_EC2_METADATA_DISABLED": "true"}
    gc.collect()  # what other tests left is not ours
    with Stub("demo").serve() as stub, warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        if fault:
            stub.fault(r"/.*", fault)
        options = LiveOptions(kubeconfig=stub.kubeconfig(tmp_path), aws_profiles=("nope",), region="us-west-2")
        with pytest.raises(UsageError, match="there is no such AWS profile"):
            read_live(options, environ=environ)
        assert ours() == set()
        gc.collect()
    left = [str(item.message) for item in caught if issubclass(item.category, ResourceWarning)]
    assert left == [], stub.url


def test_interrupt_ends_both(tmp_path: Path) -> None:
    """What the greeting raises ends the reading, as Ctrl-C does: nothing goes on."""

    def interrupt(_: object) -> None:
        raise KeyboardInterrupt

    with Stub("demo").serve() as stub:
        options = LiveOptions(kubeconfig=stub.kubeconfig(tmp_path), aws=False)
        with pytest.raises(KeyboardInterrupt):
            read_live(options, greet=interrupt, environ={"HOME": str(tmp_path)})
        assert ours() == set()
        assert not [path for path in stub.paths() if path.endswith("/pods")]


def test_tasks_that_are_given_up() -> None:
    """Once it is given up, the others are cancelled and waited for."""
    given_up, cancelled = threading.Event(), threading.Event()

    def task() -> None:
        given_up.set()
        if cancelled.wait(30):
            raise Cancelled

    tasks: list[Callable[[], None]] = [task, task]
    began = time.monotonic()
    with pytest.raises(Cancelled):
        pool.run(tasks, 2, cancelled.set, given_up.is_set)
    assert ours() == set()
    assert time.monotonic() - began < 20, "it was not cancelled"
