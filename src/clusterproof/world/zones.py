"""Labels that follow from where a node stands: its zone, its region, and what storage drivers make of them.

Sources: kubernetes/cloud-provider-aws pkg/providers/v2 azToRegion (the region ends before a Local or Wavelength Zone's
own name); aws-ebs-csi-driver (its zone label; its agents leave out nodes of EKS Auto Mode and of Fargate, chart value
``node.affinity``); EKS User Guide, "Create a storage class" (Auto Mode's own driver ``ebs.csi.eks.amazonaws.com``).
"""

from __future__ import annotations

import re

from clusterproof.world.readable import INSTANCE_TYPE, REGION, ZONE

ZONE_LABELS = (ZONE, "failure-domain.beta.kubernetes.io/zone")
REGION_LABELS = (REGION, "failure-domain.beta.kubernetes.io/region")
TYPE_LABELS = (INSTANCE_TYPE, "beta.kubernetes.io/instance-type")
EBS_ZONE = "topology.ebs.csi.aws.com/zone"
"""The EBS CSI driver's copy of the zone, which older volumes' node affinity names."""
AUTO_EBS_ZONE = "topology.ebs.csi.eks.amazonaws.com/zone"
"""The same of the driver that is built into EKS Auto Mode; each driver mounts its own volumes only."""
_REGION = re.compile(r"(?:[a-zA-Z]+-)+[0-9]+")


def place_labels(storage: str = EBS_ZONE) -> tuple[str, ...]:
    """The keys of the labels that follow from a node's place; ``storage`` is its storage driver's, if any."""
    return (*ZONE_LABELS, *([storage] if storage else []), *REGION_LABELS)


def located(zone: str, storage: str = EBS_ZONE) -> dict[str, str]:
    """The labels that a node gets from its zone (``us-west-2a``, ``us-west-2-lax-1a``)."""
    found = _REGION.match(zone)
    region = found[0] if found else zone
    return {key: region if key in REGION_LABELS else zone for key in place_labels(storage)}
