"""The control plane as a client: kubelets, webhooks and aggregated APIs (reference rule 11.6)."""

from __future__ import annotations

from typing import Any

import pytest

from clusterproof.checks.context import Context
from clusterproof.checks.engine import run
from clusterproof.checks.paths import why
from clusterproof.errors import UnknownNameError, UsageError
from clusterproof.fixes.propose import repair
from clusterproof.profiles.model import Check, Reach, Requirement, Subject
from clusterproof.snapshot import kinds
from clusterproof.snapshot.fields import Cause, Unknown
from clusterproof.verdict.algebra import Verdict
from tests.checks.ask import ask, profile, reach, requirement
from tests.world.build import Tiny, on

PLANE = Subject(control_plane=True)
HOSTS = Subject(hosts="all")
EVERY_CALL = Subject(services_of=tuple(kind.name for kind in kinds.CALLERS))


def cluster(*rules: str, subnets: tuple[str, ...] = ("subnet-a",), more: tuple[str, ...] = ()) -> Tiny:
    """A node group in ``subnet-b`` whose group has these rules; the control plane is in ``subnets``."""
    tiny = Tiny().sg("sg-cluster").sg("sg-node", *rules)
    tiny.objects[kinds.CLUSTERS.name][0]["resourcesVpcConfig"] |= {
        "subnetIds": list(subnets),
        "securityGroupIds": list(more),
    }
    for group in more:
        tiny.sg(group)
    return tiny.managed("nodes", ["sg-node"], subnets=("subnet-b",), nodes=2)


def called() -> Requirement:
    """Whether the control plane reaches every Service that it calls."""
    return requirement(Check(reach=Reach(PLANE, EVERY_CALL)), absent="not-applicable")


def webhook(tiny: Tiny, service: dict[str, Any] | None, *, url: str = "", kind: str = "Validating") -> Tiny:
    """A configuration with one webhook."""
    client = {"service": service} if service is not None else {"url": url}
    raw = {"metadata": {"name": "hooks"}, "webhooks": [{"name": "check.example.com", "clientConfig": client}]}
    return tiny.put(kinds.VALIDATING_WEBHOOKS if kind == "Validating" else kinds.MUTATING_WEBHOOKS, raw)


def service(tiny: Tiny, target: Any = 9443, **spec: Any) -> Tiny:
    """Service ``app/hook`` of the Deployment ``app/hook``, 443 to ``target``."""
    tiny.deployment("app/hook", on("nodes"))
    raw = {"selector": {"app": "hook"}, "ports": [{"port": 443, "targetPort": target}], **spec}
    return tiny.put(kinds.SERVICES, {"metadata": {"namespace": "app", "name": "hook"}, "spec": raw})


HOOK = {"namespace": "app", "name": "hook"}


# --- kubelets --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("rule", "verdict"),
    [
        ("tcp 10250 sg-cluster", Verdict.PASS),
        ("tcp 10250 sg-more", Verdict.PASS),
        ("tcp 10250 10.0.0.0/24", Verdict.PASS),
        ("tcp 443 sg-cluster", Verdict.FAIL),
    ],
)
def test_the_kubelets(rule: str, verdict: Verdict) -> None:
    """The control plane dials 10250 with the cluster's group and those that the cluster names besides (rule 11.6)."""
    found = ask(cluster(rule, more=("sg-more",)), reach(PLANE, HOSTS, "10250/TCP"))
    assert found.verdict is verdict
    assert found.summary.startswith("the control plane")
    assert ("no nodes yet" in found.summary) is False


def test_any_subnet_of_the_cluster_may_hold_its_interfaces() -> None:
    """EKS makes the interfaces anew in any of the cluster's subnets: one that is refused makes it depend (rule 11.6)."""
    found = ask(cluster("tcp 10250 10.0.0.0/24", subnets=("subnet-a", "subnet-b")), reach(PLANE, HOSTS, "10250/TCP"))
    assert found.verdict is Verdict.DEPENDS
    assert found.cause == "from which of its interfaces it is sent, or to which target"
    assert found.odds is None


