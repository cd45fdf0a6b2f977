"""Identities for tests: a tiny cluster with the agent of EKS Pod Identity, and pieces to put into it."""

from __future__ import annotations

from typing import Any

from clusterproof.snapshot import kinds
from clusterproof.world.identities import Identities, Identity, of_workload
from tests.world.build import CLUSTER, Raw, Tiny

ACCOUNT = "111122223333"
NODE = f"arn:aws:iam::{ACCOUNT}:role/node"


def arn(name: str, account: str = ACCOUNT) -> str:
    """A role's ARN."""
    return f"arn:aws:iam::{account}:role/{name}"


class Cloud(Tiny):
    """A tiny cluster with its ARN, the agent's DaemonSet and the service account ``app/worker``."""

    def __init__(self, *, agent: bool = True, **more: Any) -> None:
        super().__init__(**more)
        self.objects["clusters"][0]["arn"] = f"arn:aws:eks:us-east-1:{ACCOUNT}:cluster/{CLUSTER}"
        if agent:
            self.controller("DaemonSet", "kube-system/eks-pod-identity-agent", {"hostNetwork": True})
        self.account("app/worker")

    def account(self, key: str, **annotations: str) -> Cloud:
        """A service account, replaced; ``__`` stands for ``/`` and ``eks.amazonaws.com/`` is put before."""
        namespace, name = key.split("/")
        self.remove(kinds.SERVICE_ACCOUNTS, key)
        given = {f"eks.amazonaws.com/{name.replace('_', '-')}": value for name, value in annotations.items()}
        self.put(kinds.SERVICE_ACCOUNTS, {"metadata": {"namespace": namespace, "name": name, "annotations": given}})
        return self

    def associated(self, role: str = "actor", key: str = "app/worker", **more: Any) -> Cloud:
        """An association of a service account."""
        namespace, name = key.split("/")
        number = len(self.objects["pod-identity-associations"]) + 1
        raw = {
            "associationId": f"a-{number}",
            "clusterName": CLUSTER,
            "namespace": namespace,
            "serviceAccount": name,
            "roleArn": arn(role),
            **more,
        }
        self.put(kinds.POD_IDENTITY_ASSOCIATIONS, raw)
        return self

    def worker(self, spec: Raw | None = None, **more: Any) -> Cloud:
        """Deployment ``app/worker`` with its service account."""
        self.deployment("app/worker", {"serviceAccountName": "worker", **(spec or {})}, **more)
        return self

    def workers(self, role: str = "node", **options: Any) -> Cloud:
        """A managed node group ``workers`` of one node, with metadata options and the instance profile of a role."""
        self.managed("workers")
        self.objects["nodegroups"][-1] |= {"nodeRole": arn(role), "amiType": "AL2023_x86_64_STANDARD"}
        instance = self.objects["instances"][-1]
        instance["IamInstanceProfile"] = {"Arn": f"arn:aws:iam::{ACCOUNT}:instance-profile/eks-{role}"}
        instance["MetadataOptions"] = {"HttpTokens": "required", "HttpPutResponseHopLimit": 2, **options}
        roles = [{"RoleName": role, "Arn": arn(role)}] if role else []
        self.put(kinds.INSTANCE_PROFILES, {"InstanceProfileName": f"eks-{role}", "Roles": roles})
        return self

    def found(self, workload: str = "deploy/app/worker") -> Identities:
        """The roles of a workload's pods on any node."""
        ground = self.world().ground
        return of_workload(ground, ground.by_id[workload])

    def only(self) -> Identity:
        """The one role of ``app/worker``."""
        (one,) = self.found().found
        return one


def variable(name: str, value: str = "", secret: str = "") -> Raw:
    """A variable by value, or from a Secret."""
    if secret:
        return {"name": name, "valueFrom": {"secretKeyRef": {"name": secret, "key": "k"}}}
    return {"name": name, "value": value}


def container(name: str, *env: Raw, **more: Any) -> Raw:
    """A container."""
    return {"name": name, "image": "app:1", "env": list(env), **more}
