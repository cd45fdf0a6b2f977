"""Objects of EKS networking, accounts, configuration, and what is derived from Helm."""

from __future__ import annotations

from msgspec import field

from clusterproof.snapshot.kubernetes.meta import LabelSelector, Metadata, Obj


class ENIConfigSpec(Obj, frozen=True):
    subnet: str = ""
    security_groups: tuple[str, ...] = ()


class ENIConfig(Obj, frozen=True):
    """crd.k8s.amazonaws.com/v1alpha1; used by VPC CNI custom networking."""

    metadata: Metadata
    spec: ENIConfigSpec = field(default_factory=ENIConfigSpec)


class GroupIds(Obj, frozen=True):
    group_ids: tuple[str, ...] = ()


class SecurityGroupPolicySpec(Obj, frozen=True):
    pod_selector: LabelSelector | None = None
    service_account_selector: LabelSelector | None = None
    security_groups: GroupIds = field(default_factory=GroupIds)


class SecurityGroupPolicy(Obj, frozen=True):
    """vpcresources.k8s.aws/v1beta1; security groups for pods."""

    metadata: Metadata
    spec: SecurityGroupPolicySpec = field(default_factory=SecurityGroupPolicySpec)


class ServiceAccount(Obj, frozen=True):
    metadata: Metadata


class ConfigMap(Obj, frozen=True):
    metadata: Metadata
    data: dict[str, str] = field(default_factory=dict)


class CustomResourceDefinition(Obj, frozen=True):
    metadata: Metadata


class HelmRelease(Obj, frozen=True):
    """A Helm release as facts: never the Secret's value (design rule 9).

    Key ``namespace/name``; ``chart`` e.g. ``dynamo-platform``, ``version`` the chart's version.
    """

    metadata: Metadata
    chart: str = ""
    version: str = ""
    app_version: str = ""
    status: str = ""