def test_the_control_planes_own_group_must_let_it_out() -> None:
    """A cluster group without outbound rules lets the control plane reach nobody (rule 11.6)."""
    tiny = cluster("tcp 10250 sg-cluster")
    tiny.objects[kinds.SECURITY_GROUPS.name][0]["IpPermissionsEgress"] = []
    assert ask(tiny, reach(PLANE, HOSTS, "10250/TCP")).verdict is Verdict.FAIL


def test_an_unread_cluster_is_unknown() -> None:
    """Without describe-cluster nobody knows which interfaces the control plane has (rule 11.6)."""
    found = ask(cluster("all 0.0.0.0/0").drop(kinds.CLUSTERS), reach(PLANE, HOSTS, "10250/TCP"))
    assert found.verdict is Verdict.UNKNOWN
    assert found.unknowns[0].detail.startswith("the control plane's interfaces are not known")
    tiny = cluster("all 0.0.0.0/0", subnets=())
    assert ask(tiny, reach(PLANE, HOSTS, "10250/TCP")).unknowns[0].remedy == (
        "run: aws eks describe-cluster --name tiny --output json"
    )


def test_node_groups_that_were_not_read_do_not_hold_the_control_plane() -> None:
    """What is not known of node groups makes servers unknown, never the control plane (rule 11.6)."""
    tiny = cluster("tcp 10250 sg-cluster").deployment("app/server", on("nodes"))
    tiny.managed("dark", ["sg-node"], nodes=0, described=False)
    found = ask(tiny, reach(Subject(control_plane=True), HOSTS, "10250/TCP"))
    assert found.verdict is Verdict.UNKNOWN
    assert all("control plane" not in unknown.detail for unknown in found.unknowns)


# --- policies --------------------------------------------------------------------------------


def test_policies_see_the_control_plane_as_addresses() -> None:
    """No selector matches the control plane; an ipBlock of its subnets does (rule 11.6)."""
    tiny = service(cluster("all sg-cluster"))
    webhook(tiny, HOOK).cni(agent_args=["--enable-network-policy=true"])
    policy: dict[str, Any] = {
        "metadata": {"namespace": "app", "name": "closed"},
        "spec": {"podSelector": {}, "policyTypes": ["Ingress"], "ingress": [{"from": [{"namespaceSelector": {}}]}]},
    }
    assert ask(tiny.put(kinds.NETWORK_POLICIES, policy), called()).verdict is Verdict.FAIL
    opened = {**policy, "metadata": {"namespace": "app", "name": "open"}}
    opened["spec"] = {"podSelector": {}, "ingress": [{"from": [{"ipBlock": {"cidr": "10.0.0.0/24"}}]}]}
    assert ask(tiny.put(kinds.NETWORK_POLICIES, opened), called()).verdict is Verdict.PASS


# --- one path --------------------------------------------------------------------------------


def test_why_knows_the_control_plane() -> None:
    """`why control-plane svc/…` asks as API servers do: no name, no kube-proxy, from every interface (rule 11.6)."""
    tiny = service(cluster("tcp 9443 sg-cluster"), internalTrafficPolicy="Local")
    found = why(tiny.snapshot(), "control-plane", "svc/app/hook:443")
    assert found.verdict is Verdict.PASS
    assert found.sentence == "Yes. the control plane reaches svc/app/hook:443 from every interface that it may have."
    assert found.cells[0].client_place == "the control plane in subnet-a"
    shut = why(service(cluster("tcp 443 sg-cluster")).snapshot(), "control-plane", "deploy/app/hook:9443")
    assert (shut.verdict, "every interface that the control plane may have" in shut.sentence) == (Verdict.FAIL, True)
    with pytest.raises(UsageError, match="leave --on out"):
        why(tiny.snapshot(), "control-plane", "svc/app/hook:443", on="nodes")
    with pytest.raises(UnknownNameError, match="does not say its subnetIds"):
        why(service(cluster(subnets=())).snapshot(), "control-plane", "svc/app/hook:443")


# --- what it calls ---------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["Validating", "Mutating"])
def test_a_webhook_is_reached_at_its_target_port(kind: str) -> None:
    """Groups see the pod's port behind the webhook's Service, not 443 (rule 11.6)."""
    for rule, verdict in (("tcp 9443 sg-cluster", Verdict.PASS), ("tcp 443 sg-cluster", Verdict.FAIL)):
        found = ask(webhook(service(cluster(rule)), HOOK, kind=kind), called())
        assert found.verdict is verdict
        assert any(note.endswith("Service app/hook, port 443") for note in found.notes)


