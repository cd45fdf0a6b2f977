"""Repairs of what must be closed, of DaemonSets that taints keep away, of subnets' tags and of Pod Security labels."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from clusterproof.checks.context import Context
from clusterproof.checks.engine import findings, report
from clusterproof.checks.finding import Finding
from clusterproof.checks.mended import Fix
from clusterproof.fixes.propose import repair
from clusterproof.fixes.render import render
from clusterproof.profiles.model import Check, Covers, PodSecurity, Reach, Requirement, Subject, Subnets
from clusterproof.snapshot import kinds
from clusterproof.snapshot.overlay import Put, SetField, apply
from clusterproof.verdict.algebra import Verdict
from tests.checks.ask import ask, profile, requirement
from tests.checks.test_closed import AGENT, EXCEPT, IMDS, STRICT, asked, cluster, policy
from tests.checks.test_podsecurity import ENFORCE, spec
from tests.world.build import Tiny


def fixed(tiny: Tiny, *requirements: Requirement) -> tuple[Finding, ...]:
    """The findings of some requirements, with fixes."""
    asked_ = [msgspec.structs.replace(one, id=f"r-{number}") for number, one in enumerate(requirements)]
    context = Context(tiny.snapshot(), profile(*asked_))
    return repair(context, report(context, findings(context))).findings


def fix_of(tiny: Tiny, *requirements: Requirement) -> Fix:
    """The fix of the first."""
    fix = fixed(tiny, *requirements)[0].fix
    assert fix is not None
    return fix


# --- the metadata service ------------------------------------------------------------------------------


def test_a_policy_closes_the_metadata_service_and_leaves_the_rest() -> None:
    """One policy blocks the address, proven, lists what it closes, opens nothing, and Pod Identity stays open."""
    open_ = asked(AGENT, closed=False)
    fix = fix_of(cluster(), asked(), open_)
    assert fix.proven
    (edit,) = fix.overlay.edits
    assert isinstance(edit, Put)
    spec_ = edit.object["spec"]
    assert spec_["policyTypes"] == ["Egress"]
    assert spec_["podSelector"] == {"matchLabels": {"app": "client"}}
    blocks = [peer["ipBlock"] for peer in spec_["egress"][0]["to"]]
    assert blocks == [{"cidr": "0.0.0.0/0", "except": [IMDS]}, {"cidr": "::/0"}]
    assert fix.opens == ()
    assert any(text.startswith(f"closes {IMDS} (the instance metadata service)") for text in fix.said)
    assert any("modify-instance-metadata-options" in text for text in fix.said)
    after = apply(cluster().snapshot(), fix.overlay)
    assert ask(after, open_).verdict is Verdict.PASS
    assert ask(after, asked()).verdict is Verdict.PASS
    elsewhere = requirement(
        Check(
            reach=Reach(
                Subject(workload="deploy/app/client"), Subject(workload="deploy/app/client"), "80/TCP", "address"
            )
        )
    )
    assert ask(after, elsewhere).verdict is ask(cluster(), elsewhere).verdict


def test_rendered_for_kubectl() -> None:
    """The policy is what kubectl applies."""
    tiny = cluster()
    text = render(fix_of(tiny, asked()), tiny.snapshot(), "kubectl")
    assert "name: clusterproof-deny-client-to-imds" in text
    assert "kind: NetworkPolicy" in text


def test_where_another_policy_admits_it_that_one_is_named() -> None:
    """Nothing that is added takes back what a policy admits: it is named with its rule, and no edit is proposed."""
    fix = fix_of(policy(cluster(), "web", [{"to": [{"ipBlock": {"cidr": "10.0.0.0/8"}}]}, {}]), asked())
    assert (fix.proven, fix.overlay.edits) == (False, ())
    assert any("app/web, spec.egress[1], admits it (all ports to anywhere)" in text for text in fix.said)
    assert not any("spec.egress[0]" in text for text in fix.said)


def test_where_nothing_enforces_policies() -> None:
    """A policy that nothing enforces closes nothing: enforcement is what is advised."""
    fix = fix_of(cluster(enforced=False), asked())
    assert (fix.proven, fix.overlay.edits) == (False, ())
    assert any("enableNetworkPolicy" in text for text in fix.said)
    host = fix_of(cluster(spec={"hostNetwork": True}), asked())
    assert any("on the host network" in text for text in host.advice)


def test_others_with_the_same_labels() -> None:
    """Pods that the policy would select too are told; one that is isolated already would be opened, so that none is made."""
    labels = {"app": "client"}
    tiny = cluster().deployment("app/twin", labels=labels)
    fix = fix_of(tiny, asked())
    assert fix.proven
    assert any("deploy/app/client, deploy/app/twin" in text for text in fix.said)
    held = policy(cluster().deployment("app/twin", labels={**labels, "tier": "db"}), "db", [], labels={"tier": "db"})
    kept = fix_of(held, asked())
    assert (kept.proven, kept.overlay.edits) == (False, ())
    assert any("would also select deploy/app/twin, and open for it what is closed now" in text for text in kept.said)


def test_a_policy_of_that_name_is_left_alone() -> None:
    """Somebody's policy with the name keeps it."""
    tiny = policy(cluster(), "clusterproof-deny-client-to-imds", [], labels={"app": "other"})
    (edit,) = fix_of(tiny, asked()).overlay.edits
    assert isinstance(edit, Put)
    assert edit.object["metadata"]["name"] == "clusterproof-deny-client-to-imds-2"


@pytest.mark.parametrize("tiny", [cluster(options=STRICT), policy(cluster(), "p", EXCEPT)])
def test_what_is_closed_needs_no_fix(tiny: Tiny) -> None:
    """A requirement that passes has no fix."""
    assert fixed(tiny, asked())[0].fix is None


