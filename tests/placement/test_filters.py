from __future__ import annotations

import itertools
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from clusterproof.placement.filters import feasible_now, needs_of, structural
from clusterproof.placement.node import Cluster, NodeView, node_view
from clusterproof.snapshot.fields import Cause, Ref, Unknown
from clusterproof.snapshot.kubernetes import Node, NodeSelector, NodeSelectorTerm, SelectorRequirement, Taint
from tests.placement.build import ROOMY, node, pod, spec

WHY = Unknown(Cause.NOT_COLLECTED, "written by feature discovery")
ZONE = "topology.kubernetes.io/zone"
GPU: dict[str, Any] = {"containers": [{"resources": {"requests": {"nvidia.com/gpu": "1"}}}]}


def ever(view: NodeView, volumes: Any = (), **body: Any) -> Any:
    """Structural feasibility of a pod on a node."""
    return structural(needs_of(spec(**body)), view, volumes)


def test_what_passes_by_itself_never_excludes_a_node() -> None:
    """Full, cordoned, not ready, disliked by other pods, port taken: feasible tomorrow (design rule 3) (rule 9.7)."""
    port = [{"ports": [{"containerPort": 80, "hostPort": 80}], "resources": {"requests": {"cpu": "10"}}}]
    apart = {
        "podAntiAffinity": {
            "requiredDuringSchedulingIgnoredDuringExecution": [
                {"topologyKey": "kubernetes.io/hostname", "labelSelector": {}}
            ]
        }
    }
    view = node(
        "n",
        taints=["node.kubernetes.io/not-ready:NoExecute", "node.cloudprovider.kubernetes.io/shutdown:NoSchedule"],
        unschedulable=True,
        pods=(pod("other", containers=port, affinity=apart),),
    )
    assert ever(view, containers=port, affinity=apart).ok is True
    (today,) = feasible_now(pod(containers=port, affinity=apart), Cluster((view,)))
    assert (today.ok, today.plugin) == (False, "NodeUnschedulable")


def test_a_lasting_taint_excludes_and_is_shown_as_evidence() -> None:
    """The first taint that is not tolerated refuses, in the scheduler's words, with the node's field (rule 9.1)."""
    view = node("gpu-1", taints=["dedicated=ml:PreferNoSchedule", "nvidia.com/gpu=true:NoSchedule"])
    answer = ever(view)
    assert (answer.ok, answer.plugin) == (False, "TaintToleration")
    assert answer.reason == "node(s) had untolerated taint {nvidia.com/gpu: true}"
    assert answer.ref == Ref("nodes", "gpu-1", "spec.taints", "nvidia.com/gpu=true:NoSchedule")
    assert ever(view, tolerations=[{"operator": "Exists"}]).ok is True


def test_what_an_empty_node_cannot_hold_excludes_it() -> None:
    """Capacity counts as if no pod were there; a device that a node does not list is not there (rule 9.1)."""
    full = node("n", pods=(pod("other", **GPU),), allocatable={**ROOMY, "nvidia.com/gpu": "1"})
    assert ever(full, **GPU).ok is True
    assert feasible_now(pod(**GPU), Cluster((full,)))[0].reasons == ("Insufficient nvidia.com/gpu",)
    assert ever(node("n"), **GPU).reasons == ("Insufficient nvidia.com/gpu",)
    assert ever(node("n", allocatable={**ROOMY, "pods": "0"})).reasons == ("Too many pods",)


def test_what_is_not_known_of_a_node_is_unknown_not_feasible() -> None:
    """Unknown capacity, taints, labels or volumes give unknown; a refusal elsewhere still decides (rule 9.1)."""
    asks = {"containers": [{"resources": {"requests": {"cpu": "1"}}}]}
    assert ever(node("n", allocatable=WHY), **asks).ok is WHY
    assert ever(node("n", allocatable=WHY)).ok is True  # asks for nothing: any node holds it
    assert isinstance(ever(node("n", allocatable={"memory": "1Gi"}), **asks).ok, Unknown)
    assert ever(msgspec.structs.replace(node("n"), taints=WHY)).ok is WHY
    assert ever(msgspec.structs.replace(node("n"), taints=WHY), tolerations=[{"operator": "Exists"}]).ok is True
    found = node("n", unknown_labels={"nvidia.com/gpu.present": WHY})
    assert ever(found, nodeSelector={"nvidia.com/gpu.present": "true"}).ok is WHY
    assert ever(found, nodeSelector={"nvidia.com/gpu.present": "true", "disk": "ssd"}).ok is False
    assert ever(node("n"), WHY).ok is WHY