def test_an_aggregated_api_is_reached() -> None:
    """The Service of an APIService is called like a webhook's; one that the API server serves itself is not (rule 11.6)."""
    tiny = service(cluster("tcp 9443 sg-cluster"))
    local = {"metadata": {"name": "v1.apps"}, "spec": {"group": "apps"}}
    aggregated = {"metadata": {"name": "v1beta1.metrics.k8s.io"}, "spec": {"service": {**HOOK, "port": 443}}}
    assert ask(tiny.put(kinds.API_SERVICES, local), called()).verdict is Verdict.NOT_APPLICABLE
    found = ask(tiny.put(kinds.API_SERVICES, aggregated), called())
    assert found.verdict is Verdict.PASS
    assert "APIService v1beta1.metrics.k8s.io: Service app/hook, port 443" in found.notes


@pytest.mark.parametrize("spec", [{"internalTrafficPolicy": "Local"}, {"clusterIP": "None"}])
def test_the_control_plane_knows_no_kube_proxy(spec: dict[str, Any]) -> None:
    """API servers dial an endpoint itself: neither Local nor a missing cluster address matters (rule 11.6)."""
    assert ask(webhook(service(cluster("tcp 9443 sg-cluster"), **spec), HOOK), called()).verdict is Verdict.PASS


def test_what_cannot_be_called_fails() -> None:
    """A Service that is not there, has not the port, is a name or selects nobody is never reached (rule 11.6)."""
    gone = ask(webhook(cluster("all 0.0.0.0/0"), HOOK), called())
    assert (gone.verdict, "there is no Service app/hook" in gone.summary) == (Verdict.FAIL, True)
    other = ask(webhook(service(cluster("all 0.0.0.0/0")), {**HOOK, "port": 8443}), called())
    assert (other.verdict, "publishes no 8443/TCP" in other.summary) == (Verdict.FAIL, True)
    named = ask(webhook(service(cluster("all 0.0.0.0/0"), type="ExternalName"), HOOK), called())
    assert (named.verdict, "is an external name" in named.summary) == (Verdict.FAIL, True)
    empty = webhook(service(cluster("all 0.0.0.0/0")), HOOK).remove(kinds.DEPLOYMENTS, "app/hook")
    assert (ask(empty, called()).verdict, "selects no workload" in ask(empty, called()).summary) == (Verdict.FAIL, True)


def test_urls() -> None:
    """A webhook beside the API server needs no network; any other URL is unknown (rule 11.6)."""
    tiny = webhook(service(cluster("tcp 9443 sg-cluster")), HOOK)
    webhook(tiny, None, url="https://127.0.0.1:23443/mutate", kind="Mutating")
    assert ask(tiny, called()).verdict is Verdict.PASS
    webhook(tiny, None, url="https://hooks.example.com/", kind="Mutating")
    found = ask(tiny, called())
    assert (found.verdict, "https://hooks.example.com/" in found.unknowns[0].detail) == (Verdict.UNKNOWN, True)


@pytest.mark.parametrize("kind", kinds.CALLERS)
def test_kinds_that_were_not_read_are_unknown(kind: Any) -> None:
    """What was not read may call somebody else (rule 11.6)."""
    tiny = webhook(service(cluster("tcp 9443 sg-cluster")), HOOK)
    denied = Unknown(Cause.DENIED, f"{kind.name} could not be listed", f"grant {kind.permission}")
    found = ask(tiny.partly(kind, denied), called())
    assert (found.verdict, found.unknowns) == (Verdict.UNKNOWN, (denied,))


def test_a_fix_opens_the_pods_port_to_the_cluster_group() -> None:
    """The repair names the control plane's group and the pod's own port, and is proven."""
    asked = profile(called())
    snapshot = webhook(service(cluster("tcp 443 sg-cluster")), HOOK).snapshot()
    context = Context(snapshot, asked)
    fix = repair(context, run(snapshot, asked)).findings[0].fix
    assert fix is not None
    assert fix.proven
    assert any("9443" in change.text and "sg-cluster" in change.text for change in fix.changes)
