"""What closes a way that must be closed: an egress policy that lets everything else pass as before.

A policy isolates what it selects, so the one that is proposed admits all addresses but those that are meant, and selects
only pods that no policy isolates yet: on one that is isolated it would open what is closed now. Where a policy admits the
address already none that is added takes it back, because policies only add up: that one is named instead.
Sources: Kubernetes documentation, "Network Policies"; Amazon EKS User Guide, "Limit Pod traffic with Kubernetes network
policies"; Amazon EC2 User Guide, "Modify instance metadata options for existing instances".
"""

from __future__ import annotations

from typing import Any

from clusterproof.checks.context import Context
from clusterproof.checks.finding import Finding
from clusterproof.checks.parties import Party
from clusterproof.checks.sides import resolve
from clusterproof.fixes.draft import Draft, MadeBy
from clusterproof.fixes.policies import policy_name, selected, stable
from clusterproof.fixes.render_kubectl import apply_command
from clusterproof.profiles.model import Requirement
from clusterproof.reach.addresses import AddressSet
from clusterproof.reach.linklocal import METADATA, name_of
from clusterproof.reach.path import Paths
from clusterproof.snapshot.fields import Ref, Unknown
from clusterproof.snapshot.kinds import NETWORK_POLICIES
from clusterproof.snapshot.overlay import Put
from clusterproof.world.model import Workload

_WHO = "who must reach it, and be let through, cannot be told from what was read"
_EVERYWHERE = {4: "0.0.0.0/0", 6: "::/0"}
PREFIX = "clusterproof-deny"
"""How the names of these policies begin; they let nothing through that was closed."""
_MANAGED = {"app.kubernetes.io/managed-by": "clusterproof"}
_NODES = (
    "node by node instead: MetadataOptions HttpTokens=required and HttpPutResponseHopLimit=1 in the launch "
    "template (Karpenter: spec.metadataOptions of the EC2NodeClass), and for instances that run: "
    "aws ec2 modify-instance-metadata-options --instance-id ID --http-tokens required --http-put-response-hop-limit 1"
)


def draft(context: Context, requirement: Requirement, finding: Finding) -> Draft:
    """One policy per workload that nothing isolates; sentences for what no further policy closes."""
    check = requirement.check.reach
    if check is None or not check.closed:
        return Draft()
    found = Draft()
    if not check.to.address:
        return Draft(advice=_between(finding), why=_WHO)
    block = AddressSet.of(check.to.address)
    for party in resolve(context, check.from_).parties:
        found += _for(context, party, block, check.to.address)
    if METADATA.covers(block) == "all":
        found += Draft(advice=(f"not proven: {_NODES}",))
    return found


def _between(finding: Finding) -> tuple[str, ...]:
    """Pods are closed by a policy of theirs that admits everybody else, which only their owner can say."""
    target = finding.matrix.server if finding.matrix is not None else "the server"
    text = f"a NetworkPolicy that selects {target} for ingress and admits only those who must reach it closes the rest"
    return (f"not proven: {text}; who that is cannot be told from what was read",)


