"""Mutants of what gives pods their roles: agent, node roles, associations, trust, IRSA."""

# Edits stand in tuples, so that one expression makes several; mypy infers no lambda with defaults.
# mypy: disable-error-code="func-returns-value, misc"

from __future__ import annotations

from collections.abc import Callable

from tests.asya.world import ACCOUNT, CA, CLUSTER, PROD, REGION, Edits, Mutant, Raw, allow, m

AGENT = "kube-system/eks-pod-identity-agent"
WORKER_POLICY = "arn:aws:iam::aws:policy/AmazonEKSWorkerNodePolicy"
NODE_ROLE = f"{CLUSTER}-node"
POD_IDENTITY: Raw = {
    "Effect": "Allow",
    "Principal": {"Service": "pods.eks.amazonaws.com"},
    "Action": ["sts:AssumeRole", "sts:TagSession"],
}
EKS_AUTH = "eks-auth:AssumeRoleForPodIdentity"


def own_role(e: Edits, group: str, name: str) -> None:
    """A node group gets a role of its own that has the same policies."""
    raw = e.raw("roles", NODE_ROLE)
    arn = f"arn:aws:iam::{ACCOUNT}:role/{name}"
    e.put("roles", {**raw, "RoleName": name, "Arn": arn, "RoleId": "AROAOTHER"})
    e.set("nodegroups", group, "nodeRole", arn)


def managed_without(arn: str, action: str) -> Callable[[Edits], object]:
    """An action is taken out of a managed policy."""

    def how(raw: Raw) -> None:
        for one in raw["PolicyVersionList"][0]["Document"]["Statement"]:
            one["Action"] = [name for name in one["Action"] if name != action]

    return lambda e: e.change("policies", arn, how)


def _no_agent(e: Edits) -> None:
    e.delete("daemonsets", AGENT)
    e.delete("addons", "eks-pod-identity-agent")
    e.delete("addon-names", "eks-pod-identity-agent")


def _fargate(selector: Raw) -> Callable[[Edits], object]:
    def how(e: Edits) -> None:
        e.put("fargate-profile-names", {"name": "fp"})
        e.put(
            "fargate-profiles",
            {
                "fargateProfileName": "fp",
                "clusterName": CLUSTER,
                "status": "ACTIVE",
                "podExecutionRoleArn": f"arn:aws:iam::{ACCOUNT}:role/fargate",
                "subnets": [],
                "selectors": [selector],
            },
        )

    return how


