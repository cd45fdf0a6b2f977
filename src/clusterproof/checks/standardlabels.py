"""What the labels of a namespace make Pod Security Admission enforce there.

Sources: Kubernetes documentation, "Pod Security Admission" (labels) and "Enforce Pod Security Standards with Namespace
Labels"; Amazon EKS User Guide, "Understand Amazon EKS created pod security admission" (default ``privileged``, ``latest``).
"""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from clusterproof.checks.standards import LEVELS


class Enforced(msgspec.Struct, frozen=True):
    """What a namespace enforces.

    Attributes:
        level: one of :data:`LEVELS`.
        version: ``latest`` or ``v1.33``, as labelled.
        wrong: the labels that say nothing the API server knows, which then enforces ``restricted`` at ``latest``.
    """

    level: str
    version: str
    wrong: tuple[str, ...] = ()


ENFORCE, ENFORCE_VERSION = "pod-security.kubernetes.io/enforce", "pod-security.kubernetes.io/enforce-version"


def enforced(labels: Mapping[str, str]) -> Enforced:
    """What a namespace's labels enforce; without labels ``privileged``, EKS' default.

    What is no level, or no version, is taken for ``restricted`` and ``latest``.
    """
    level, version = labels.get(ENFORCE, LEVELS[0]), labels.get(ENFORCE_VERSION, "latest")
    wrong: list[str] = []
    if level not in LEVELS:
        wrong.append(f"{ENFORCE}={level}")
        level = "restricted"
    if version != "latest" and _minor(version) is None:
        wrong.append(f"{ENFORCE_VERSION}={version}")
        version = "latest"
    return Enforced(level, version, tuple(wrong))


def minor_of(version: str, cluster: int) -> int:
    """The minor version whose controls a policy version means: the cluster's own for ``latest``, and never a later one."""
    found = _minor(version)
    return cluster if found is None else found


def _minor(version: str) -> int | None:
    """The minor of ``v1.33``; None for what is no such version."""
    head, _, number = version.partition(".")
    plain = number.isascii() and number.isdigit() and (number == "0" or number[0] != "0")
    return int(number) if head == "v1" and plain else None
