"""Cluster-wide policies in tiers: AdminNetworkPolicy, BaselineAdminNetworkPolicy and ClusterNetworkPolicy.

The Admin tier comes before NetworkPolicies, the Baseline tier after them, for pods that none of them isolates;
:class:`Tiers` asks them in that order. Nothing is isolated by being selected.
Source: kubernetes-sigs/network-policy-api, ``apis/v1alpha1`` and ``apis/v1alpha2/clusternetworkpolicy_types.go``.
"""

from clusterproof.reach.adminpolicy.index import AdminIndex, Option, Verdict
from clusterproof.reach.adminpolicy.model import AdminPolicy, AdminRule, Tier, policy_of
from clusterproof.reach.adminpolicy.tiers import Tiers

__all__ = ["AdminIndex", "AdminPolicy", "AdminRule", "Option", "Tier", "Tiers", "Verdict", "policy_of"]
