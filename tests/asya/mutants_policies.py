"""Mutants of NetworkPolicies, of security groups on their way, and of the metadata service."""

# Edits stand in tuples, so that one expression makes several.
# mypy: disable-error-code="func-returns-value"

from __future__ import annotations

from collections.abc import Callable

from tests.asya.breaking import group
from tests.asya.world import PROD, Edits, Mutant, Raw, m

Edit = Callable[[Edits], object]
ACTORS: Raw = {"matchExpressions": [{"key": "asya.sh/actor", "operator": "Exists"}]}
IMDS = "169.254.169.254/32"


def without_rule(index: int) -> Edit:
    """The actors' policy without one of its rules: DNS, HTTPS, agent, gateway."""
    return lambda e: e.egress(lambda found: found.pop(index))


def opened(
    cidr: str,
    port: int | None = 80,
    *,
    last: int = 0,
    without: tuple[str, ...] = (),
    selects: Raw | None = None,
    protocol: str = "TCP",
) -> Edit:
    """One more policy that admits a range."""
    ports = [] if port is None else [{"protocol": protocol, "port": port, **({"endPort": last} if last else {})}]
    rule: Raw = {"to": [{"ipBlock": {"cidr": cidr, **({"except": list(without)} if without else {})}}]}
    if ports:
        rule["ports"] = ports
    return lambda e: e.policy(
        "more", {"podSelector": ACTORS if selects is None else selects, "policyTypes": ["Egress"], "egress": [rule]}
    )


def widened(cidr: str, port: int | None = 80, *, last: int = 0, selects: Raw | None = None) -> Edit:
    """One more policy that admits a range, beside one that excepts nothing.

    What the agent of the VPC CNI makes of an exception that another rule admits depends on its version.
    """

    def how(e: Edits) -> None:
        e.egress(lambda found: found[1]["to"][0]["ipBlock"].pop("except"))
        opened(cidr, port, last=last, selects=selects)(e)

    return how


def _agent(value: str) -> Edit:
    def how(spec: Raw) -> None:
        for one in spec["containers"]:
            if one["name"] == "aws-eks-nodeagent":
                one["args"] = [word.replace("policy=true", f"policy={value}") for word in one["args"]]

    def both(e: Edits) -> None:
        e.pod_spec("daemonsets", "kube-system/aws-node", how)
        for key in e.keys("pods"):
            if key.startswith("kube-system/aws-node-"):
                e.change("pods", key, lambda raw: how(raw["spec"]))

    return both


def _no_agent_container(e: Edits) -> None:
    def how(spec: Raw) -> None:
        spec["containers"] = [one for one in spec["containers"] if one["name"] != "aws-eks-nodeagent"]

    e.pod_spec("daemonsets", "kube-system/aws-node", how)
    for key in e.keys("pods"):
        if key.startswith("kube-system/aws-node-"):
            e.change("pods", key, lambda raw: how(raw["spec"]))


def _rule(index: int, **changes: object) -> Edit:
    return lambda e: e.egress(lambda found: found[index].update(changes))


def _selects(selector: Raw) -> Edit:
    return lambda e: e.set("networkpolicies", f"{PROD}/actors-egress", "spec/podSelector", selector)


def _host(e: Edits) -> None:
    e.pod_spec("deployments", f"{PROD}/llm", lambda spec: spec.update(hostNetwork=True))


def ingress(*rules: Raw, selects: Raw, namespace: str = PROD) -> Edit:
    """One more policy for what comes in."""
    return lambda e: e.policy(
        "in", {"podSelector": selects, "policyTypes": ["Ingress"], "ingress": list(rules)}, namespace
    )


def _peer_port(port: int) -> Edit:
    """Security groups do not admit a port from nodes to nodes of the other group."""

    def how(e: Edits) -> None:
        for key in e.keys("security-groups"):
            raw = e.raw("security-groups", key)
            kept = [p for p in raw["IpPermissions"] if p.get("FromPort") != port]
            if kept != raw["IpPermissions"]:
                e.put("security-groups", {**raw, "IpPermissions": kept})
        for key in e.keys("security-group-rules"):
            if e.raw("security-group-rules", key).get("FromPort") == port:
                e.delete("security-group-rules", key)

    return how


