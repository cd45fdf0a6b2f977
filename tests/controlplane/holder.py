"""A program that starts servers and then only waits, for tests to end it: prints their process ids as JSON.

python -m tests.controlplane.holder sleep    # one harmless process
python -m tests.controlplane.holder plane    # etcd, API server, scheduler
"""

from __future__ import annotations

import json
import sys
import time

from tests.controlplane.binaries import find
from tests.controlplane.plane import ControlPlane
from tests.controlplane.processes import Processes


def main() -> None:
    """Start, print, wait."""
    if sys.argv[1] == "plane":
        processes = ControlPlane.start(find()).processes
    else:
        processes = Processes()
        processes.start("sleep", ["sleep", "600"])
    print(json.dumps({"directory": str(processes.directory), "pids": processes.pids()}), flush=True)  # noqa: T201
    time.sleep(600)


if __name__ == "__main__":
    main()