AGENTS: tuple[Mutant, ...] = (
    m("kubernetes-version", "1.23", lambda e: e.set("clusters", CLUSTER, "version", "1.23")),
    m("kubernetes-version", "1.9-is-less-than-1.24", lambda e: e.set("clusters", CLUSTER, "version", "1.9")),
    m(
        "platform-version",
        "1.24-eks.12",
        lambda e: (
            e.set("clusters", CLUSTER, "version", "1.24"),
            e.set("clusters", CLUSTER, "platformVersion", "eks.12"),
        ),
    ),
    m(
        "platform-version",
        "1.30-eks.1",
        lambda e: (
            e.set("clusters", CLUSTER, "version", "1.30"),
            e.set("clusters", CLUSTER, "platformVersion", "eks.1"),
        ),
    ),
    m("pod-identity-agent", "none", _no_agent),
    m("pod-identity-agent", "add-on-without-pods", lambda e: e.delete("daemonsets", AGENT), verdict="unknown"),
    m("pod-identity-agent", "degraded", lambda e: e.set("addons", "eks-pod-identity-agent", "status", "DEGRADED")),
    m(
        "pod-identity-agent",
        "create-failed",
        lambda e: e.set("addons", "eks-pod-identity-agent", "status", "CREATE_FAILED"),
    ),
    m("pod-identity-agent", "one-pod-not-ready", lambda e: e.set("daemonsets", AGENT, "status/numberReady", 2)),
    m(
        "pod-identity-agent-coverage",
        "tolerates-nothing",
        lambda e: e.pod_spec("daemonsets", AGENT, lambda spec: spec.update(tolerations=[])),
    ),
    m(
        "pod-identity-agent-coverage",
        "only-on-system-nodes",
        lambda e: e.pod_spec(
            "daemonsets", AGENT, lambda spec: spec.update(nodeSelector={"nodeGroup": "system-worker"})
        ),
    ),
    m(
        "pod-identity-agent-coverage",
        "switched-off-by-selector",
        lambda e: e.pod_spec("daemonsets", AGENT, lambda spec: spec.update(nodeSelector={"none": "true"})),
    ),
    m("pod-identity-node-role", "action-missing", managed_without(WORKER_POLICY, EKS_AUTH)),
    m("pod-identity-node-role", "denied", lambda e: e.deny(NODE_ROLE, "eks-auth:*")),
    m("pod-identity-node-role", "denied-in-other-case", lambda e: e.deny(NODE_ROLE, "EKS-Auth:assumeRole*")),
    m("pod-identity-node-role", "boundary", lambda e: e.bounded(NODE_ROLE, allow(["ec2:*", "eks:*", "ecr:*"]))),
    m(
        "pod-identity-node-role",
        "gpu-groups-own-role",
        lambda e: (own_role(e, "gpu", "gpu-node"), e.deny("gpu-node", EKS_AUTH)),
    ),
    m(
        "pod-identity-node-role",
        "denied-but-for-one",
        lambda e: e.also(NODE_ROLE, {"Effect": "Deny", "NotAction": ["ec2:*", "ecr:*", "eks:*"], "Resource": "*"}),
    ),
    m("pod-identity-node-type", "fargate", _fargate({"namespace": PROD})),
    m(
        "pod-identity-node-type",
        "fargate-by-wildcards",
        _fargate({"namespace": "asya-p*", "labels": {"asya.sh/actor": "ll?"}}),
    ),
    m(
        "pod-identity-node-type",
        "windows",
        lambda e: e.pod_spec(
            "deployments", f"{PROD}/llm", lambda spec: spec.update(nodeSelector={"kubernetes.io/os": "windows"})
        ),
    ),
)

ACCOUNTS = {
    "keda": ("keda/keda-operator", "keda-operator", "keda"),
    "cluster-autoscaler": ("kube-system/cluster-autoscaler", "cluster-autoscaler", "kube-system"),
    "operator": ("asya-system/asya-operator", "asya-operator", "asya-system"),
    "actor": (f"{PROD}/asya-llm", "asya-actor", PROD),
    "gateway": (f"{PROD}/asya-gateway", "asya-gateway", PROD),
}
"""By the beginning of a requirement's id: a service account, its role and its namespace."""


def _associations(who: str) -> list[Mutant]:
    account, role, namespace = ACCOUNTS[who]
    name = f"{who}-association"
    arn = f"arn:aws:iam::{ACCOUNT}:role"

    def changed(**values: str) -> Callable[[Edits], object]:
        def how(e: Edits) -> None:
            for kind in ("pod-identity-associations", "pod-identity-association-ids"):
                shared = {key: value for key, value in values.items() if kind.endswith("s") or key != "roleArn"}
                if kind == "pod-identity-association-ids":
                    shared.pop("roleArn", None)
                if shared:
                    e.change(kind, e.association(account), lambda raw, new=shared: raw.update(new))

        return how

    return [
        m(name, "none", lambda e: e.unassociate(account)),
        m(name, "of-another-namespace", changed(namespace=f"{namespace}-2")),
        m(name, "of-another-account", changed(serviceAccount=account.partition("/")[2].upper())),
        m(name, "of-another-cluster", changed(clusterName="asya-demo-2")),
        m(name, "to-a-role-that-is-not-there", changed(roleArn=f"{arn}/gone")),
        m(name, "role-deleted", lambda e: e.delete("roles", role)),
    ]


