"""Reports made by hand: what the demo's world comes to, and what a hostile cluster would put into one."""

# ruff: noqa: FBT003 - records, in the order of their fields
from __future__ import annotations

import msgspec

from clusterproof.checks.counting import count, exit_status
from clusterproof.checks.finding import SCHEMA, Finding, Matrix, MatrixCell, Odds, Report, RowOdds, Side
from clusterproof.checks.head import ClusterLine, GroupLine, ParameterLine, ProfileLine
from clusterproof.checks.mended import Change, Fix, Opening
from clusterproof.profiles.model import Document, Level, Source
from clusterproof.reach.trace import Hop, Layer, Outcome
from clusterproof.snapshot.fields import Cause, Ref, Unknown
from clusterproof.verdict.algebra import Tally, Verdict

SYSTEM, GPU, CUSTOMER = "sg-0b2c4d6e8f0a1b2c3", "sg-0a1b2c3d4e5f60718", "sg-0c3d5e7f901a2b3c4"
RULES = Source("EKS Dynamo Networking Prerequisites", "Required Security Group Rules")


def way(
    service: str, address: str, port: int, *, group: str = GPU, name: str = "gpu-nodes", works: bool = False
) -> tuple[Hop, ...]:
    """A packet's way from a node group to a Service on the system nodes."""
    system = f"{SYSTEM} (system-nodes)"
    enter = (
        Hop(
            Layer.GROUP_INGRESS,
            Outcome.WORKS,
            system,
            "admits all traffic from itself",
            (Ref("security-groups", SYSTEM, "IpPermissions[0]"),),
        )
        if works
        else Hop(
            Layer.GROUP_INGRESS,
            Outcome.BLOCKED,
            system,
            f"none of its 6 rules admits tcp {port} from {group}; closest: tcp 443 from {group}",
            (Ref("security-groups", SYSTEM, "IpPermissions"),),
        )
    )
    return (
        Hop(
            Layer.DNS,
            Outcome.WORKS,
            "CoreDNS",
            f"{service}.svc is 172.20.14.9",
            (Ref("services", service.replace(".", "/")),),
        ),
        Hop(Layer.SERVICE, Outcome.WORKS, service, f"172.20.14.9:{port} becomes {address}:{port}, 1 endpoint"),
        Hop(Layer.POLICY_EGRESS, Outcome.WORKS, "no NetworkPolicy", "none selects the client for egress"),
        Hop(
            Layer.GROUP_EGRESS,
            Outcome.WORKS,
            f"{group} ({name})",
            "admits all traffic to 0.0.0.0/0",
            (Ref("security-groups", group, "IpPermissionsEgress[0]", "-1 0.0.0.0/0"),),
        ),
        Hop(Layer.ROUTE, Outcome.WORKS, "rtb-0123456789abcdef0", "10.0.0.0/16 is local"),
        enter,
        Hop(Layer.POLICY_INGRESS, Outcome.WORKS, "no NetworkPolicy", "none selects the server for ingress"),
    )


def blocked(identity: str, service: str, address: str, port: int) -> Finding:
    """A port that the GPU nodes cannot reach: one client group, one server group."""
    path = way(f"dynamo.{service}", address, port)
    rule = f"IpProtocol=tcp,FromPort={port},ToPort={port},UserIdGroupPairs=[{{GroupId={GPU},Description=clusterproof}}]"
    return Finding(
        id=f"dynamo/{identity}",
        verdict=Verdict.FAIL,
        level=Level.MUST,
        title=f"Dynamo workers reach {service}",
        summary=f"gpu cannot reach {service}:{port}",
        source=RULES,
        evidence=(Ref("security-groups", SYSTEM, "IpPermissions"),),
        matrix=Matrix(
            "deploy/dynamo/worker",
            f"sts/dynamo/{service}",
            f"{port}/TCP",
            (Side("gpu", 3, True, (GPU,)),),
            (Side("system", 3, False, (SYSTEM,)),),
            (
                MatrixCell(
                    "gpu",
                    "system",
                    Outcome.BLOCKED,
                    9,
                    9,
                    0,
                    path[5],
                    path,
                    "worker on ip-10-0-1-11",
                    f"{service}-0 on ip-10-0-3-17",
                ),
            ),
        ),
        tally=Tally(Verdict.FAIL, blocked=9),
        symptoms=("Unable to create lease",) if service == "etcd" else ("JetStream not available",),
        fix=Fix(
            True,
            (
                Change(
                    f"admit tcp {port} from {GPU} (gpu-nodes) to {SYSTEM} (system-nodes)",
                    Ref("security-groups", SYSTEM),
                    "Terraform",
                ),
            ),
            (Opening(f"gpu ({GPU})", f"system ({SYSTEM})", f"{port}/TCP", wanted=True),),
            (f"aws ec2 authorize-security-group-ingress --group-id {SYSTEM} --ip-permissions '{rule}'",),
        ),
    )


