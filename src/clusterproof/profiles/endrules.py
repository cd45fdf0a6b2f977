"""What must hold for the two ends of a path: who may be at which end, and what must be said of it."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterator

from clusterproof.profiles.model import Reach, Subject
from clusterproof.profiles.shape import Problem

_ENDS = ("workload", "hosts", "control_plane", "services_of", "load_balancer")
_SERVICE = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?/[a-z0-9]([-a-z0-9]*[a-z0-9])?")


def subject_problems(subject: Subject, path: str) -> Iterator[Problem]:
    """Faults of one end by itself, the names of workloads and node sets apart."""
    given = [name for name in _ENDS if getattr(subject, name)]
    # The clients of a load balancer may stand beside it.
    if subject.address and given != ["load_balancer"]:
        given.append("address")
    if len(given) != 1:
        found = " and ".join(given) if given else "nothing"
        what = "workload (a pod), hosts (the host network of a node set), control_plane, services_of, load_balancer"
        yield Problem(path, f"exactly one of {what} or address must be set, found {found}")
    if subject.load_balancer and not _SERVICE.fullmatch(subject.load_balancer):
        yield Problem(f"{path}.load_balancer", f"{subject.load_balancer!r} is no Service; write namespace/name")
    if subject.on and not subject.workload:
        yield Problem(
            path, f"{'hosts names a node set already' if subject.hosts else 'on goes with workload'}; leave on out"
        )
    if subject.address:
        try:
            ipaddress.ip_network(subject.address)
        except ValueError:
            text = f"{subject.address!r} is no CIDR block; write it like 10.1.0.0/16, 10.1.2.3/32 or fd00::/8"
            yield Problem(f"{path}.address", text)
    yield from _callers(subject, path)


def _callers(subject: Subject, path: str) -> Iterator[Problem]:
    from clusterproof.snapshot.kinds import CALLERS

    names = [kind.name for kind in CALLERS]
    for number, name in enumerate(subject.services_of):
        if name not in names:
            yield Problem(
                f"{path}.services_of[{number}]", f"there is no such kind {name!r}; there are: {', '.join(names)}"
            )


def end_problems(reach: Reach, path: str) -> Iterator[Problem]:
    """Faults of two ends together."""
    for member in ("control_plane", "load_balancer"):
        if getattr(reach.to, member):
            yield Problem(f"{path}.to.{member}", f"{member} is a client; write it under from")
    if reach.from_.services_of:
        yield Problem(f"{path}.from.services_of", "services_of are servers; write it under to")
    if reach.from_.address and reach.to.address:
        yield Problem(f"{path}.to.address", "one end must be in the cluster; write a workload or hosts")
    if reach.to.services_of and not reach.from_.control_plane:
        yield Problem(f"{path}.to.services_of", "the control plane calls these; write from: {control_plane: true}")
    if reach.to.services_of and reach.port:
        yield Problem(f"{path}.port", "each object names its own port; leave port out beside services_of")
    if reach.from_.load_balancer and not reach.to.workload:
        yield Problem(f"{path}.to", "a load balancer's targets are pods; write the workload behind its Service")