def test_claims_that_were_not_read_are_unknown() -> None:
    """Without the objects of dynamic resource allocation nothing is known of a pod's claims, now and structurally.

    (rule 9.1)
    """
    body: dict[str, Any] = {"resourceClaims": [{"name": "imex"}]}
    for answer in (ever(node("n"), **body), feasible_now(pod(**body), Cluster((node("n"),)))[0]):
        assert isinstance(answer.ok, Unknown)
        assert (answer.plugin, answer.ok.cause) == ("DynamicResources", Cause.NOT_COLLECTED)
        assert "resource slices" in answer.ok.detail


@pytest.mark.parametrize("mode", ["structural", "now"])
def test_a_selector_that_kubernetes_refuses_is_unknown(mode: str) -> None:
    """A hand-written pod with a wrong operator does not stop the tool and never reads as infeasible (rule 9.1)."""
    term = {"matchExpressions": [{"key": "a", "operator": "Equals", "values": ["b"]}]}
    required = {"requiredDuringSchedulingIgnoredDuringExecution": {"nodeSelectorTerms": [term]}}
    body: dict[str, Any] = {"affinity": {"nodeAffinity": required}}
    answer = ever(node("n"), **body) if mode == "structural" else feasible_now(pod(**body), Cluster((node("n"),)))[0]
    assert isinstance(answer.ok, Unknown)
    assert "Equals" in answer.ok.detail


def test_a_topology_label_that_the_node_lacks_makes_it_impossible() -> None:
    """Required pod affinity and hard spread over an absent label can never be met; anti-affinity can (rule 9.1)."""
    term = [{"topologyKey": "rack", "labelSelector": {"matchLabels": {"app": "x"}}}]
    near = {"podAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": term}}
    apart = {"podAntiAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": term}}
    even = [{"topologyKey": "rack", "maxSkew": 1, "whenUnsatisfiable": "DoNotSchedule", "labelSelector": {}}]
    bare, racked = node("n"), node("n", labels={"rack": "r1"})
    assert ever(bare, affinity=near).plugin == "InterPodAffinity"
    assert ever(bare, topologySpreadConstraints=even).plugin == "PodTopologySpread"
    assert ever(bare, affinity=apart).ok is True
    assert ever(racked, affinity=near, topologySpreadConstraints=even).ok is True
    assert ever(node("n", unknown_labels={"rack": WHY}), affinity=near).ok is WHY


def test_a_placed_pods_node_name_is_where_it_is_not_where_it_may_be() -> None:
    """Only a node name of the template itself, said to be pinned, restricts (rule 9.1)."""
    body = spec(nodeName="n2")
    assert structural(needs_of(body), node("n1")).ok is True
    assert structural(needs_of(body, pinned=True), node("n1")).plugin == "NodeName"
    assert structural(needs_of(body, pinned=True), node("n2")).ok is True
    unborn = NodeView(WHY, born=False, key="gpu+0")
    assert structural(needs_of(body, pinned=True), unborn).ok is WHY


def test_volume_zones_exclude_nodes_elsewhere() -> None:
    """A bound volume's node affinity holds today and tomorrow (rule 9.1)."""
    here = NodeSelector((NodeSelectorTerm((SelectorRequirement(ZONE, "In", ("us-east-1a",)),)),))
    assert ever(node("n", labels={ZONE: "us-east-1a"}), (here,)).ok is True
    answer = ever(node("n", labels={ZONE: "us-east-1b"}), (here,))
    assert (answer.plugin, answer.reason) == ("VolumeBinding", "node(s) had volume node affinity conflict")


def test_a_node_that_reports_no_allocatable_was_not_read_in_full() -> None:
    """An absent status is unknown, never a node that holds nothing (rule 9.1)."""
    view = node_view(msgspec.convert({"metadata": {"name": "n"}}, Node))
    assert isinstance(view.allocatable, Unknown)
    assert isinstance(ever(view, **GPU).ok, Unknown)


