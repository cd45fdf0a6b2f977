"""Which policies count in a whole cluster: by the engine that enforces, and by the pods that they select."""

from __future__ import annotations

from typing import Any

import pytest

from clusterproof.placement.places import places
from clusterproof.reach.ends import End
from clusterproof.reach.path import Paths
from clusterproof.reach.trace import Layer, Outcome, Trace
from clusterproof.snapshot import kinds
from clusterproof.snapshot.fields import Cause, Unknown
from clusterproof.snapshot.kinds import Kind
from tests.checks.ask import reach
from tests.fixes.build import only, repaired
from tests.world.build import Tiny

Raw = dict[str, Any]
AGENT = ["--enable-network-policy=true"]
IMAGE = "r/amazon-k8s-cni:v1.21.1-eksbuild.1"


def cluster(engine: str = "VPC CNI", image: str = "") -> Tiny:
    """A client and a server between which the network lets everything pass, and who enforces policies."""
    tiny = Tiny().cni({}, AGENT if engine == "VPC CNI" else None).sg("sg-a", "all sg-a")
    if engine == "VPC CNI":
        tiny.objects["daemonsets"][-1]["spec"]["template"]["spec"]["containers"][0]["image"] = image or IMAGE
    elif engine:
        name = {"Calico": "calico-node", "Cilium": "cilium"}[engine]
        spec = {"containers": [{"name": name, "image": image or "quay.io/calico/node:v3.32.0"}], "hostNetwork": True}
        tiny.controller("DaemonSet", f"kube-system/{name}", spec)
    tiny.managed("a", ["sg-a"], nodes=2)
    return tiny.deployment("app/client").deployment("app/server").deployment("app/third")


def trace(tiny: Tiny, client: str = "client", server: str = "server", **more: Any) -> Trace:
    """From one Deployment to another, on two nodes."""
    world = tiny.world()
    ends = []
    for name in (client, server):
        workload = world.by_id[f"deploy/app/{name}"]
        ends.append(End(places(world, workload).places[0].interface, workload, name))
    return Paths(world).connect(ends[0], ends[1], 80, "TCP", **more)


def policy(name: str, **raw: Any) -> tuple[Kind[Any], Raw]:
    """An object of one kind, in namespace app."""
    return kinds.BY_NAME[name], {"metadata": {"name": "p", "namespace": "app"}, **raw}


def admin(name: str = "clusternetworkpolicies-aws", app: str = "server", action: str = "Deny") -> tuple[Kind[Any], Raw]:
    """A cluster-wide policy of one Admin rule about the pods of one app."""
    subject = {"pods": {"namespaceSelector": {}, "podSelector": {"matchLabels": {"app": app}}}}
    rules = [{"action": action, "from": [{"namespaces": {}}]}]
    return policy(name, spec={"tier": "Admin", "priority": 1, "subject": subject, "ingress": rules})


NETPOL: Raw = {"metadata": {"name": "n", "namespace": "app"}, "spec": {"podSelector": {}, "ingress": []}}


def test_a_cluster_wide_policy_refuses_and_is_named() -> None:
    """Only pairs of the pods that it selects are refused, and by their rule; all pairs were unknown (rules 8.1, 7.10)."""
    tiny = cluster().put(*admin())
    found = trace(tiny)
    assert found.outcome is Outcome.BLOCKED
    hop = found.first_blocking
    assert hop is not None
    assert hop.layer is Layer.POLICY_INGRESS
    assert (hop.refs[0].kind, hop.refs[0].key, hop.refs[0].field) == (
        "clusternetworkpolicies-aws",
        "p",
        "spec.ingress[0]",
    )
    assert hop.text == (
        "ClusterNetworkPolicy p (Admin tier, priority 1, spec.ingress[0]) denies TCP 80 from deploy/app/client"
    )
    assert trace(tiny, server="third").outcome is Outcome.WORKS


