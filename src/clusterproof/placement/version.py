"""What differs between versions of kube-scheduler, as far as it changes an answer here."""

from __future__ import annotations

import re

import msgspec

from clusterproof.snapshot.fields import Cause, Unknown

OLDEST = 27
"""The oldest minor whose filters and scores these rooms were compared with (by reading)."""

_VERSION = re.compile(r"v?1\.([0-9]+)")


class SchedulerVersion(msgspec.Struct, frozen=True):
    """Kubernetes 1.``minor``; EKS runs the scheduler of the cluster's own version."""

    minor: int = 31

    @property
    def init_images_count(self) -> bool:
        """ImageLocality counts init containers' images from 1.30 (kubernetes PR #123366)."""
        return self.minor >= 30

    @property
    def balance_skips_best_effort(self) -> bool | Unknown:
        """BalancedAllocation gives a pod without requests no score (kubernetes PR #130260, 2025).

        The change came to 1.33 or 1.34; 1.32 lacks it and 1.34 has it.
        """
        if self.minor == 33:
            return Unknown(Cause.NOT_MODELLED, "how Kubernetes 1.33 scores a pod without requests (PR 130260)")
        return self.minor >= 34

    @property
    def balance_counts_change(self) -> bool:
        """From 1.36 BalancedAllocation scores the change of balance, not the balance (kubernetes PR #135573)."""
        return self.minor >= 36

    @property
    def shows_taints(self) -> bool:
        """From 1.35 the message says ``untolerated taint(s)`` without the taint (kubernetes PR #134740)."""
        return self.minor < 35

    @property
    def tie_break(self) -> str:
        """How one of several best nodes is taken: uniform both times (``schedule_one.go``, ``selectHost``)."""
        return "reservoir sampling" if self.minor <= 34 else "random key in a heap"

    @property
    def may_batch(self) -> bool:
        """From 1.35 identical pods one after the other may reuse a sorted list (OpportunisticBatching, beta)."""
        return self.minor >= 35


def scheduler_version(text: str) -> SchedulerVersion | Unknown:
    """From ``v1.31.13-eks-1234567`` or ``1.31``; unknown for what cannot be read or is too old."""
    found = _VERSION.match(text)
    if found is None:
        return Unknown(Cause.NOT_COLLECTED, f"{text!r} is no Kubernetes version", "give the cluster's version")
    minor = int(found.group(1))
    if minor < OLDEST:
        return Unknown(Cause.NOT_MODELLED, f"the scheduler of Kubernetes 1.{minor} (older than 1.{OLDEST})")
    return SchedulerVersion(minor)