def _for(context: Context, party: Party, block: AddressSet, text: str) -> Draft:
    workload, plane = party.workload, context.world.plane
    if workload is None or workload.spec.host_network:
        who = party.text if workload is None else workload.id
        text = f"{who} is on the host network, where no NetworkPolicy is enforced"
        return Draft(advice=(f"not proven: {text}",), why=text)
    if plane.policies is not True:
        why = plane.policies.detail if isinstance(plane.policies, Unknown) else "nothing in this cluster enforces any"
        how = ""
        if plane.name == "VPC CNI":
            cluster = context.world.snapshot.meta.cluster or "CLUSTER"
            how = (
                f": aws eks update-addon --cluster-name {cluster} --addon-name vpc-cni "
                '--configuration-values \'{"enableNetworkPolicy": "true"}\' --resolve-conflicts PRESERVE'
            )
        return Draft(
            advice=(f"not proven: a NetworkPolicy closes nothing here: {why}; let one enforce them first{how}",),
            why="nothing enforces NetworkPolicies here, or it is not known what does",
        )
    if plane.policy_engine == "Cilium":
        what = "Cilium does not match nodes by address, so that no NetworkPolicy lets everything else pass as before"
        rule = f"an egressDeny rule of a CiliumNetworkPolicy for {text}"
        return Draft(advice=(f"not proven: {what}; {rule} does",), why=f"only {rule} closes it")
    paths = Paths(context.world)
    isolating = paths.policies.isolating("egress", party.end(party.places[0])) if party.places else None
    if isolating is None or isinstance(isolating.answer, Unknown):
        return Draft()
    if isolating.answer:
        said = _admitting(context, party, block, isolating.refs)
        return Draft(advice=said, why="a policy admits it, and none that is added takes that back" if said else "")
    labels = stable(workload.labels)
    others = [
        one
        for one in selected(context.world.workloads, workload.namespace, labels)
        if one.id != workload.id and not one.spec.host_network
    ]
    held = [one.id for one in others if _isolated(context, paths, one)]
    if held:
        what = f"a NetworkPolicy for {workload.id} would also select {held[0]}, and open for it what is closed now"
        how = "give the pods a label of their own first"
        return Draft(advice=(f"not proven: {what}: {how}",), why=f"{how}: the policy would select others too")
    put = _put(context, workload, labels, block)
    name = name_of(block) or text
    told = [workload.id, *(one.id for one in others)]
    advice = f"closes {text} ({name}) on all ports to {', '.join(told)}, and nothing else"
    key = f"{workload.namespace}/{put.object['metadata']['name']}"
    change = MadeBy(
        f"add NetworkPolicy {key}: pods {_labels(labels)} may send everywhere but to {text}",
        Ref(NETWORK_POLICIES.name, key),
        {"kubectl": apply_command(put)},
        (advice,),
    )
    return Draft((put,), (change,))


def _isolated(context: Context, paths: Paths, workload: Workload) -> bool:
    """Whether a policy selects a workload for egress, or may."""
    places = context.places(workload).places
    party = Party(workload, places, workload.every_node, workload.id)
    return bool(places) and paths.policies.isolating("egress", party.end(places[0])).answer is not False


def _labels(labels: dict[str, str]) -> str:
    return ",".join(f"{key}={value}" for key, value in labels.items()) or "(all)"


def _put(context: Context, workload: Workload, labels: dict[str, str], block: AddressSet) -> Put:
    peers: list[dict[str, Any]] = []
    for family, everywhere in _EVERYWHERE.items():
        # Rules of the other family mean nothing where pods have one; where they do, they must stay open.
        shut = block.family(family).cidrs()
        peers.append({"ipBlock": {"cidr": everywhere, **({"except": list(shut)} if shut else {})}})
    what = "imds" if METADATA.covers(block) == "all" else "-".join(block.cidrs())
    base = policy_name(f"{PREFIX}-{workload.name}-to-{what}")
    name, number = base, 2
    snapshot = context.world.snapshot
    while snapshot.raw(NETWORK_POLICIES, f"{workload.namespace}/{name}") is not None:
        name, number = policy_name(f"{base}-{number}"), number + 1
    raw: dict[str, Any] = {
        "apiVersion": "networking.k8s.io/v1",
        "kind": "NetworkPolicy",
        "metadata": {"labels": dict(_MANAGED), "name": name, "namespace": workload.namespace},
        "spec": {
            "podSelector": {"matchLabels": labels} if labels else {},
            "policyTypes": ["Egress"],
            "egress": [{"to": peers}],
        },
    }
    return Put(NETWORK_POLICIES.name, raw)


def _admitting(context: Context, party: Party, block: AddressSet, refs: tuple[Ref, ...]) -> tuple[str, ...]:
    """The policy and the rule that admit the address; each of them would have to be narrowed."""
    from clusterproof.reach.networkpolicy.rules import rule_of

    found: list[str] = []
    for ref in refs:
        policy = context.world.snapshot.get(NETWORK_POLICIES, ref.key)
        for number, rule in enumerate(policy.spec.egress if policy is not None else ()):
            held = rule_of(rule, number, policy.metadata.namespace if policy is not None else "")
            blocks = [peer.ip_block for peer in rule.to if peer.ip_block is not None]
            inside = not rule.to or any(
                (AddressSet.of(one.cidr) - AddressSet.of(*one.except_)).covers(block) != "none" for one in blocks
            )
            if inside:
                found.append(
                    f"not proven: {ref.key}, {held.field}, admits it ({held.text}): policies only add up, so that no "
                    f"further one closes it for {party.text}; except {', '.join(block.cidrs())} in that rule"
                )
    return tuple(found)
