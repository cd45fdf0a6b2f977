"""What differs between versions of kube-scheduler, as far as it changes an answer here.

Settled by reading the sources at the tags v1.31.13, v1.32.0, v1.33.0, v1.34.0, v1.35.0, v1.36.0 and v1.36.3 (all paths
below are under ``pkg/scheduler`` of kubernetes/kubernetes unless they say otherwise). docs/scheduler-versions.md shows
every property of :class:`SchedulerVersion` for each minor, and what is the same in all of them.
"""

from __future__ import annotations

import re

import msgspec

from clusterproof.snapshot.fields import Cause, Unknown

OLDEST = 27
"""The oldest minor that is answered for; below 1.31 by what is known of the changes, not by reading each tag."""
COMPARED = range(31, 37)
"""The minors whose sources were read plugin by plugin."""

_VERSION = re.compile(r"v?1\.([0-9]+)(?:\.([0-9]+))?")


class SchedulerVersion(msgspec.Struct, frozen=True):
    """Kubernetes 1.``minor``.``patch``; EKS runs the scheduler of the cluster's own version.

    Attributes:
        minor: decides every answer but one.
        patch: None where it is not told, as EKS's DescribeCluster names the minor alone: then the newest is meant, as
            EKS keeps control planes on new patches by itself.
    """

    minor: int = 31
    patch: int | None = None

    @property
    def compared(self) -> bool:
        """Whether the scores of this minor were read at its tag; odds of another minor say that they were not."""
        return self.minor in COMPARED

    @property
    def init_images_count(self) -> bool:
        """ImageLocality counts init containers' images, and divides by them, from 1.30 (kubernetes PR #123366)."""
        return self.minor >= 30

    @property
    def image_volumes_count(self) -> bool:
        """ImageLocality counts the images of image volumes from 1.36 (kubernetes PR #130231).

        Source: ``framework/plugins/imagelocality/image_locality.go``: ``sumImageScores`` reads ``spec.volumes`` at
        v1.36.0, not yet at v1.35.0.
        """
        return self.minor >= 36

    @property
    def image_volumes_divide(self) -> bool:
        """ImageLocality divides by image volumes as by containers after 1.36 (kubernetes PR #138951, 2026-05).

        Up to v1.36.3 ``Score`` hands ``calculatePriority`` the number of init containers and containers alone.
        """
        return self.minor >= 37

    @property
    def sidecars_assumed(self) -> bool:
        """NodeResourcesFit counts sidecars of placed pods with its default requests from 1.32.

        Source: ``framework/types.go``, ``calculateResource``. Up to 1.31 what is assumed of a placed pod is the sum
        of its containers, or the largest init container with the sidecars before it where that is more; a default
        stands in only where neither that init container nor a sidecar before it requests the resource. From 1.32 it
        is the rule of the pod's own requests (component-helpers ``resource/helpers.go``), sidecars in the sum.
        """
        return self.minor >= 32

    @property
    def balance_skips_best_effort(self) -> bool:
        """BalancedAllocation gives a pod without cpu and memory requests no score from 1.33 (kubernetes PR #130260).

        Source: ``framework/plugins/noderesources/balanced_allocation.go``: ``PreScore`` asks ``isBestEffortPod`` at
        v1.33.0 and not at v1.32.0.
        """
        return self.minor >= 33

    @property
    def balance_counts_change(self) -> bool:
        """BalancedAllocation scores the change of balance, not the balance, from 1.36 (kubernetes PR #135573).

        Source: ``framework/plugins/noderesources/balanced_allocation.go``: ``balancedResourceScorer`` at v1.36.0.
        """
        return self.minor >= 36

    @property
    def devices_score(self) -> bool:
        """DynamicResources scores, with weight 2, from 1.35: the earlier an alternative of ``firstAvailable`` the more.

        Source: ``framework/plugins/dynamicresources/dynamicresources.go`` (``Score``, ``computeScore``) and
        ``apis/config/v1/default_plugins.go`` at v1.35.0; neither a score nor a weight at v1.34.0.
        """
        return self.minor >= 35

    @property
    def shows_taints(self) -> bool:
        """The message names the taint up to v1.34.1, then says ``untolerated taint(s)`` (kubernetes PR #134740).

        Source: ``framework/plugins/tainttoleration/taint_toleration.go`` at v1.34.0, v1.34.4 and v1.35.0; the change
        log of 1.34 has it under v1.34.2 (cherry-pick PR #135023), those of 1.31 to 1.33 under none of their patches
        (up to v1.31.14, v1.32.13 and v1.33.11). A patch of 1.34 that is not told is taken for the newest.
        """
        return self.minor < 34 or (self.minor == 34 and self.patch is not None and self.patch < 2)

    @property
    def names_persistent_volume(self) -> bool:
        """A node that a bound volume cannot be on ``didn't match PersistentVolume's node affinity`` from 1.33.

        Before it ``had volume node affinity conflict``. Source: ``framework/plugins/volumebinding/binder.go``
        (``ErrReasonNodeConflict``) at v1.32.0 and v1.33.0.
        """
        return self.minor >= 33

    @property
    def tie_break(self) -> str:
        """How one of several best nodes is taken: uniform both times.

        Source: ``schedule_one.go``: ``selectHost`` up to v1.34.0, ``newSortedNodeScores`` with a random number per
        node from v1.35.0.
        """
        return "reservoir sampling" if self.minor <= 34 else "random key in a heap"

    @property
    def has_batching(self) -> bool:
        """OpportunisticBatching is there, and on, from 1.35.

        It changes no odds of the default configuration. A pod must be signed to be batched, and
        ``podtopologyspread/plugin.go`` (``SignPod``) signs none while there are default constraints, which the
        default configuration has. Where they are configured away, a list is used again only for the next pod, within
        0.5 s, and only when the node just taken is full (``framework/runtime/batch.go``).
        """
        return self.minor >= 35


def scheduler_version(text: str) -> SchedulerVersion | Unknown:
    """From ``v1.31.13-eks-1234567`` or ``1.31`` (no patch); unknown for what cannot be read or is too old."""
    found = _VERSION.match(text)
    if found is None:
        return Unknown(Cause.NOT_COLLECTED, f"{text!r} is no Kubernetes version", "give the cluster's version")
    minor = int(found.group(1))
    if minor < OLDEST:
        return Unknown(Cause.NOT_MODELLED, f"the scheduler of Kubernetes 1.{minor} (older than 1.{OLDEST})")
    return SchedulerVersion(minor, int(found.group(2)) if found.group(2) else None)
