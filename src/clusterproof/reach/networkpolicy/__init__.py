"""NetworkPolicy (``networking.k8s.io/v1``): may this flow pass, and by which rule.

:class:`PolicyIndex` is built once per world; :meth:`PolicyIndex.decide` judges one direction of a flow
between two :class:`Peer`. What the API leaves to the network plugin is a :class:`Dialect`.
AdminNetworkPolicy, BaselineAdminNetworkPolicy and ClusterNetworkPolicy: :mod:`clusterproof.reach.adminpolicy`.
"""

from clusterproof.reach.networkpolicy.index import Nearness, PolicyIndex
from clusterproof.reach.networkpolicy.model import (
    CALICO,
    CILIUM,
    KUBERNETES,
    VPC_CNI,
    Decision,
    Dialect,
    Direction,
    Outcome,
    Peer,
    ServiceView,
    dialect_for,
)
from clusterproof.reach.networkpolicy.prepared import Classes, Isolation

__all__ = [
    "CALICO",
    "CILIUM",
    "KUBERNETES",
    "VPC_CNI",
    "Classes",
    "Decision",
    "Dialect",
    "Direction",
    "Isolation",
    "Nearness",
    "Outcome",
    "Peer",
    "PolicyIndex",
    "ServiceView",
    "dialect_for",
]