POLICIES: tuple[Mutant, ...] = (
    m("actor-network-policy", "none", lambda e: e.delete("networkpolicies", f"{PROD}/actors-egress")),
    m(
        "actor-network-policy",
        "crew-alone",
        _selects(
            {"matchExpressions": [{"key": "asya.sh/actor", "operator": "In", "values": ["happy-end", "error-end"]}]}
        ),
    ),
    m(
        "actor-network-policy",
        "ingress-alone",
        lambda e: e.set("networkpolicies", f"{PROD}/actors-egress", "spec/policyTypes", ["Ingress"]),
    ),
    m(
        "actor-network-policy",
        "in-another-namespace",
        lambda e: (
            e.policy("actors-egress", e.raw("networkpolicies", f"{PROD}/actors-egress")["spec"], "default"),
            e.delete("networkpolicies", f"{PROD}/actors-egress"),
        ),
    ),
    m("network-policies-enforced", "agent-off", _agent("false")),
    m("network-policies-enforced", "no-agent", _no_agent_container),
    m(
        "actor-imds-blocked",
        "no-exception",
        lambda e: (
            e.egress(
                lambda found: found[1].update(ports=[{"protocol": "TCP", "port": 443}, {"protocol": "TCP", "port": 80}])
            ),
            e.egress(lambda found: found[1]["to"][0]["ipBlock"].pop("except")),
        ),
        base="hops",
    ),
    m("actor-imds-blocked", "second-policy-of-everything", widened("0.0.0.0/0", None), base="hops"),
    m(
        "actor-imds-blocked",
        "second-policy-of-one-actor",
        widened("0.0.0.0/0", 80, selects={"matchLabels": {"asya.sh/actor": "llm"}}),
        base="hops",
    ),
    m("actor-imds-blocked", "admitted-beside-an-exception", opened("0.0.0.0/0", None), verdict="unknown", base="hops"),
    m("actor-imds-blocked", "link-local-range", widened("169.254.0.0/16", 80), base="hops"),
    m("actor-imds-blocked", "range-of-ports", widened("0.0.0.0/0", 1, last=1023), base="hops"),
    m(
        "actor-imds-blocked",
        "other-exception",
        opened("169.254.0.0/16", 80, without=("169.254.170.0/24",)),
        base="hops",
        verdict="unknown",
    ),
    m("actor-imds-blocked", "all-pods-of-the-namespace", widened(IMDS, 80, selects={}), base="hops"),
    m(
        "actor-imds-blocked",
        "no-peers-in-a-rule",
        lambda e: (
            e.egress(lambda found: found[1]["to"][0]["ipBlock"].pop("except")),
            e.policy(
                "more",
                {
                    "podSelector": ACTORS,
                    "policyTypes": ["Egress"],
                    "egress": [{"ports": [{"protocol": "TCP", "port": 80}]}],
                },
            ),
        ),
        base="hops",
    ),
    m("actor-imds-blocked", "hosts-network", _host),
    m(
        "actor-imds-blocked",
        "one-hop-without-tokens",
        lambda e: (widened("0.0.0.0/0", 80)(e), _template(HttpTokens="optional")(e), _eks_template(e)),
    ),
    m("actor-imds-blocked", "policies-not-enforced", _agent("false"), base="hops"),
    m("actor-agent-reachable", "no-rule", without_rule(2)),
    m("actor-agent-reachable", "other-address", _rule(2, to=[{"ipBlock": {"cidr": "169.254.170.2/32"}}])),
    m("actor-agent-reachable", "other-port", _rule(2, ports=[{"protocol": "TCP", "port": 8080}])),
    m("actor-agent-reachable", "other-protocol", _rule(2, ports=[{"protocol": "UDP", "port": 80}])),
    m(
        "actor-agent-reachable",
        "excepted",
        _rule(2, to=[{"ipBlock": {"cidr": "169.254.0.0/16", "except": ["169.254.170.0/24", IMDS]}}]),
    ),
    m("actor-dns", "no-rule", without_rule(0)),
    m("actor-dns", "tcp-alone", _rule(0, ports=[{"protocol": "TCP", "port": 53}])),
    m(
        "actor-dns",
        "other-namespace",
        _rule(0, to=[{"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "kube-dns"}}}]),
    ),
    m("actor-dns", "own-namespace", _rule(0, to=[{"podSelector": {"matchLabels": {"k8s-app": "kube-dns"}}}])),
    m(
        "actor-dns",
        "dns-admits-others-alone",
        ingress(
            {"from": [{"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "default"}}}]},
            selects={"matchLabels": {"k8s-app": "kube-dns"}},
            namespace="kube-system",
        ),
    ),
    m(
        "actor-dns-tcp",
        "dns-admits-udp-alone",
        ingress(
            {"ports": [{"protocol": "UDP", "port": 53}]},
            selects={"matchLabels": {"k8s-app": "kube-dns"}},
            namespace="kube-system",
        ),
    ),
    m("actor-dns-tcp", "udp-alone", _rule(0, ports=[{"protocol": "UDP", "port": 53}])),
    m("actor-egress-aws", "no-rule", without_rule(1)),
    m("actor-egress-aws", "http-alone", _rule(1, ports=[{"protocol": "TCP", "port": 80}])),
    m("actor-egress-aws", "udp", _rule(1, ports=[{"protocol": "UDP", "port": 443}])),
    m("actor-egress-aws", "own-vpc-alone", _rule(1, to=[{"ipBlock": {"cidr": "10.0.0.0/16"}}])),
    m("actor-egress-aws", "pods-alone", _rule(1, to=[{"namespaceSelector": {}}])),
    m("actor-gateway-egress", "no-rule", without_rule(3)),
    m("actor-gateway-egress", "services-port-alone", _rule(3, ports=[{"protocol": "TCP", "port": 80}])),
    m(
        "actor-gateway-egress",
        "other-pods",
        _rule(3, to=[{"podSelector": {"matchLabels": {"app.kubernetes.io/name": "gateway"}}}]),
    ),
    m(
        "actor-gateway-egress",
        "gateway-admits-others-alone",
        ingress(
            {"from": [{"podSelector": {"matchLabels": {"app": "web"}}}]},
            selects={"matchLabels": {"app.kubernetes.io/name": "asya-gateway"}},
        ),
    ),
    m("actor-gateway-egress", "security-group", _peer_port(8080)),
    m("keda-metrics-from-control-plane", "security-group", _peer_port(6443)),
    m(
        "keda-metrics-from-control-plane",
        "policy",
        ingress(selects={"matchLabels": {"app": "keda-operator-metrics-apiserver"}}, namespace="keda"),
    ),
    m("keda-admission-from-control-plane", "security-group", _peer_port(9443)),
    m(
        "keda-admission-from-control-plane",
        "policy",
        ingress(selects={"matchLabels": {"app": "keda-admission-webhooks"}}, namespace="keda"),
    ),
)


def _instance(path: str, value: object) -> Edit:
    return lambda e: e.set("instances", e.keys("instances")[1], f"MetadataOptions/{path}", value)


def _template(**changes: object) -> Edit:
    def how(e: Edits) -> None:
        for key in e.keys("launch-template-versions"):
            if e.raw("launch-template-versions", key)["LaunchTemplateName"] == "asya-demo-gpu":
                e.change(
                    "launch-template-versions",
                    key,
                    lambda raw: raw["LaunchTemplateData"]["MetadataOptions"].update(changes),
                )

    return how


def _eks_template(e: Edits) -> None:
    """What EKS makes of the node group's template for the Auto Scaling group."""
    for key in e.keys("launch-template-versions"):
        raw = e.raw("launch-template-versions", key)
        if raw["LaunchTemplateData"].get("InstanceType") == "g5.xlarge":
            e.change(
                "launch-template-versions",
                key,
                lambda raw: raw["LaunchTemplateData"]["MetadataOptions"].update(HttpTokens="optional"),
            )


def _second_version(e: Edits) -> None:
    """The node group uses a version of its launch template that says nothing about metadata; the first one does."""
    for key in e.keys("launch-template-versions"):
        raw = e.raw("launch-template-versions", key)
        if raw["LaunchTemplateName"] == "asya-demo-gpu":
            del raw["LaunchTemplateData"]["MetadataOptions"]
            e.put("launch-template-versions", {**raw, "VersionNumber": 2})
    group("launchTemplate/version", "2")(e)


METADATA: tuple[Mutant, ...] = (
    m("node-metadata-tokens", "optional", _instance("HttpTokens", "optional")),
    m(
        "node-metadata-tokens",
        "not-said",
        lambda e: e.drop("instances", e.keys("instances")[0], "MetadataOptions/HttpTokens"),
    ),
    m("node-metadata-hops", "two", _instance("HttpPutResponseHopLimit", 2)),
    m("node-metadata-template", "two-hops", _template(HttpPutResponseHopLimit=2)),
    m("node-metadata-template", "optional", _template(HttpTokens="optional")),
    m("node-metadata-template", "version-in-use", _second_version),
)
MUTANTS = (*POLICIES, *METADATA)