def test_no_network_policy_is_proposed_against_an_admin_tier() -> None:
    """What the Admin tier refuses no NetworkPolicy mends, and the advice names the policy; the Baseline tier it does (rule 8.1)."""
    kind, raw = admin()
    fix = only(repaired(cluster().put(kind, raw).snapshot(), reach())).fix
    assert fix is not None
    assert fix.changes == ()
    assert "ClusterNetworkPolicy p (Admin tier, priority 1, spec.ingress[0]) denies" in fix.advice[0]
    base = {**raw, "spec": {**raw["spec"], "tier": "Baseline"}}
    tiny = cluster().put(kind, base).put(kinds.NETWORK_POLICIES, {**NETPOL, "spec": {"podSelector": {}, "ingress": []}})
    mended = only(repaired(tiny.snapshot(), reach())).fix
    assert mended is not None
    assert mended.proven


def test_an_accept_overrides_a_network_policy() -> None:
    """Admin Accept goes before NetworkPolicies that refuse (rule 8.1)."""
    tiny = cluster().put(kinds.NETWORK_POLICIES, NETPOL)
    assert trace(tiny).outcome is Outcome.BLOCKED
    assert trace(tiny.put(*admin(action="Accept"))).outcome is Outcome.WORKS


@pytest.mark.parametrize(
    ("engine", "image", "name", "expected"),
    [
        ("VPC CNI", "r/amazon-k8s-cni:v1.20.4", "clusternetworkpolicies-aws", Outcome.WORKS),
        ("VPC CNI", "r/amazon-k8s-cni:latest", "clusternetworkpolicies-aws", Outcome.UNKNOWN),
        ("VPC CNI", "", "adminnetworkpolicies", Outcome.WORKS),
        ("VPC CNI", "", "clusternetworkpolicies", Outcome.WORKS),
        ("", "", "adminnetworkpolicies", Outcome.WORKS),
        ("Calico", "quay.io/calico/node:v3.30.1", "adminnetworkpolicies", Outcome.BLOCKED),
        ("Calico", "", "adminnetworkpolicies", Outcome.WORKS),
        ("Calico", "", "clusternetworkpolicies", Outcome.BLOCKED),
        ("Calico", "", "clusternetworkpolicies-aws", Outcome.WORKS),
        ("Calico", "quay.io/calico/node:master", "clusternetworkpolicies", Outcome.UNKNOWN),
        ("Cilium", "", "clusternetworkpolicies", Outcome.UNKNOWN),
    ],
)
def test_a_kind_counts_where_its_engine_reads_it(engine: str, image: str, name: str, expected: Outcome) -> None:
    """What the engine does not read has no effect; where that is open, selected pairs alone are unknown (rule 7.10)."""
    tiny = cluster(engine, image).put(*admin(name))
    assert trace(tiny).outcome is expected
    assert trace(tiny, server="third").outcome is Outcome.WORKS


