"""Mutants of the VPC and of Pod Security."""

# Edits stand in tuples, so that one expression makes several; mypy infers no lambda with defaults.
# mypy: disable-error-code="func-returns-value, misc"

from __future__ import annotations

from collections.abc import Callable

from tests.asya.world import CLUSTER, PROD, Edits, Mutant, Raw, m

Edit = Callable[[Edits], object]
NAMES = {
    name: f"asya-demo-{name}"
    for name in (*(f"{kind}-{zone}" for kind in ("system", "gpu", "public") for zone in "abc"),)
}


def subnet(e: Edits, name: str) -> str:
    """The id of a subnet by its name."""
    for key in e.keys("subnets"):
        if {"Key": "Name", "Value": NAMES[name]} in e.raw("subnets", key)["Tags"]:
            return key
    raise AssertionError(f"the world has no subnet {name}")


def table(e: Edits, name: str) -> str:
    """The id of a route table by its name: ``main``, ``public``, ``private-a``."""
    for key in e.keys("route-tables"):
        if {"Key": "Name", "Value": f"asya-demo-{name}"} in e.raw("route-tables", key)["Tags"]:
            return key
    raise AssertionError(f"the world has no route table {name}")


def routed(name: str, **target: object) -> Edit:
    """Another target of a table's default route; none: no such route."""

    def how(e: Edits) -> None:
        def change(raw: Raw) -> None:
            raw["Routes"] = [one for one in raw["Routes"] if one.get("DestinationCidrBlock") != "0.0.0.0/0"]
            if target:
                raw["Routes"].append(
                    {"DestinationCidrBlock": "0.0.0.0/0", "Origin": "CreateRoute", "State": "active", **target}
                )

        e.change("route-tables", table(e, name), change)

    return how


def _internet(e: Edits) -> str:
    for route in e.raw("route-tables", table(e, "public"))["Routes"]:
        if route.get("GatewayId", "").startswith("igw-"):
            return str(route["GatewayId"])
    raise AssertionError("the world has no internet gateway")


def _nat(e: Edits) -> str:
    return e.keys("nat-gateways")[0]


def nat(path: str, value: object) -> Edit:
    """A change of one NAT gateway."""
    return lambda e: e.set("nat-gateways", _nat(e), path, value)


def _subnets_of_cluster(*names: str) -> Edit:
    return lambda e: e.set("clusters", CLUSTER, "resourcesVpcConfig/subnetIds", [subnet(e, name) for name in names])


def _one_zone(e: Edits) -> None:
    for key in e.keys("subnets"):
        if e.raw("subnets", key)["AvailabilityZone"] != "eu-west-1a":
            e.change(
                "subnets", key, lambda raw: raw.update(AvailabilityZone="eu-west-1a", AvailabilityZoneId="euw1-az1")
            )


def _public_nodes(e: Edits) -> None:
    e.change("nodegroups", "gpu", lambda raw: raw["subnets"].append(subnet(e, "public-a")))
    for key in e.keys("auto-scaling-groups"):
        if key.startswith("eks-gpu-"):
            e.change(
                "auto-scaling-groups",
                key,
                lambda raw: raw.update(VPCZoneIdentifier=f"{raw['VPCZoneIdentifier']},{subnet(e, 'public-a')}"),
            )


def _unassociated(e: Edits) -> None:
    """A subnet of nodes has no table of its own, and the main one leads to the internet."""
    gpu = subnet(e, "gpu-a")
    e.change(
        "route-tables",
        table(e, "private-a"),
        lambda raw: raw.update(Associations=[a for a in raw["Associations"] if a["SubnetId"] != gpu]),
    )
    routed("main", GatewayId=_internet(e))(e)


def tagged(name: str, *tags: Raw) -> Edit:
    """A subnet with other tags of roles."""
    return lambda e: e.change(
        "subnets",
        subnet(e, name),
        lambda raw: raw.update(Tags=[t for t in raw["Tags"] if "role/" not in t["Key"]] + list(tags)),
    )


