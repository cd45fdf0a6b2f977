"""NetworkPolicy (``networking.k8s.io/v1``): may this flow pass, and by which rule.

:class:`PolicyIndex` is built once per world; :meth:`PolicyIndex.decide` judges one direction of a flow
between two :class:`Peer`. What the API leaves to the network plugin is a :class:`Dialect`.
AdminNetworkPolicy, BaselineAdminNetworkPolicy and ClusterNetworkPolicy are not decided here.
"""

from clusterproof.reach.networkpolicy.index import Isolation, PolicyIndex
from clusterproof.reach.networkpolicy.model import (
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

__all__ = [
    "KUBERNETES",
    "VPC_CNI",
    "Decision",
    "Dialect",
    "Direction",
    "Isolation",
    "Outcome",
    "Peer",
    "PolicyIndex",
    "ServiceView",
    "dialect_for",
]
