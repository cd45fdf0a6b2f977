"""What a filter says of one node: yes, no in the scheduler's words, or why it cannot be said.

Source: kubernetes ``staging/src/k8s.io/kube-scheduler/framework/interface.go`` (``Code``): a refusal is Unschedulable,
which the removal of other pods may mend, or UnschedulableAndUnresolvable, which it cannot.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TypeVar

import msgspec

from clusterproof.placement.interpod import UndecidedError
from clusterproof.placement.node import NodeView
from clusterproof.snapshot.fields import Ref, Unknown
from clusterproof.world.selectors import Truth

S = TypeVar("S")


class Feasibility(msgspec.Struct, frozen=True):
    """Whether a pod may run on a node.

    Attributes:
        ok: yes, no, or why it cannot be said.
        plugin: the scheduler plugin that refused, or that could not be decided; empty for yes.
        reasons: in the scheduler's words.
        ref: the field of the node that refused; None where no one field did.
        final: a refusal that no removal of other pods from the node mends (UnschedulableAndUnresolvable).
        whole: the pod is refused before any node is looked at, so that each node's answer is this one.
    """

    ok: Truth
    plugin: str = ""
    reasons: tuple[str, ...] = ()
    ref: Ref | None = None
    final: bool = False
    whole: bool = False

    @property
    def reason(self) -> str:
        """The reasons as one clause."""
        return ", ".join(self.reasons)


FEASIBLE = Feasibility(ok=True)


def first_of(answers: Iterable[Feasibility]) -> Feasibility:
    """The first refusal; without one, the first that could not be decided; else feasible."""
    undecided: Feasibility | None = None
    for answer in answers:
        if answer.ok is False:
            return answer
        if undecided is None and isinstance(answer.ok, Unknown):
            undecided = answer
    return undecided or FEASIBLE


def undecided(plugin: str, unknown: Unknown) -> Feasibility:
    """A plugin that rests on something that is not known."""
    return Feasibility(unknown, plugin, (str(unknown),))


def refused(plugin: str, *reasons: str, final: bool = False, ref: Ref | None = None) -> Feasibility:
    """A plugin's refusal of one node."""
    return Feasibility(ok=False, plugin=plugin, reasons=reasons, ref=ref, final=final)


def refused_whole(plugin: str, reason: str) -> Feasibility:
    """A plugin's refusal of the pod, whatever the node (PreEnqueue, or PreFilter)."""
    return Feasibility(ok=False, plugin=plugin, reasons=(reason,), final=True, whole=True)


def judged(truth: Truth, plugin: str, reason: str, ref: Ref | None = None, *, final: bool = False) -> Feasibility:
    """A truth as the plugin's answer."""
    if isinstance(truth, Unknown):
        return undecided(plugin, truth)
    return FEASIBLE if truth else refused(plugin, reason, final=final, ref=ref)


def or_unknown(compute: Callable[[], S]) -> S | Unknown:
    """Let a computation over the whole cluster be unknown for all nodes, where something it reads is."""
    try:
        return compute()
    except UndecidedError as error:
        return error.unknown


def asked(plugin: str, state: S | Unknown, refusal: Callable[[S], str], final: frozenset[str]) -> Feasibility:
    """What a plugin that looked at the whole cluster first says of one node; ``final`` are its unresolvable reasons."""
    if isinstance(state, Unknown):
        return undecided(plugin, state)
    try:
        reason = refusal(state)
    except UndecidedError as error:
        return undecided(plugin, error.unknown)
    return refused(plugin, reason, final=reason in final) if reason else FEASIBLE


def node_ref(node: NodeView, field: str, value: str) -> Ref | None:
    """Evidence on the node; a node that is not born has no object to point at."""
    return Ref("nodes", node.name, field, value) if isinstance(node.name, str) else None