# --- DaemonSets ------------------------------------------------------------------------------------------


def test_tolerations() -> None:
    """Every taint of the set is tolerated by one patch that keeps what is there; proven on the copy."""
    taints = ("nvidia.com/gpu=true:NoSchedule", "team=ml:NoExecute")
    tiny = Tiny().managed("gpu", ["sg-a"], taints=taints, nodes=2).managed("cpu", ["sg-a"])
    held = [{"key": "old", "operator": "Exists"}]
    tiny.controller("DaemonSet", "kube-system/plugin", {"tolerations": held})
    fix = fix_of(tiny, requirement(Check(covers=Covers("ds/kube-system/plugin", "all"))))
    assert fix.proven
    (edit,) = fix.overlay.edits
    assert isinstance(edit, SetField)
    assert edit.value == [
        *held,
        {"key": "nvidia.com/gpu", "operator": "Exists", "effect": "NoSchedule"},
        {"key": "team", "operator": "Exists", "effect": "NoExecute"},
    ]
    (command,) = fix.commands
    assert command.startswith('kubectl patch daemonset plugin -n kube-system --type=json -p \'[{"op": "add"')


def test_affinity_is_left_alone() -> None:
    """Where its own selector keeps a DaemonSet away that is told and not changed."""
    tiny = Tiny().managed("gpu", ["sg-a"])
    tiny.controller("DaemonSet", "kube-system/plugin", {"nodeSelector": {"a": "b"}})
    fix = fix_of(tiny, requirement(Check(covers=Covers("ds/kube-system/plugin", "all"))))
    assert (fix.proven, fix.overlay.edits) == (False, ())
    assert any("does not run on gpu: node(s) didn't match Pod's node affinity/selector" in text for text in fix.said)


# --- subnets ---------------------------------------------------------------------------------------------


def test_tags_are_added_to_those_that_are_there() -> None:
    """The tag that a subnet's routes ask for is added; others stay."""
    tiny = Tiny().managed("a", ["sg-a"])
    tiny.objects[kinds.SUBNETS.name][0]["Tags"] = [{"Key": "Name", "Value": "private-a"}]
    fix = fix_of(tiny, requirement(Check(subnets=Subnets("nodes", "tags"))))
    assert fix.proven
    (edit,) = fix.overlay.edits
    assert isinstance(edit, SetField)
    role = {"Key": "kubernetes.io/role/internal-elb", "Value": "1"}
    assert edit.value == [{"Key": "Name", "Value": "private-a"}, role]
    assert fix.commands == (
        "aws ec2 create-tags --resources subnet-a --tags Key=kubernetes.io/role/internal-elb,Value=1",
    )
    assert 'resource "aws_ec2_tag" "subnet_a_internal_elb"' in render(fix, tiny.snapshot(), "terraform")


@pytest.mark.parametrize(("that", "word"), [("way-out", "create-nat-gateway"), ("zones", "Availability Zone")])
def test_routes_are_advice(that: str, word: str) -> None:
    """Gateways, routes and zones are advised, with the commands, and nothing is proven of them."""
    fix = fix_of(Tiny().managed("a", ["sg-a"]), requirement(Check(subnets=Subnets("nodes", that))))
    assert (fix.proven, fix.overlay.edits) == (False, ())
    assert any(word in text for text in fix.said)


# --- Pod Security ------------------------------------------------------------------------------------------


def enforced(level: str) -> Requirement:
    """Whether the namespace of a workload enforces a level."""
    return requirement(Check(pod_security=PodSecurity("deploy/app/x", level, "enforced")))


def test_a_label_that_refuses_nobody() -> None:
    """The namespace is labelled where all its pods keep the level; its other labels stay."""
    tiny = Tiny().deployment("app/x", spec())
    fix = fix_of(tiny, enforced("restricted"))
    assert fix.proven
    (edit,) = fix.overlay.edits
    assert isinstance(edit, SetField)
    assert edit.value == {"kubernetes.io/metadata.name": "app", ENFORCE: "restricted"}
    assert fix.commands == (f"kubectl label --overwrite namespace app {ENFORCE}=restricted",)


def test_a_label_that_would_stop_pods_is_not_proposed() -> None:
    """Where a workload would be refused it is named; warnings, baseline and a dry run are offered instead."""
    tiny = Tiny().deployment("app/x", spec()).deployment("app/old")
    fix = fix_of(tiny, enforced("restricted"))
    assert (fix.proven, fix.overlay.edits) == (False, ())
    assert any("deploy/app/old would be refused under restricted: container main must set" in text for text in fix.said)
    assert any("warn=restricted" in text and f"{ENFORCE}=baseline" in text for text in fix.said)
    assert any("--dry-run=server" in text for text in fix.said)
    other: dict[str, Any] = {"hostNetwork": True}
    worse = fix_of(Tiny().deployment("app/x", spec()).deployment("app/old", other), enforced("baseline"))
    assert not any(f"{ENFORCE}=baseline;" in text for text in worse.advice)


def test_several_findings_make_one_plan() -> None:
    """What closes and what is tagged stand in one plan, proven together."""
    tiny = cluster()
    wanted = [asked(), requirement(Check(subnets=Subnets("nodes", "tags")))]
    asked_ = [msgspec.structs.replace(one, id=f"r-{number}") for number, one in enumerate(wanted)]
    context = Context(tiny.snapshot(), profile(*asked_))
    plan = repair(context, report(context, findings(context))).plan
    assert plan is not None
    assert (plan.proven, len(plan.overlay.edits)) == (True, 2)
