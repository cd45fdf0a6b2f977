from __future__ import annotations

import math
from typing import Any

import msgspec

from clusterproof.placement import spread
from clusterproof.placement.filters import feasible_now
from clusterproof.placement.node import Cluster
from clusterproof.placement.scores import score
from clusterproof.snapshot.fields import Unknown
from clusterproof.snapshot.kubernetes import LabelSelector, SelectorRequirement, Service
from tests.placement.build import node, pod

ZONE = "topology.kubernetes.io/zone"
FOO = {"foo": "bar"}


def foo(name: str = "p") -> Any:
    """A pod that the constraint counts."""
    return pod(name, labels=FOO)


def even(**more: Any) -> dict[str, Any]:
    """A constraint over zones that counts the foo pods."""
    base = {"topologyKey": ZONE, "maxSkew": 1, "whenUnsatisfiable": "DoNotSchedule"}
    return {**base, "labelSelector": {"matchLabels": FOO}, **more}


def docs_cluster(*more: Any) -> Cluster:
    """The cluster of the Kubernetes manual: zone A with two nodes and two pods, zone B with two nodes and one."""
    return Cluster(
        (
            node("n1", labels={ZONE: "A"}, pods=(foo("a"),)),
            node("n2", labels={ZONE: "A"}, pods=(foo("b"),)),
            node("n3", labels={ZONE: "B"}, pods=(foo("c"),)),
            node("n4", labels={ZONE: "B"}),
            *more,
        )
    )


def fits(cluster: Cluster, *constraints: dict[str, Any], **more: Any) -> list[Any]:
    """Names of the nodes where the pod may go now."""
    me = pod(labels=FOO, topologySpreadConstraints=list(constraints), **more)
    return [node.id for node, one in zip(cluster.nodes, feasible_now(me, cluster), strict=True) if one.ok is True]


def test_the_examples_of_the_manual() -> None:
    """One constraint admits zone B only; with one over nodes too, only the empty node is left (rule 9.1)."""
    assert fits(docs_cluster(), even()) == ["n3", "n4"]
    assert fits(docs_cluster(), even(), even(topologyKey="kubernetes.io/hostname")) == ["n4"]


def test_min_domains_counts_missing_zones_as_empty() -> None:
    """With fewer zones than minDomains the least count is taken as zero (rule 9.1)."""
    assert fits(docs_cluster(), even(maxSkew=2)) == ["n1", "n2", "n3", "n4"]
    assert fits(docs_cluster(), even(maxSkew=2, minDomains=3)) == ["n3", "n4"]


def test_policies_say_which_zones_take_part() -> None:
    """A zone that the selector excludes is not counted (Honor), unless the policy says Ignore; taints the other way.

    (rule 9.1)
    """
    empty = node("n5", labels={ZONE: "C", "kind": "other"}, taints=["x:NoSchedule"])
    world = docs_cluster(empty)
    assert fits(world, even()) == []
    only = {
        "requiredDuringSchedulingIgnoredDuringExecution": {
            "nodeSelectorTerms": [{"matchExpressions": [{"key": "kind", "operator": "DoesNotExist"}]}]
        }
    }
    assert fits(world, even(), affinity={"nodeAffinity": only}) == ["n3", "n4"]
    assert fits(world, even(nodeAffinityPolicy="Ignore"), affinity={"nodeAffinity": only}) == []
    assert fits(world, even(nodeTaintsPolicy="Honor")) == ["n3", "n4"]


def test_a_node_without_the_label_is_refused_and_not_counted() -> None:
    """The reason says that the label is missing (rule 9.1)."""
    world = docs_cluster(node("n5"))
    answer = feasible_now(pod(labels=FOO, topologySpreadConstraints=[even()]), world)[4]
    assert (answer.plugin, answer.reason) == ("PodTopologySpread", spread.NO_LABEL)


def test_what_is_counted() -> None:
    """Terminating pods and other namespaces do not count, nor anything for an empty selector; label keys narrow.

    (rule 9.1)
    """
    going = msgspec.structs.replace(foo("d"), metadata=msgspec.structs.replace(foo().metadata, deletion_timestamp="x"))
    elsewhere = pod("e", namespace="z", labels=FOO)
    world = Cluster((node("n1", labels={ZONE: "A"}, pods=(going, elsewhere)), node("n2", labels={ZONE: "B"})))
    assert fits(world, even()) == ["n1", "n2"]
    assert fits(docs_cluster(), even(labelSelector={})) == ["n1", "n2", "n3", "n4"]
    assert fits(docs_cluster(), even(matchLabelKeys=["foo"])) == ["n3", "n4"]
    assert fits(docs_cluster(), even(labelSelector=None, matchLabelKeys=["foo"])) == ["n3", "n4"]


def test_system_defaults_spread_what_a_service_or_owner_selects() -> None:
    """MaxSkew 3 by host name and 5 by zone, without hiding nodes that have no zone (rule 9.6)."""
    nodes = (
        node("n1", labels={ZONE: "A"}, pods=(foo("a"), foo("b"))),
        node("n2", labels={ZONE: "B"}, pods=(foo("c"),)),
        node("n3"),
    )
    cluster = Cluster(nodes, default_spread=LabelSelector(FOO))
    host, zone = math.log(3 + 2), math.log(3 + 2)  # three hosts; zones A, B and "none"
    raw = [round(2 * host + 2 + 2 * zone + 4), round(1 * host + 2 + 1 * zone + 4), round(0 * host + 2)]
    expected = [2 * (100 * (max(raw) + min(raw) - one) // max(raw)) for one in raw]
    scores = score(pod(labels=FOO), cluster, nodes)
    assert not isinstance(scores, Unknown)
    assert [one.scores["PodTopologySpread"] for one in scores] == expected
    plain = score(pod(labels=FOO), Cluster(nodes), nodes)
    assert not isinstance(plain, Unknown)
    assert all("PodTopologySpread" not in one.scores for one in plain)


def test_default_selector_unites_services_and_owner() -> None:
    """Selectors of the matching services and of the owner together; nothing when nobody selects the pod (rule 9.6)."""

    def service(selector: dict[str, str]) -> Service:
        return msgspec.convert({"metadata": {"name": "s"}, "spec": {"selector": selector}}, Service)

    labels = {"app": "x", "tier": "y", "hash": "1"}
    services = [service({"app": "x"}), service({"app": "other"}), service({})]
    assert spread.default_selector(labels, services) == LabelSelector({"app": "x"})
    owner = LabelSelector({"hash": "1"}, (SelectorRequirement("tier", "Exists"),))
    assert spread.default_selector(labels, services, owner) == LabelSelector(
        {"hash": "1", "app": "x"}, owner.match_expressions
    )
    assert spread.default_selector(labels, [service({"app": "other"})]) is None