def _trusts(who: str) -> list[Mutant]:
    _, role, _ = ACCOUNTS[who]
    name = f"{who}-trust"

    def with_condition(**condition: Raw) -> Callable[[Edits], object]:
        return lambda e: e.trust(role, {**POD_IDENTITY, "Condition": condition})

    return [
        m(name, "assume-role-alone", lambda e: e.trust(role, {**POD_IDENTITY, "Action": "sts:AssumeRole"})),
        m(name, "tag-session-alone", lambda e: e.trust(role, {**POD_IDENTITY, "Action": ["sts:TagSession"]})),
        m(name, "ec2", lambda e: e.trust(role, {**POD_IDENTITY, "Principal": {"Service": "ec2.amazonaws.com"}})),
        m(
            name,
            "older-service",
            lambda e: e.trust(role, {**POD_IDENTITY, "Principal": {"Service": "eks.amazonaws.com"}}),
        ),
        m(
            name,
            "denied-too",
            lambda e: e.trust(role, POD_IDENTITY, {**POD_IDENTITY, "Effect": "Deny", "Action": "sts:TagSession"}),
        ),
        m(name, "other-namespace", with_condition(StringEquals={"aws:RequestTag/kubernetes-namespace": "staging"})),
        m(name, "other-account", with_condition(StringEquals={"aws:SourceAccount": "999999999999"})),
        m(
            name,
            "other-cluster",
            with_condition(ArnEquals={"aws:SourceArn": f"arn:aws:eks:{REGION}:{ACCOUNT}:cluster/asya-demo-2"}),
        ),
        m(
            name,
            "pattern-without-like",
            with_condition(StringEquals={"aws:RequestTag/kubernetes-service-account": "*"}),
        ),
        m(
            name,
            "two-statements-one-each",
            lambda e: e.trust(
                role,
                {**POD_IDENTITY, "Action": "sts:AssumeRole"},
                {**POD_IDENTITY, "Action": "sts:TagSession", "Principal": {"Service": "ec2.amazonaws.com"}},
            ),
        ),
    ]


IDENTITIES: tuple[Mutant, ...] = (
    *(item for who in ACCOUNTS for made in (_associations(who), _trusts(who)) for item in made),
    m(
        "cluster-autoscaler-association",
        "the-charts-own-account",
        lambda e: e.pod_spec("deployments", CA, lambda spec: spec.update(serviceAccountName=CA.partition("/")[2])),
    ),
    m(
        "keda-association",
        "role-of-another-account",
        lambda e: e.set(
            "pod-identity-associations",
            e.association("keda/keda-operator"),
            "roleArn",
            "arn:aws:iam::999999999999:role/keda-operator",
        ),
    ),
    m("actor-association", "one-actor-without", lambda e: e.unassociate(f"{PROD}/asya-happy-end")),
    m(
        "actor-association",
        "default-account",
        lambda e: e.pod_spec("deployments", f"{PROD}/llm", lambda spec: spec.pop("serviceAccountName")),
    ),
    m(
        "gateway-association",
        "account-after-the-release",
        lambda e: e.pod_spec(
            "deployments", f"{PROD}/asya-gateway", lambda spec: spec.update(serviceAccountName="prod-asya-gateway")
        ),
    ),
)

CREDENTIAL = "AWS_CONTAINER_CREDENTIALS_FULL_URI"


def _pod(e: Edits, name: str) -> str:
    return next(key for key in e.keys("pods") if key.startswith(f"{PROD}/{name}-"))


def _strip(*containers: str) -> Callable[[Edits], object]:
    def how(e: Edits) -> None:
        def drop(raw: Raw) -> None:
            for one in raw["spec"]["containers"]:
                if one["name"] in containers:
                    one["env"] = [item for item in one["env"] if item["name"] != CREDENTIAL]

        e.change("pods", _pod(e, "happy-end"), drop)

    return how


ISSUER = f"oidc.eks.{REGION}.amazonaws.com/id/AAE46340744535C5DD98BB2FC7223F4C"
PROVIDER = f"arn:aws:iam::{ACCOUNT}:oidc-provider/{ISSUER}"


def federated(
    sub: str = f"system:serviceaccount:{PROD}:asya-llm", aud: str = "sts.amazonaws.com", like: bool = False
) -> Raw:
    """A statement that trusts a service account by IRSA."""
    values = {f"{ISSUER}:sub": sub} | ({f"{ISSUER}:aud": aud} if aud else {})
    return {
        "Effect": "Allow",
        "Principal": {"Federated": PROVIDER},
        "Action": "sts:AssumeRoleWithWebIdentity",
        "Condition": {"StringLike" if like else "StringEquals": values},
    }