def depends() -> Finding:
    """Prometheus from wherever the validator's Job lands."""
    port = 9090
    service = "monitoring.kube-prometheus-prometheus"
    bad, good = (
        way(service, "10.0.3.17", port),
        way(service, "10.0.3.17", port, group=SYSTEM, name="system-nodes", works=True),
    )
    other = way(service, "10.0.3.17", port, group=CUSTOMER, name="customer-nodes")
    return Finding(
        id="dynamo/prometheus-from-validator",
        verdict=Verdict.DEPENDS,
        level=Level.MUST,
        title="The conformance validator reaches Prometheus from every node it may run on",
        summary="works from system, blocked from customer and gpu",
        source=RULES,
        cause="the scheduler's choice of the client's node",
        evidence=(Ref("security-groups", SYSTEM, "IpPermissions"),),
        matrix=Matrix(
            "job/aicr-validation/ai-service-metrics",
            "sts/monitoring/prometheus-kube-prometheus-prometheus",
            "9090/TCP",
            (Side("customer", 0, True, (CUSTOMER,)), Side("gpu", 3, True, (GPU,)), Side("system", 3, False, (SYSTEM,))),
            (Side("system", 3, False, (SYSTEM,)),),
            (
                MatrixCell(
                    "customer",
                    "system",
                    Outcome.BLOCKED,
                    3,
                    3,
                    0,
                    other[5],
                    other,
                    "a future node of customer",
                    "prometheus-0 on ip-10-0-3-17",
                ),
                MatrixCell(
                    "gpu",
                    "system",
                    Outcome.BLOCKED,
                    9,
                    9,
                    0,
                    bad[5],
                    bad,
                    "ip-10-0-1-11",
                    "prometheus-0 on ip-10-0-3-17",
                ),
                MatrixCell(
                    "system",
                    "system",
                    Outcome.WORKS,
                    6,
                    0,
                    0,
                    None,
                    good,
                    "ip-10-0-3-16",
                    "prometheus-0 on ip-10-0-3-17",
                    Outcome.WORKS,
                ),
            ),
        ),
        odds=Odds(
            0.625,
            0.625,
            (RowOdds("gpu", 0.625, 1.0, 1.0, 1.0), RowOdds("system", 0.375, 1.0, 0.0, 0.0)),
            "5 of 8 nodes tie for the best score; the image is 412 MB",
        ),
        tally=Tally(Verdict.DEPENDS, works=6, blocked=12),
        symptoms=("Prometheus unreachable at http://kube-prometheus-prometheus.monitoring.svc:9090",),
        fix=Fix(
            True,
            (
                Change(
                    f"admit tcp {port} from {CUSTOMER} (customer-nodes) to {SYSTEM} (system-nodes)",
                    Ref("security-groups", SYSTEM),
                ),
                Change(
                    f"admit tcp {port} from {GPU} (gpu-nodes) to {SYSTEM} (system-nodes)",
                    Ref("security-groups", SYSTEM),
                ),
            ),
            (
                Opening(f"customer ({CUSTOMER})", f"system ({SYSTEM})", "9090/TCP", wanted=True),
                Opening(f"gpu ({GPU})", f"system ({SYSTEM})", "9090/TCP", wanted=True),
            ),
            tuple(
                f"aws ec2 authorize-security-group-ingress --group-id {SYSTEM} --protocol tcp --port 9090 --source-group {g}"
                for g in (CUSTOMER, GPU)
            ),
            (
                "podAffinity toward Prometheus would make this check pass, and leave the port blocked: it hides the fault",
            ),
        ),
    )


def dns() -> Finding:
    """CoreDNS from everywhere: passes."""
    path = way("kube-system.kube-dns", "10.0.3.40", 53, works=True)
    return Finding(
        id="dynamo/dns-from-workers",
        verdict=Verdict.PASS,
        level=Level.MUST,
        title="Every worker group resolves names",
        summary="all 3 groups reach CoreDNS",
        source=RULES,
        matrix=Matrix(
            "hosts of worker",
            "deploy/kube-system/coredns",
            "53/UDP",
            (Side("gpu", 3, True, (GPU,)),),
            (Side("system", 3, False, (SYSTEM,)),),
            (
                MatrixCell(
                    "gpu", "system", Outcome.WORKS, 9, 0, 0, None, path, "ip-10-0-1-11", "coredns-1 on ip-10-0-3-17"
                ),
            ),
        ),
        tally=Tally(Verdict.PASS, works=9),
    )