@pytest.mark.parametrize(
    ("engine", "name", "raw", "selected"),
    [
        (
            "Cilium",
            "ciliumnetworkpolicies",
            {"spec": {"endpointSelector": {"matchLabels": {"app": "server"}}, "ingress": []}},
            "server",
        ),
        (
            "Cilium",
            "ciliumnetworkpolicies",
            {"specs": [{"endpointSelector": {"matchLabels": {"k8s:app": "server"}}, "ingress": []}]},
            "server",
        ),
        ("Cilium", "ciliumclusterwidenetworkpolicies", {"spec": {"endpointSelector": {}, "ingress": []}}, "both"),
        (
            "Cilium",
            "ciliumnetworkpolicies",
            {"spec": {"endpointSelector": {"matchLabels": {"reserved:host": ""}}, "ingress": []}},
            "both",
        ),
        (
            "Cilium",
            "ciliumnetworkpolicies",
            {"spec": {"endpointSelector": {}, "ingress": []}, "metadata": {"name": "p", "namespace": "x"}},
            "none",
        ),
        ("Cilium", "ciliumclusterwidenetworkpolicies", {"spec": {"nodeSelector": {}, "ingress": []}}, "none"),
        ("Cilium", "networkpolicies-calico", {"spec": {"selector": "all()"}}, "none"),
        ("Calico", "networkpolicies-calico", {"spec": {"selector": "app == 'server'"}}, "server"),
        ("Calico", "networkpolicies-calico", {"spec": {"selector": "app == 'server' && has(app)"}}, "server"),
        ("Calico", "networkpolicies-calico", {"spec": {"selector": "app == 'server' && !has(app)"}}, "none"),
        ("Calico", "networkpolicies-calico", {"spec": {"selector": "app in {'server'}"}}, "both"),
        ("Calico", "networkpolicies-calico", {"spec": {"selector": "all()", "types": ["Egress"]}}, "clients"),
        ("Calico", "globalnetworkpolicies", {"spec": {"selector": "app != 'third'"}}, "server"),
        ("Calico", "globalnetworkpolicies", {"spec": {"namespaceSelector": "team == 'x'"}}, "none"),
        ("Calico", "globalnetworkpolicies", {}, "clients"),
        ("Calico", "ciliumnetworkpolicies", {"spec": {"endpointSelector": {}}}, "none"),
        ("VPC CNI", "ciliumnetworkpolicies", {"spec": {"endpointSelector": {}}}, "none"),
        (
            "VPC CNI",
            "applicationnetworkpolicies",
            {"spec": {"podSelector": {"matchLabels": {"app": "server"}}}},
            "server",
        ),
    ],
)
def test_policies_that_are_not_modelled_select_only_their_pairs(
    engine: str, name: str, raw: Raw, selected: str
) -> None:
    """All pairs were unknown; only those that it selects are, and none where its engine is not there (rule 7.10)."""
    tiny = cluster(engine).put(*policy(name, **raw))
    found = {server: trace(tiny, server=server) for server in ("server", "third")}
    for server, one in found.items():
        unknown = selected in (server, "both", "clients")
        assert (one.outcome is Outcome.UNKNOWN) is unknown
        if unknown:
            hop = one.first_blocking
            assert hop is not None
            assert hop.refs[0].kind == name
            assert hop.layer is (Layer.POLICY_EGRESS if selected == "clients" else Layer.POLICY_INGRESS)


def test_an_own_policy_may_admit_what_a_network_policy_refuses() -> None:
    """Where an engine's own policy selects the pod, a NetworkPolicy's refusal is not certain either (rule 7.10)."""
    tiny = cluster("Cilium").put(kinds.NETWORK_POLICIES, NETPOL)
    assert trace(tiny).outcome is Outcome.BLOCKED
    tiny.put(*policy("ciliumnetworkpolicies", spec={"endpointSelector": {}, "ingress": [{}]}))
    assert trace(tiny).outcome is Outcome.UNKNOWN


def test_installed_kinds_without_objects_change_nothing() -> None:
    """Calico's definitions alone made all unknown; its NetworkPolicies decide (rule 7.10)."""
    tiny = cluster("Calico")
    for name in ("globalnetworkpolicies", "networkpolicies"):
        tiny.put(kinds.CRDS, {"metadata": {"name": f"{name}.crd.projectcalico.org"}})
    assert trace(tiny).outcome is Outcome.WORKS
    assert trace(tiny.put(kinds.NETWORK_POLICIES, NETPOL)).outcome is Outcome.BLOCKED


@pytest.mark.parametrize("refused", [False, True])
def test_kinds_that_were_not_read(refused: bool) -> None:
    """What is installed, enforced and not read may refuse, or admit before a NetworkPolicy refuses (rule 7.10)."""
    kind = kinds.BY_NAME["clusternetworkpolicies-aws"]
    why = Unknown(Cause.DENIED, "clusternetworkpolicies could not be listed", "grant it")
    tiny = (
        cluster().partly(kind, why).put(kinds.CRDS, {"metadata": {"name": "clusternetworkpolicies.networking.k8s.aws"}})
    )
    if refused:
        tiny.put(kinds.NETWORK_POLICIES, NETPOL)
    found = trace(tiny)
    assert found.outcome is Outcome.UNKNOWN
    hop = found.first_blocking
    assert hop is not None
    assert hop.unknown is not None
    assert hop.unknown.remedy == "grant it"
    # The same gap is none where the agent is too old to read the kind.
    old = (
        cluster(image="r/amazon-k8s-cni:v1.20.4")
        .partly(kind, why)
        .put(kinds.CRDS, tiny.objects["customresourcedefinitions"][0])
    )
    assert trace(old).outcome is Outcome.WORKS