def test_finished_pods_hold_nothing() -> None:
    """Succeeded and failed pods are not counted on their node (rule 9.1)."""
    done = msgspec.convert({"metadata": {"name": "p"}, "status": {"phase": "Succeeded"}}, type(pod()))
    assert node_view(msgspec.convert({"metadata": {"name": "n"}}, Node), [done, pod("q")]).pods == (pod("q"),)


LABELS = ("a", "b")
TOLERATIONS = st.builds(
    lambda key, operator, value, effect: {"key": key, "operator": operator, "value": value, "effect": effect},
    st.sampled_from(("", "a", "b")),
    st.sampled_from(("", "Equal", "Exists")),
    st.sampled_from(("", "1")),
    st.sampled_from(("", "NoSchedule", "NoExecute")),
)
EXPRESSIONS = st.one_of(
    st.builds(
        lambda key, operator: {"key": key, "operator": operator, "values": ["1"]},
        st.sampled_from(LABELS),
        st.sampled_from(("In", "NotIn")),
    ),
    st.builds(
        lambda key, operator: {"key": key, "operator": operator},
        st.sampled_from(LABELS),
        st.sampled_from(("Exists", "DoesNotExist")),
    ),
)
BODIES = st.builds(
    lambda selector, terms, tolerations, cpu, rack: {
        "nodeSelector": selector,
        "affinity": {
            "nodeAffinity": {
                "requiredDuringSchedulingIgnoredDuringExecution": {
                    "nodeSelectorTerms": [{"matchExpressions": term} for term in terms]
                }
            }
        }
        if terms
        else None,
        "tolerations": tolerations,
        "containers": [{"resources": {"requests": {"cpu": cpu} if cpu else {}}}],
        "topologySpreadConstraints": [
            {"topologyKey": rack, "maxSkew": 1, "whenUnsatisfiable": "DoNotSchedule", "labelSelector": {}}
        ]
        if rack
        else [],
    },
    st.dictionaries(st.sampled_from(LABELS), st.just("1"), max_size=1),
    st.lists(st.lists(EXPRESSIONS, max_size=2), max_size=2),
    st.lists(TOLERATIONS, max_size=2),
    st.sampled_from(("", "1", "4")),
    st.sampled_from(("", "a")),
)
TAINTS = st.sampled_from(((), (Taint("a", "NoSchedule", "1"),), (Taint("b", "NoExecute"),)))


@given(
    BODIES,
    st.fixed_dictionaries({key: st.sampled_from((None, "1", "2", WHY)) for key in LABELS}),
    st.one_of(TAINTS, st.just(WHY)),
    st.sampled_from(({"cpu": "2"}, {"cpu": "8"}, {}, WHY)),
)
def test_a_definite_answer_holds_for_every_completion(
    body: dict[str, Any],
    labels: dict[str, str | Unknown | None],
    taints: tuple[Taint, ...] | Unknown,
    allocatable: dict[str, str] | Unknown,
) -> None:
    """However the unknown labels, taints and capacity turn out, a definite structural answer stays (rule 9.1)."""
    needs = needs_of(spec(**body))

    def judge(chosen: tuple[str | Unknown | None, ...], over: Any, offered: Any) -> Any:
        state = dict(zip(LABELS, chosen, strict=True))
        view = NodeView(
            "n",
            {key: value for key, value in state.items() if isinstance(value, str)},
            {key: value for key, value in state.items() if isinstance(value, Unknown)},
            over,
            offered,
        )
        return structural(needs, view).ok

    answer = judge(tuple(labels.values()), taints, allocatable)
    if isinstance(answer, Unknown):
        return
    every_label = [(None, "1", "2", "3") if isinstance(one, Unknown) else (one,) for one in labels.values()]
    every_taint = [(), (Taint("a", "NoSchedule", "1"),), (Taint("c", "NoExecute", "x"),)]
    every_size = [{"cpu": "2"}, {"cpu": "8"}]
    for chosen in itertools.product(*every_label):
        for over in every_taint if isinstance(taints, Unknown) else [taints]:
            for offered in every_size if isinstance(allocatable, Unknown) or not allocatable else [allocatable]:
                assert judge(chosen, over, offered) is answer