def undecided() -> Finding:
    """A requirement that a missing file leaves open."""
    unknown = Unknown(
        Cause.NOT_COLLECTED,
        "network-acls not collected",
        "run: aws ec2 describe-network-acls --output json > network-acls.json",
    )
    return Finding(
        id="dynamo/acl-return-ports",
        verdict=Verdict.UNKNOWN,
        level=Level.SHOULD,
        title="Network ACLs let the answers back",
        summary="network ACLs were not read",
        source=RULES,
        cause="whether the subnets' network ACLs admit the return ports",
        unknowns=(unknown,),
    )


def capacity() -> Finding:
    """A requirement without two ends that passes."""
    return Finding(
        id="dynamo/gpu-capacity",
        verdict=Verdict.PASS,
        level=Level.MAY,
        title="A worker can be scheduled",
        summary="deploy/dynamo/worker fits on gpu (3 nodes)",
        source=RULES,
        evidence=(Ref("nodes", "ip-10-0-1-11", "status.allocatable[nvidia.com/gpu]", "8"),),
    )


def skipped() -> Finding:
    """A requirement that does not apply here."""
    return Finding(
        id="dynamo/etcd-lease",
        verdict=Verdict.NOT_APPLICABLE,
        level=Level.MUST,
        title="etcd grants leases",
        summary="Dynamo 1.2 and later need no etcd",
        source=RULES,
    )


def report(*findings: Finding, fail_on: Level = Level.MUST, plan: Fix | None = None) -> Report:
    """A report over these findings on the demo's cluster."""
    return Report(
        schema=SCHEMA,
        tool_version="0.1.0",
        cluster=ClusterLine(
            name="demo-gpu",
            region="us-west-2",
            kubernetes_version="1.34",
            read_at="2026-05-15T10:02:00Z",
            nodes=6,
            groups=(
                GroupLine(
                    "customer", "EKS managed node group", 0, True, (CUSTOMER,), ("worker",), ("every node group",)
                ),
                GroupLine(
                    "gpu",
                    "EKS managed node group",
                    3,
                    True,
                    (GPU,),
                    ("gpu", "worker"),
                    ("nodes offer nvidia.com/gpu", "every node group"),
                ),
                GroupLine(
                    "system",
                    "Auto Scaling group",
                    3,
                    False,
                    (SYSTEM,),
                    ("system", "worker"),
                    ("runs sts/dynamo/etcd", "every node group"),
                ),
            ),
            data_plane="VPC CNI, no custom networking, no security groups for pods",
            sources=("demo",),
        ),
        profile=ProfileLine(
            "dynamo",
            "NVIDIA Dynamo on EKS",
            Document("EKS Dynamo Networking Prerequisites", "https://docs.nvidia.com/aicr", ""),
            (
                ParameterLine("dynamo-version", "1.1.0", "helm release dynamo/dynamo-platform"),
                ParameterLine("validator", "document", "default"),
            ),
        ),
        findings=findings,
        counts=count(findings),
        fail_on=fail_on,
        exit_status=exit_status(findings, fail_on),
        plan=plan,
    )


def demo() -> Report:
    """The document's story: two fail, one depends, the rest passes or is open."""
    failing = (
        blocked("etcd-from-gpu-nodes", "etcd", "10.0.3.21", 2379),
        blocked("nats-from-gpu-nodes", "nats", "10.0.3.22", 4222),
        depends(),
    )
    fixes = [finding.fix for finding in failing if finding.fix]
    plan = Fix(
        True,
        tuple(change for fix in fixes for change in fix.changes),
        tuple(opening for fix in fixes for opening in fix.opens),
        tuple(command for fix in fixes for command in fix.commands),
    )
    return report(*failing, dns(), undecided(), capacity(), skipped(), plan=plan)


EVIL = "\x1b[31mred\x07\x9b2J\u202eevil\r\n| `x` <script>alert(1)</script> [a](javascript:b) **\x00"
"""What a name in a hostile cluster could hold."""


def hostile() -> Report:
    """The demo's report with :data:`EVIL` behind every text that a cluster can set."""

    def spoil(value: object) -> object:
        if isinstance(value, str) and value not in KEEP:
            return value + EVIL
        if isinstance(value, dict):
            return {key: spoil(item) for key, item in value.items()}
        return [spoil(item) for item in value] if isinstance(value, (list, tuple)) else value

    return msgspec.convert(spoil(msgspec.to_builtins(demo())), Report)


KEEP = {*Verdict, *Level, *Outcome, *Layer, *Cause}
"""Values of closed sets: no cluster sets these."""
