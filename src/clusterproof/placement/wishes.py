"""What a pod asks of a node's labels against what a NodePool asks of its nodes.

A template leaves a label open where its pool admits many values, or all but some. A pod that asks for none of those is
refused all the same: Karpenter launches no node for it, and what it launches for others has no such value either. Only
refusals are told here: which of the values that both admit the next node gets is not known.
Source: kubernetes-sigs/karpenter pkg/scheduling/requirements.go (Compatible; NewPodRequirements for what a pod asks).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from clusterproof.placement.feasibility import Feasibility, refused
from clusterproof.placement.node import NodeView
from clusterproof.placement.ownfilters import NOT_SELECTED
from clusterproof.snapshot import kinds
from clusterproof.snapshot.fields import Ref
from clusterproof.snapshot.kubernetes import NodeSelectorTerm, PodSpec, SelectorRequirement
from clusterproof.world.ground import Ground
from clusterproof.world.pools import Requirements, stable
from clusterproof.world.requirements import Requirement, compatible, intersect, parse
from clusterproof.world.selectors import SelectorError, node_term_matches


def refused_by_pool(world: Ground, spec: PodSpec, group: str, view: NodeView) -> Feasibility | None:
    """NodeAffinity's refusal of every node that a NodePool may make like this one; None where one may do.

    Args:
        world: the cluster.
        spec: the pod's.
        group: that would make the node; of another kind than a NodePool it refuses nothing.
        view: of the node not yet born; its labels decide where they are known.
    """
    ref = next((ref for ref in world.groups[group].refs if ref.kind == kinds.NODE_POOLS.name), None)
    pool = world.snapshot.get(kinds.NODE_POOLS, ref.key) if ref is not None else None
    if pool is None:
        return None
    admitted = Requirements(pool).by_key
    affinity = spec.affinity.node_affinity if spec.affinity else None
    terms: tuple[NodeSelectorTerm | None, ...] = (None,)
    if affinity is not None and affinity.required is not None:
        terms = affinity.required.node_selector_terms
    selected = [SelectorRequirement(key, "In", (value,)) for key, value in spec.node_selector.items()]
    for term in terms:
        if term is not None and _never(term, view):
            continue
        wanted = _demands([*selected, *(term.match_expressions if term is not None else ())])
        # What the pool does not name, the labels of the class decide.
        if compatible(admitted, wanted, lambda _: True):
            return None
    ref = Ref(kinds.NODE_POOLS.name, pool.metadata.name, "spec.template.spec.requirements", ", ".join(admitted))
    return refused("NodeAffinity", NOT_SELECTED, final=True, ref=ref)


def _never(term: NodeSelectorTerm, view: NodeView) -> bool:
    try:
        return node_term_matches(term, view.label_state, view.name) is False
    except SelectorError:
        return False  # what the API refuses stays in doubt, as the filters leave it


def _demands(items: Iterable[SelectorRequirement]) -> Mapping[str, Requirement]:
    found: dict[str, Requirement] = {}
    for item in items:
        demand = parse(item)
        if demand is not None:
            key = stable(item.key)
            found[key] = intersect(found.get(key, Requirement()), demand)
    return found