def test_a_daemon_sets_pod_and_itself() -> None:
    """On one node a DaemonSet's pod and its peer are one pod, which no policy keeps from itself (rule 7.7)."""
    tiny = cluster().put(
        kinds.NETWORK_POLICIES, {**NETPOL, "spec": {"podSelector": {}, "policyTypes": ["Ingress", "Egress"]}}
    )
    tiny.controller("DaemonSet", "app/all").deployment("app/pair", replicas=2)
    world = tiny.world()
    for name, outcome in (
        ("ds/app/all", Outcome.WORKS),
        ("deploy/app/server", Outcome.WORKS),
        ("deploy/app/pair", Outcome.BLOCKED),
    ):
        workload = world.by_id[name]
        end = End(places(world, workload).places[0].interface, workload, name)
        assert Paths(world).connect(end, end, 80, "TCP", same_node=True).outcome is outcome
        assert Paths(world).connect(end, end, 80, "TCP").outcome is Outcome.BLOCKED


def test_a_host_network_server_on_the_clients_node() -> None:
    """An egress policy refused a pod its own node; it is always allowed (rule 7.7)."""
    spec = {**NETPOL, "spec": {"podSelector": {"matchLabels": {"app": "client"}}, "policyTypes": ["Egress"]}}
    tiny = cluster().put(kinds.NETWORK_POLICIES, spec).deployment("app/agent", {"hostNetwork": True})
    assert trace(tiny, server="agent", same_node=True).outcome is Outcome.WORKS
    assert trace(tiny, server="agent").outcome is Outcome.BLOCKED


def test_named_ports_of_a_sidecar() -> None:
    """The ports of init containers that keep running are seen, of others not; Calico leaves it open (rule 7.4)."""
    port = {"containerPort": 80, "name": "web"}
    admit = {"podSelector": {"matchLabels": {"app": "mesh"}}, "ingress": [{"ports": [{"port": "web"}]}]}
    for restart, outcome in (("Always", Outcome.UNKNOWN), ("", Outcome.BLOCKED)):
        side = {"name": "proxy", "restartPolicy": restart, "ports": [port]}
        spec = {"containers": [{"name": "main"}], "initContainers": [side]}
        tiny = cluster("Calico").deployment("app/mesh", spec).put(kinds.NETWORK_POLICIES, {**NETPOL, "spec": admit})
        assert trace(tiny, server="mesh").outcome is outcome


def test_pods_of_one_policy_that_name_different_numbers() -> None:
    """A name is resolved on each pod; AWS gives all pods of a policy all its numbers, and both readings are told (rule 7.4)."""
    admit = {"podSelector": {"matchLabels": {"tier": "web"}}, "ingress": [{"ports": [{"port": "web"}]}]}
    for engine, outcome in (("VPC CNI", Outcome.UNKNOWN), ("Calico", Outcome.BLOCKED)):
        tiny = cluster(engine).put(kinds.NETWORK_POLICIES, {**NETPOL, "spec": admit})
        for name, number in (("one", 80), ("two", 8080)):
            spec = {"containers": [{"name": "main", "ports": [{"containerPort": number, "name": "web"}]}]}
            tiny.deployment(f"app/{name}", spec, labels={"tier": "web"})
        assert trace(tiny, server="one").outcome is Outcome.WORKS
        assert trace(tiny, server="two").outcome is outcome
        lonely = cluster(engine).put(kinds.NETWORK_POLICIES, {**NETPOL, "spec": admit})
        lonely.deployment("app/two", spec, labels={"tier": "web"})
        assert trace(lonely, server="two").outcome is Outcome.BLOCKED