VPC: tuple[Mutant, ...] = (
    m("cluster-zones", "one", _subnets_of_cluster("system-a", "gpu-a")),
    m("cluster-zones", "one-subnet", _subnets_of_cluster("system-b")),
    m("node-zones", "one", _one_zone),
    m("private-subnets", "route-to-the-internet", lambda e: routed("private-a", GatewayId=_internet(e))(e)),
    m("private-subnets", "main-table", _unassociated),
    m("private-subnets", "one-public-subnet", _public_nodes),
    m("way-out", "no-route", routed("private-b")),
    m("way-out", "gateway-failed", nat("State", "failed")),
    m("way-out", "gateway-deleted", lambda e: e.delete("nat-gateways", _nat(e))),
    m("way-out", "gateway-is-private", nat("ConnectivityType", "private"), verdict="unknown"),
    m(
        "way-out",
        "gateway-in-a-private-subnet",
        lambda e: e.set("nat-gateways", _nat(e), "SubnetId", subnet(e, "gpu-b")),
    ),
    m("way-out", "route-is-a-blackhole", lambda e: routed("private-a", NatGatewayId=_nat(e), State="blackhole")(e)),
    m("subnet-tags", "private-untagged", tagged("system-a")),
    m("subnet-tags", "private-tagged-as-public", tagged("system-b", {"Key": "kubernetes.io/role/elb", "Value": "1"})),
    m("subnet-tags", "other-value", tagged("system-b", {"Key": "kubernetes.io/role/internal-elb", "Value": "0"})),
    m("free-addresses", "none", lambda e: e.set("subnets", subnet(e, "gpu-b"), "AvailableIpAddressCount", 0)),
)


def labels(**changes: str | None) -> Edit:
    """Other labels of the actors' namespace; ``_`` stands for ``-``."""

    def how(raw: Raw) -> None:
        found = raw["metadata"]["labels"]
        for name, value in changes.items():
            key = f"pod-security.kubernetes.io/{name.replace('_', '-')}"
            found.pop(key, None)
            if value is not None:
                found[key] = value

    return lambda e: e.change("namespaces", PROD, how)


def secured(key: str, index: int, **changes: object) -> Edit:
    """Another security context of one container; None takes a field away."""

    def how(spec: Raw) -> None:
        context = spec["containers"][index]["securityContext"]
        for name, value in changes.items():
            context.pop(name, None)
            if value is not None:
                context[name] = value

    return lambda e: e.pod_spec("deployments", f"{PROD}/{key}", how)


def spec(key: str, **changes: object) -> Edit:
    """Other fields of a Deployment's pods."""
    return lambda e: e.pod_spec("deployments", f"{PROD}/{key}", lambda raw: raw.update(changes))


ADD = {"drop": ["ALL"], "add": ["NET_ADMIN"]}

SECURITY: tuple[Mutant, ...] = (
    m("pod-security-enforced", "none", labels(enforce=None)),
    m("pod-security-enforced", "baseline", labels(enforce="baseline")),
    m("pod-security-enforced", "warns-alone", labels(enforce=None, warn="restricted", audit="restricted")),
    *(
        item
        for name, key in (("pod-security-admitted", "llm"), ("gateway-pod-security-admitted", "asya-gateway"))
        for item in (
            m(
                name,
                "no-context",
                lambda e, k=key: e.pod_spec(
                    "deployments", f"{PROD}/{k}", lambda raw: raw["containers"][0].pop("securityContext")
                ),
            ),
            m(name, "may-be-root", secured(key, 0, runAsNonRoot=None)),
            m(name, "is-root", secured(key, 0, runAsUser=0)),
            m(name, "may-escalate", secured(key, 0, allowPrivilegeEscalation=None)),
            m(name, "keeps-capabilities", secured(key, 0, capabilities={"drop": ["NET_RAW"]})),
            m(name, "adds-a-capability", secured(key, 0, capabilities=ADD)),
            m(name, "no-seccomp", secured(key, 0, seccompProfile=None)),
            m(name, "seccomp-unconfined", secured(key, 0, seccompProfile={"type": "Unconfined"})),
            m(name, "privileged", secured(key, 0, privileged=True)),
            m(name, "hosts-processes", spec(key, hostPID=True)),
            m(name, "hosts-disk", spec(key, volumes=[{"name": "socket-dir", "hostPath": {"path": "/"}}])),
            m(name, "init-container", spec(key, initContainers=[{"name": "init", "image": "postgres:15-alpine"}])),
        )
    ),
    m("pod-security-admitted", "second-container", secured("happy-end", 1, runAsNonRoot=False)),
)

MUTANTS = (*VPC, *SECURITY)
