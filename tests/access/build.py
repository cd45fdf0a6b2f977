"""Small clusters in an account of their own: roles, policies, associations, service accounts, queues, buckets, keys.

An :class:`Account` is a :class:`~tests.world.build.Tiny` whose account is in no organization, so that no service control
policy limits anybody, and has no VPC endpoint. Everything was read unless a test says otherwise.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import msgspec

from clusterproof.snapshot import kinds
from tests.world.build import CLUSTER, Raw, Tiny

ACCOUNT, REGION = "111122223333", "us-east-1"
ISSUER = f"oidc.eks.{REGION}.amazonaws.com/id/ABC"
PROVIDER = f"arn:aws:iam::{ACCOUNT}:oidc-provider/{ISSUER}"
QUEUES = f"arn:aws:sqs:{REGION}:{ACCOUNT}:asya-*"


def statement(
    actions: str | Sequence[str], resources: str | Sequence[str] = "*", *, effect: str = "Allow", **more: Any
) -> Raw:
    """One statement; members of ``more`` are written as they are (``Condition``, ``Principal``)."""
    many = [actions] if isinstance(actions, str) else list(actions)
    return {"Effect": effect, "Action": many, "Resource": resources, **more}


def deny(actions: str | Sequence[str], resources: str | Sequence[str] = "*", **more: Any) -> Raw:
    """One statement that denies."""
    return statement(actions, resources, effect="Deny", **more)


def document(*statements: Raw) -> Raw:
    """A policy document."""
    return {"Version": "2012-10-17", "Statement": list(statements)}


def pod_trust(*actions: str, **condition: Any) -> Raw:
    """The trust policy of a role for EKS Pod Identity."""
    one: Raw = {
        "Effect": "Allow",
        "Principal": {"Service": "pods.eks.amazonaws.com"},
        "Action": list(actions or ("sts:AssumeRole", "sts:TagSession")),
    }
    return document(one | ({"Condition": condition} if condition else {}))


def irsa_trust(subject: str, *, like: bool = False, aud: str = "sts.amazonaws.com", provider: str = PROVIDER) -> Raw:
    """The trust policy of a role for IRSA; ``subject`` is ``namespace:name``."""
    operator = "StringLike" if like else "StringEquals"
    condition: Raw = {operator: {f"{ISSUER}:sub": f"system:serviceaccount:{subject}"}}
    if aud:
        condition.setdefault("StringEquals", {})[f"{ISSUER}:aud"] = aud
    one = {
        "Effect": "Allow",
        "Principal": {"Federated": provider},
        "Action": "sts:AssumeRoleWithWebIdentity",
        "Condition": condition,
    }
    return document(one)


def role_arn(name: str, account: str = ACCOUNT) -> str:
    """The ARN of a role."""
    return f"arn:aws:iam::{account}:role/{name}"


def policy_arn(name: str, account: str = ACCOUNT) -> str:
    """The ARN of a managed policy."""
    return f"arn:aws:iam::{account}:policy/{name}"


class Account(Tiny):
    """A cluster and an account that are put together piece by piece."""

    def __init__(self, *, version: str = "1.33") -> None:
        super().__init__(version=version)
        self.meta = msgspec.structs.replace(self.meta, account=ACCOUNT, region=REGION)
        (cluster,) = self.objects[kinds.CLUSTERS.name]
        cluster["arn"] = f"arn:aws:eks:{REGION}:{ACCOUNT}:cluster/{CLUSTER}"
        cluster["identity"] = {"oidc": {"issuer": f"https://{ISSUER}"}}
        self.put(kinds.OIDC_PROVIDERS, {"Url": ISSUER, "Arn": PROVIDER, "ClientIDList": ["sts.amazonaws.com"]})

    def role(
        self,
        name: str,
        *statements: Raw,
        trust: Raw | str | None = None,
        inline: Mapping[str, Raw | str] | None = None,
        attached: Iterable[str] = (),
        boundary: str = "",
        account: str = ACCOUNT,
        tags: Mapping[str, str] | None = None,
    ) -> Account:
        """A role for Pod Identity, with the statements in an inline policy ``NAME-policy``.

        Args:
            name: the role's name.
            statements: of its inline policy.
            trust: its trust policy, where it is not for Pod Identity.
            inline: further inline policies by name.
            attached: names of managed policies of the account, or ARNs.
            boundary: likewise.
            account: whose it is.
            tags: its tags.
        """
        policies: dict[str, Raw | str] = {f"{name}-policy": document(*statements)} if statements else {}
        policies |= dict(inline or {})
        arns = [item if item.startswith("arn:") else policy_arn(item) for item in attached]
        raw: Raw = {
            "RoleName": name,
            "Arn": role_arn(name, account),
            "Path": "/",
            "AssumeRolePolicyDocument": pod_trust() if trust is None else trust,
            "RolePolicyList": [{"PolicyName": key, "PolicyDocument": value} for key, value in policies.items()],
            "AttachedManagedPolicies": [{"PolicyName": arn.rpartition("/")[2], "PolicyArn": arn} for arn in arns],
            "Tags": [{"Key": key, "Value": value} for key, value in (tags or {}).items()],
        }
        if boundary:
            arn = boundary if boundary.startswith("arn:") else policy_arn(boundary)
            raw["PermissionsBoundary"] = {"PermissionsBoundaryType": "Policy", "PermissionsBoundaryArn": arn}
        self.put(kinds.ROLES, raw)
        return self

    def policy(self, name: str, *statements: Raw, arn: str = "") -> Account:
        """A managed policy; of this account unless the ARN says otherwise."""
        version = {"VersionId": "v1", "IsDefaultVersion": True, "Document": document(*statements)}
        raw = {
            "PolicyName": name,
            "Arn": arn or policy_arn(name),
            "DefaultVersionId": "v1",
            "PolicyVersionList": [version],
        }
        self.put(kinds.POLICIES, raw)
        return self

    def association(self, service_account: str, role: str, **more: Any) -> Account:
        """A pod identity association of ``namespace/name``; ``more`` are members as EKS writes them."""
        number = len(self.objects[kinds.POD_IDENTITY_ASSOCIATIONS.name])
        namespace, name = service_account.split("/")
        key = f"a-{number}"
        common = {"associationId": key, "clusterName": CLUSTER, "namespace": namespace, "serviceAccount": name}
        self.put(kinds.POD_IDENTITY_ASSOCIATION_IDS, common)
        self.put(kinds.POD_IDENTITY_ASSOCIATIONS, {**common, "roleArn": role_arn(role), **more})
        return self

    def service_account(self, key: str, role: str = "") -> Account:
        """A service account; with a role it has the annotation of IRSA."""
        namespace, name = key.split("/")
        metadata: Raw = {"namespace": namespace, "name": name}
        if role:
            arn = role if role.startswith("arn:") else role_arn(role)
            metadata["annotations"] = {"eks.amazonaws.com/role-arn": arn}
        self.put(kinds.SERVICE_ACCOUNTS, {"metadata": metadata})
        return self

    def app(self, key: str, service_account: str = "", *, spec: Raw | None = None, **more: Any) -> Account:
        """A Deployment whose pods have a service account."""
        own = {"serviceAccountName": service_account} if service_account else {}
        self.deployment(key, {**own, **(spec or {})}, **more)
        return self

    def agent(self) -> Account:
        """The EKS Pod Identity Agent, as an add-on with its DaemonSet."""
        self.put(kinds.ADDON_NAMES, {"name": "eks-pod-identity-agent"})
        addon = {"addonName": "eks-pod-identity-agent", "clusterName": CLUSTER, "status": "ACTIVE"}
        self.put(kinds.ADDONS, {**addon, "addonVersion": "v1.3.8-eksbuild.2"})
        spec = {"hostNetwork": True, "tolerations": [{"operator": "Exists"}]}
        self.controller("DaemonSet", "kube-system/eks-pod-identity-agent", spec)
        return self

    def queue(self, name: str, policy: Raw | None = None, **attributes: str) -> Account:
        """A queue, with its resource policy."""
        url = f"https://sqs.{REGION}.amazonaws.com/{ACCOUNT}/{name}"
        held = {"QueueArn": f"arn:aws:sqs:{REGION}:{ACCOUNT}:{name}", **attributes}
        if policy is not None:
            held["Policy"] = json.dumps(policy)
        self.put(kinds.QUEUE_URLS, {"name": url})
        self.put(kinds.QUEUES, {"QueueUrl": url, "Attributes": held, "Tags": {}})
        return self

    def bucket(self, name: str, policy: Raw | None = None) -> Account:
        """A bucket, with its policy."""
        text = json.dumps(policy) if policy is not None else None
        self.put(kinds.BUCKETS, {"Name": name, "Region": REGION, "Policy": text})
        return self

    def key(self, key_id: str, policy: Raw | None = None, **more: Any) -> Account:
        """A key of KMS, whose policy lets IAM of its account decide unless it is given."""
        root = document(statement("kms:*", "*", Principal={"AWS": f"arn:aws:iam::{ACCOUNT}:root"}))
        raw = {
            "KeyId": key_id,
            "Arn": f"arn:aws:kms:{REGION}:{ACCOUNT}:key/{key_id}",
            "KeyManager": "CUSTOMER",
            "KeyState": "Enabled",
            "Policy": json.dumps(root if policy is None else policy),
            **more,
        }
        self.put(kinds.KEYS, raw)
        return self

    def endpoint(self, service: str, policy: Raw | None = None, **more: Any) -> Account:
        """An interface endpoint with private DNS in the cluster's VPC."""
        raw = {
            "VpcEndpointId": f"vpce-{service}",
            "VpcEndpointType": "Interface",
            "VpcId": "vpc-1",
            "ServiceName": f"com.amazonaws.{REGION}.{service}",
            "State": "available",
            "PrivateDnsEnabled": True,
            "PolicyDocument": json.dumps(policy) if policy is not None else "",
            **more,
        }
        self.put(kinds.VPC_ENDPOINTS, raw)
        return self

    def organization(self, master: str = "999999999999") -> Account:
        """The account is a member of an organization."""
        raw = {"Id": "o-abc", "MasterAccountId": master, "FeatureSet": "ALL"}
        self.put(kinds.ORGANIZATIONS, raw)
        return self

    def without(self, kind: kinds.Kind[Any]) -> Account:
        """The kind was not collected."""
        self.drop(kind)
        return self