def _federated(**changes: object) -> Callable[[Edits], object]:
    return lambda e: e.trust("asya-actor", POD_IDENTITY, {**federated(), **changes})


IRSA: tuple[Mutant, ...] = (
    m("actor-credentials", "none", _strip("asya-sidecar", "asya-runtime")),
    m("actor-credentials", "sidecar-alone-lacks-them", _strip("asya-sidecar")),
    m("oidc-provider", "none", lambda e: e.delete("open-id-connect-providers", ISSUER), base="irsa"),
    m(
        "oidc-provider",
        "of-another-cluster",
        lambda e: (
            e.change(
                "open-id-connect-providers",
                ISSUER,
                lambda raw: raw.update(Url=raw["Url"].replace("AAE4", "BBE4"), Arn=raw["Arn"].replace("AAE4", "BBE4")),
            ),
            e.delete("open-id-connect-providers", ISSUER),
        ),
        base="irsa",
    ),
    m(
        "oidc-client",
        "other",
        lambda e: e.set("open-id-connect-providers", ISSUER, "ClientIDList", ["sts.amazonaws.com.cn"]),
        base="irsa",
    ),
    m("oidc-client", "none", lambda e: e.set("open-id-connect-providers", ISSUER, "ClientIDList", []), base="irsa"),
    m(
        "oidc-thumbprint",
        "none",
        lambda e: e.set("open-id-connect-providers", ISSUER, "ThumbprintList", []),
        base="irsa",
    ),
    m("irsa-trust", "no-statement", lambda e: e.trust("asya-actor", POD_IDENTITY), base="irsa"),
    m(
        "irsa-trust",
        "sub-of-another-account",
        lambda e: e.trust("asya-actor", POD_IDENTITY, federated(f"system:serviceaccount:{PROD}:asya-other")),
        base="irsa",
    ),
    m(
        "irsa-trust",
        "sub-of-another-namespace",
        lambda e: e.trust("asya-actor", POD_IDENTITY, federated("system:serviceaccount:default:asya-llm")),
        base="irsa",
    ),
    m(
        "irsa-trust",
        "pattern-without-like",
        lambda e: e.trust("asya-actor", POD_IDENTITY, federated("system:serviceaccount:*:asya-*")),
        base="irsa",
    ),
    m(
        "irsa-trust",
        "aud",
        lambda e: e.trust("asya-actor", POD_IDENTITY, federated(aud="sts.amazonaws.com.cn")),
        base="irsa",
    ),
    m("irsa-trust", "action", _federated(Action="sts:AssumeRole"), base="irsa"),
    m(
        "irsa-trust",
        "provider-of-another-cluster",
        _federated(Principal={"Federated": PROVIDER.replace("AAE4", "BBE4")}),
        base="irsa",
    ),
    m(
        "irsa-trust",
        "provider-of-another-account",
        _federated(Principal={"Federated": PROVIDER.replace(ACCOUNT, "999999999999")}),
        base="irsa",
    ),
    m(
        "irsa-trust",
        "denied-too",
        lambda e: e.trust("asya-actor", POD_IDENTITY, federated(), {**federated(), "Effect": "Deny"}),
        base="irsa",
    ),
    m("irsa-audience", "none", lambda e: e.trust("asya-actor", POD_IDENTITY, federated(aud="")), base="irsa"),
    m(
        "one-identity",
        "annotation-beside-the-association",
        lambda e: (
            e.trust("asya-actor", POD_IDENTITY, federated()),
            e.irsa(f"{PROD}/asya-llm", f"arn:aws:iam::{ACCOUNT}:role/asya-actor"),
        ),
    ),
    m(
        "pod-identity-in-use",
        "irsa",
        lambda e: (
            e.trust("asya-actor", POD_IDENTITY, federated()),
            e.unassociate(f"{PROD}/asya-llm"),
            e.irsa(f"{PROD}/asya-llm", f"arn:aws:iam::{ACCOUNT}:role/asya-actor"),
        ),
    ),
)

MUTANTS = (*AGENTS, *IDENTITIES, *IRSA)
