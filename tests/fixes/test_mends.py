"""Mends of a profile: what they edit, that they are proven, merged, and written for every tool."""

from __future__ import annotations

import shlex
import subprocess
from typing import Any

import hcl2
import pytest
import yaml

from clusterproof.checks.context import Context
from clusterproof.checks.engine import findings, report
from clusterproof.checks.finding import Report
from clusterproof.checks.mended import Fix, Left
from clusterproof.fixes.propose import repair
from clusterproof.fixes.render import STYLES, render
from clusterproof.fixes.render_part import Part, part
from clusterproof.profiles.model import (
    Check,
    Each,
    FindWorkload,
    Installed,
    Mend,
    Profile,
    Requirement,
    WorkloadDefinition,
)
from clusterproof.snapshot import kinds
from clusterproof.snapshot.fields import Cause, Unknown
from clusterproof.snapshot.overlay import Overlay, SetField, apply
from clusterproof.snapshot.snapshot import Snapshot
from clusterproof.verdict.algebra import Verdict
from tests.checks.ask import profile
from tests.checks.ask import requirement as plain
from tests.world.build import Tiny

HOSTILE = 'a\'; touch /tmp/x; echo "$(id)" `id` ${y} #'
SCALE = Mend(
    "let node group ${it.nodegroupName} go down to zero",
    set={"scalingConfig.minSize": 0},
    commands={
        "aws-cli": "aws eks update-nodegroup-config --cluster-name ${cluster.name} --nodegroup-name ${it.nodegroupName} "
        "--scaling-config minSize=0",
        "terraform": 'resource "aws_eks_node_group" "it" {\n  node_group_name = ${it.nodegroupName}\n}',
    },
    advice="nodes of ${it.nodegroupName} go away when nothing runs on them",
)
ZERO = Each("nodegroups", "it.scalingConfig.minSize == 0")


def requirement(check: Check, *mends: Mend, id_: str = "it", remedy: str = "") -> Requirement:
    """A requirement with mends."""
    import msgspec

    return msgspec.structs.replace(plain(check, id_=id_), mends=mends, remedy=remedy)


def groups(*names: str, low: int = 1) -> Tiny:
    """A cluster with these node groups, none of which goes down to zero."""
    tiny = Tiny()
    tiny.meta = type(tiny.meta)(time="2026-01-01T00:00:00Z", cluster="tiny", region="eu-west-1", account="111122223333")
    for name in names:
        scaling = {"minSize": low, "maxSize": 3, "desiredSize": low}
        tiny.put(kinds.NODEGROUPS, {"nodegroupName": name, "scalingConfig": scaling, "tags": {}})
    return tiny


def repaired(
    tiny: Tiny | Snapshot, *asked: Requirement, workloads: dict[str, WorkloadDefinition] | None = None
) -> Report:
    """The report of some requirements, with its fixes."""
    base = profile(*asked)
    own = Profile("t", "t", base.document, base.requirements, workloads=workloads or {})
    snapshot = tiny.snapshot() if isinstance(tiny, Tiny) else tiny
    context = Context(snapshot, own)
    return repair(context, report(context, findings(context)))


def fixed(tiny: Tiny | Snapshot, *asked: Requirement) -> tuple[Fix, Fix]:
    """The fix of the first finding, and the plan."""
    found = repaired(tiny, *asked)
    assert found.findings[0].fix is not None
    assert found.plan is not None
    return found.findings[0].fix, found.plan


def test_every_object_that_fails_is_mended_and_the_whole_is_proven() -> None:
    """One edit, one change and one command for each failing object; the check passes on the copy."""
    tiny = groups("gpu", "other")
    fix, plan = fixed(tiny, requirement(Check(each=ZERO), SCALE))
    assert fix.proven
    assert fix == plan
    assert [(edit.key, edit.path, edit.value) for edit in fix.overlay.edits if isinstance(edit, SetField)] == [
        ("gpu", "scalingConfig.minSize", 0),
        ("other", "scalingConfig.minSize", 0),
    ]
    assert [change.text for change in fix.changes] == [
        "let node group gpu go down to zero",
        "let node group other go down to zero",
    ]
    assert fix.commands[0].startswith("aws eks update-nodegroup-config --cluster-name tiny --nodegroup-name gpu ")
    assert fix.advice == ()
    assert [change.before for change in fix.changes] == [
        ("nodes of gpu go away when nothing runs on them",),
        ("nodes of other go away when nothing runs on them",),
    ]
    assert fix.mends == ("t/it",)
    after = apply(tiny.snapshot(), fix.overlay)
    (found,) = findings(Context(after, profile(requirement(Check(each=ZERO)))))
    assert found.verdict is Verdict.PASS


def test_what_does_not_mend_is_not_proven() -> None:
    """An edit after which the check still fails is shown as not proven, with the profile's own remedy."""
    wrong = Mend("set another", set={"scalingConfig.maxSize": 9}, commands={"aws-cli": "aws x"})
    fix, plan = fixed(groups("gpu"), requirement(Check(each=ZERO), wrong, remedy="Ask somebody."))
    assert not fix.proven
    assert not plan.proven
    assert "not proven: Ask somebody." in fix.said
    assert fix.advice[0] == "not proven: with this change it is still fail"


def test_without_mends_the_remedy_is_advice() -> None:
    """Nothing to edit: the profile's remedy, and nothing that looks like a change."""
    fix, _ = fixed(groups("gpu"), requirement(Check(each=ZERO), remedy="Ask somebody."))
    assert fix == Fix(proven=False, advice=("not proven: Ask somebody.",))


def test_a_change_that_breaks_another_requirement_is_not_proven() -> None:
    """A requirement that passed and would not is named, and what the change mends besides is told."""
    other = requirement(Check(each=Each("nodegroups", "it.scalingConfig.minSize > 0")), id_="kept")
    fix, plan = fixed(groups("gpu"), requirement(Check(each=ZERO), SCALE), other)
    assert not fix.proven
    assert "with this change kept would no longer pass" in fix.said
    assert not plan.proven
    follows = requirement(Check(each=Each("nodegroups", "it.scalingConfig.minSize < 1")), id_="follows")
    fix, plan = fixed(groups("gpu"), requirement(Check(each=ZERO), SCALE), follows)
    assert fix.proven
    assert fix.advice[-1] == "follows would pass with it too"
    assert plan.proven
    assert len(plan.changes) == 1
    assert not any("no proven change" in text or "not proven" in text for text in plan.advice)


def test_what_no_longer_applies_is_no_loss() -> None:
    """A requirement that passed and has nothing left to be about is told, and the change is proven all the same."""
    about = Each("nodegroups", "it.scalingConfig.maxSize > 0", where="it.scalingConfig.minSize > 0")
    fix, _ = fixed(groups("gpu"), requirement(Check(each=ZERO), SCALE), requirement(Check(each=about), id_="about"))
    assert fix.proven
    assert fix.advice[-1] == "about would no longer apply"


def test_what_is_already_there_is_kept() -> None:
    """A value made from the object's own keeps what it holds; a name with dots is set inside its mapping."""
    space = {"metadata": {"name": "app", "labels": {"a.b/c": "d"}}}
    tiny = Tiny()
    tiny.objects["namespaces"] = [space]
    that = "get(it, ['metadata', 'labels', 'x.y/enforce'], '') == 'baseline' && it.metadata.labels.size() == 3"
    mend = Mend(
        "label ${it.metadata.name}",
        set={'metadata.labels["x.y/enforce"]': "baseline", "metadata.labels['x.y/warn']": "restricted"},
        commands={"kubectl": "kubectl label namespace ${it.metadata.name} x.y/enforce=baseline"},
    )
    fix, _ = fixed(tiny, requirement(Check(each=Each("namespaces", that)), mend))
    assert fix.proven
    (_, last) = fix.overlay.edits
    assert isinstance(last, SetField)
    assert last.value == {"a.b/c": "d", "x.y/enforce": "baseline", "x.y/warn": "restricted"}


def tagging(key: str) -> Requirement:
    """A requirement that a tag is there, with a mend that adds it to the others."""
    mend = Mend(
        f"tag it {key}",
        set={"Tags": "${(has(it.Tags) ? it.Tags : []) + [{'Key': '" + key + "', 'Value': 'true'}]}"},
        commands={"aws-cli": f"aws autoscaling create-or-update-tags --tags Key={key}"},
    )
    return requirement(Check(each=Each("auto-scaling-groups", f"has_tag(it.Tags, '{key}')")), mend, id_=key)


def test_two_that_change_one_object_are_made_one_upon_the_other() -> None:
    """Two requirements that add to the same list: the plan holds both additions and is proven."""
    tiny = groups().put(kinds.AUTO_SCALING_GROUPS, {"AutoScalingGroupName": "g", "Tags": [{"Key": "z", "Value": ""}]})
    _, plan = fixed(tiny, tagging("a"), tagging("b"))
    assert plan.proven
    assert [change.text for change in plan.changes] == ["tag it a", "tag it b"]
    raw = apply(tiny.snapshot(), plan.overlay).raw(kinds.AUTO_SCALING_GROUPS, "g")
    assert raw is not None
    assert [tag["Key"] for tag in raw["Tags"]] == ["z", "a", "b"]


def test_one_change_for_two_requirements_stands_once() -> None:
    """The same mend for two requirements is one change of the plan."""
    _, plan = fixed(
        groups("gpu"), requirement(Check(each=ZERO), SCALE), requirement(Check(each=ZERO), SCALE, id_="two")
    )
    assert plan.proven
    assert len(plan.changes) == len(plan.overlay.edits) == len(plan.commands) == 1


def test_a_change_may_need_that_of_another() -> None:
    """What passes only with another requirement's change as well is proven in the plan, not by itself."""
    both = "it.scalingConfig.minSize == 0 && it.scalingConfig.maxSize == 9"
    grow = Mend("let it grow", set={"scalingConfig.maxSize": 9}, commands={"aws-cli": "aws y"})
    found = repaired(
        groups("gpu"),
        requirement(Check(each=Each("nodegroups", both)), grow, id_="both"),
        requirement(Check(each=ZERO), SCALE, id_="zero"),
    )
    assert [finding.fix is not None and finding.fix.proven for finding in found.findings] == [False, True]
    assert found.plan is not None
    assert found.plan.proven
    assert {change.text for change in found.plan.changes} == {"let it grow", "let node group gpu go down to zero"}


def test_what_can_be_mended_is_in_the_plan_beside_what_cannot() -> None:
    """A third requirement that nothing mends takes nothing out of the plan, which names it with why."""
    both = "it.scalingConfig.minSize == 0 && it.scalingConfig.maxSize == 9"
    grow = Mend("let it grow", set={"scalingConfig.maxSize": 9}, commands={"aws-cli": "aws y"})
    never = requirement(Check(each=Each("nodegroups", "it.nodegroupName == 'x'")), id_="never", remedy="Ask.")
    asked = requirement(Check(each=Each("nodegroups", both)), grow, id_="both")
    found = repaired(groups("gpu"), asked, requirement(Check(each=ZERO), SCALE, id_="zero"), never)
    plan = found.plan
    assert plan is not None
    assert plan.proven
    assert len(plan.changes) == 2
    assert plan.mends == ("t/both", "t/zero")
    assert plan.left == (Left("t/never", "Ask"),)
    assert not any("never" in text or "Ask" in text for text in plan.said)
    text = render(plan, groups("gpu").snapshot(), "aws-cli")
    assert text.startswith(
        "# clusterproof: proven: mends 2 of 3 failing requirements, and breaks none.\n# Mends both, zero\n"
    )
    assert "# Not mended by it, 1:\n# - never: Ask\n# More on each: clusterproof explain t/never\n" in text


def test_of_two_changes_that_exclude_each_other_one_is_left_out() -> None:
    """Each passes with its own change and not with the other's: the first stays in the plan, which says so of the second."""
    one = Mend("let it have one", set={"scalingConfig.minSize": 1}, commands={"aws-cli": "aws y"})
    asked = requirement(Check(each=Each("nodegroups", "it.scalingConfig.minSize == 1")), one, id_="one")
    found = repaired(groups("gpu", low=2), requirement(Check(each=ZERO), SCALE, id_="zero"), asked)
    assert all(finding.fix is not None and finding.fix.proven for finding in found.findings)
    assert found.plan is not None
    assert (found.plan.proven, found.plan.mends) == (True, ("t/zero",))
    assert [change.text for change in found.plan.changes] == ["let node group gpu go down to zero"]
    assert found.plan.left == (Left("t/one", "its change is left out: together with the others zero would not pass"),)


def test_changes_that_break_something_together_are_not_both_made() -> None:
    """What passes with either change and not with both keeps one of them out of the plan, by name."""
    grow = Mend("let it grow", set={"scalingConfig.maxSize": 9}, commands={"aws-cli": "aws y"})
    larger = requirement(Check(each=Each("nodegroups", "it.scalingConfig.maxSize == 9")), grow, id_="larger")
    either = "it.scalingConfig.minSize > 0 || it.scalingConfig.maxSize < 9"
    kept = requirement(Check(each=Each("nodegroups", either)), id_="either")
    found = repaired(groups("gpu"), larger, requirement(Check(each=ZERO), SCALE, id_="zero"), kept)
    assert found.plan is not None
    assert (found.plan.proven, found.plan.mends) == (True, ("t/larger",))
    assert found.plan.left == (
        Left("t/zero", "its change is left out: together with the others either would not pass"),
    )


def test_what_a_chart_brings_is_put() -> None:
    """For a component: the objects that its check reads are put, and the command of Helm is what makes them."""
    deployment = {
        "metadata": {"name": "keda-operator", "namespace": "keda"},
        "spec": {
            "replicas": 1,
            "selector": {"matchLabels": {"app": "keda"}},
            "template": {
                "metadata": {"labels": {"app": "keda"}},
                "spec": {"containers": [{"name": "k", "image": "k:1"}]},
            },
        },
        "status": {"availableReplicas": 1},
    }
    released = {
        "metadata": {"name": "keda", "namespace": "keda"},
        "chart": "keda",
        "version": "2.15.1",
        "status": "deployed",
    }
    mend = Mend(
        "install KEDA",
        put=({"kind": "deployments", "object": deployment}, {"kind": "helmreleases", "object": released}),
        commands={"helm": "helm upgrade -i keda kedacore/keda -n keda --create-namespace --version 2.15.1"},
    )
    asked = requirement(Check(installed=Installed("keda", at_least="2.15.1", chart="keda")), mend)
    found = repaired(
        Tiny(), asked, workloads={"keda": WorkloadDefinition("k", (FindWorkload(labels={"app": "keda"}),))}
    )
    fix = found.plan
    assert fix is not None
    assert fix.proven
    assert fix.commands == ("helm upgrade -i keda kedacore/keda -n keda --create-namespace --version 2.15.1",)
    snapshot = Tiny().snapshot()
    assert fix.commands[0] in render(fix, snapshot, "helm")
    assert part(fix, snapshot, "helm") == Part(1)
    assert part(fix, snapshot, "kubectl") == Part(0, ("changes of Deployments",), "aws-cli")
    for style in ("terraform", "cloudformation"):
        assert "see --as helm" in render(fix, snapshot, style)
    assert "cannot make these changes" in render(fix, snapshot, "kubectl")


def policy(name: str) -> dict[str, Any]:
    """A NetworkPolicy that lets pods ask for names only."""
    return {
        "apiVersion": "networking.k8s.io/v1",
        "kind": "NetworkPolicy",
        "metadata": {"name": name, "namespace": "app"},
        "spec": {
            "podSelector": {},
            "policyTypes": ["Egress"],
            "egress": [{"ports": [{"port": 53, "protocol": "UDP"}]}],
        },
    }


def test_objects_that_are_put_alone_are_manifests() -> None:
    """Without commands, Kubernetes objects are given to kubectl as they are, as a stream of YAML."""
    mend = Mend("limit what pods send", put=tuple({"kind": "networkpolicies", "object": policy(n)} for n in ("a", "b")))
    asked = requirement(Check(each=Each("namespaces", "networkpolicies.size() == 2", using=("networkpolicies",))), mend)
    tiny = Tiny()
    fix, _ = fixed(tiny, asked)
    assert fix.proven
    assert part(fix, tiny.snapshot(), "kubectl") == Part(1)
    written = [doc for doc in yaml.safe_load_all(render(fix, tiny.snapshot(), "kubectl")) if doc]
    assert written == [policy("a"), policy("b")]
    assert fix.commands[0].startswith("kubectl apply -f - <<'EOF'\n")
    assert "what NetworkPolicies app/a and app/b let through besides is not listed" in fix.said


def test_commands_beside_manifests_make_a_script() -> None:
    """Where kubectl runs other commands too, its rendering is one script for bash."""
    mend = Mend(
        "annotate", set={"metadata.annotations": {"a": "b"}}, commands={"kubectl": "kubectl annotate ns app a=b"}
    )
    put = Mend("limit what pods send", put=({"kind": "networkpolicies", "object": policy("a")},))
    that = "it.metadata.name != 'app' || has(it.metadata.annotations) && networkpolicies.size() == 1"
    asked = requirement(Check(each=Each("namespaces", that, using=("networkpolicies",))), mend, put)
    tiny = Tiny()
    fix, _ = fixed(tiny, asked)
    text = render(fix, tiny.snapshot(), "kubectl")
    script = "kubectl() { printf '[%s]' \"$@\"; case $* in apply*) cat;; esac; echo; }\n" + text
    done = subprocess.run(["bash", "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.startswith("[annotate][ns][app][a=b]\n[apply][-f][-]")
    assert yaml.safe_load(done.stdout.partition("[-]")[2]) == policy("a")


@pytest.mark.parametrize(
    "quote", ["${it.nodegroupName}", "'x ${it.nodegroupName} y'", '"x ${it.nodegroupName} y"', "n=${it.nodegroupName}"]
)
def test_nothing_in_an_object_gets_out_of_a_command(quote: str) -> None:
    """Bash reads a value back as it is, whatever it holds and however the profile quotes around it."""
    import msgspec

    mend = msgspec.structs.replace(
        SCALE, commands={"aws-cli": f"aws one {quote} # it's ${{it.nodegroupName}}\naws two"}
    )
    fix, _ = fixed(groups(HOSTILE), requirement(Check(each=ZERO), mend))
    assert fix.proven
    script = "aws() { printf '%s\\n' \"$@\"; }\n" + render(fix, groups().snapshot(), "aws-cli")
    done = subprocess.run(["bash", "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines() == ["one", quote.strip("'\"").replace("${it.nodegroupName}", HOSTILE), "two"]
    assert done.stderr == ""


def test_documents_are_one_word_and_terraform_reads_values_back() -> None:
    """Lists and mappings become JSON on one line; in Terraform a value is a value, and inside a text its content."""
    mend = Mend(
        "x",
        set={"scalingConfig.minSize": 0},
        commands={
            "aws-cli": "aws put --document ${{'a': [1, it.nodegroupName]}}",
            "terraform": 'locals {\n  plain = ${it.nodegroupName}\n  inside = "x-${it.nodegroupName}"\n  list = ${[1, it.nodegroupName]}\n}',
        },
    )
    fix, _ = fixed(groups(HOSTILE), requirement(Check(each=ZERO), mend))
    words = shlex.split(fix.commands[0])
    assert words[:3] == ["aws", "put", "--document"]
    assert yaml.safe_load(words[3]) == {"a": [1, HOSTILE]}
    escaped = HOSTILE.replace("\\", "\\\\").replace('"', '\\"').replace("${", "$${")
    (values,) = hcl2.loads(render(fix, groups().snapshot(), "terraform"))["locals"]
    assert values["plain"].strip('"') == escaped
    assert values["inside"].strip('"') == f"x-{escaped}"


def test_what_cannot_be_filled_in_is_said() -> None:
    """A command that rests on what is not known is left out; an edit that does makes the whole mend advice."""
    import msgspec

    tiny = groups("gpu")
    tiny.meta = type(tiny.meta)(cluster="tiny")
    unknown = msgspec.structs.replace(SCALE, commands={"aws-cli": "aws --region ${cluster.region}"}, advice="")
    fix, _ = fixed(tiny, requirement(Check(each=ZERO), unknown))
    assert fix.proven
    assert fix.commands == ()
    assert fix.said[0].startswith("the command for aws-cli could not be written: ")
    edit = Mend("x", set={"scalingConfig.minSize": "${it.nothing}"}, commands={"aws-cli": "aws x"})
    fix, _ = fixed(groups("gpu"), requirement(Check(each=ZERO), edit))
    assert not fix.proven
    assert "the field 'nothing' is missing" in fix.said[0]
    wrong = Mend("x", put=({"kind": "nodegroups", "object": {"nodegroupName": 5}},))
    fix, _ = fixed(groups("gpu"), requirement(Check(each=ZERO), wrong))
    assert "it is no object of nodegroups" in fix.said[0]


def test_setting_a_field_makes_it_known() -> None:
    """A fix that sets a field which was not read decides that field on the copy."""
    snapshot = groups("gpu").snapshot()
    why = Unknown(Cause.DENIED, "no")
    snapshot = apply(snapshot, Overlay((SetField("nodegroups", "gpu", "scalingConfig.desiredSize", unknown=why),)))
    mend = Mend("x", set={"scalingConfig.minSize": 0, "scalingConfig.desiredSize": 0}, commands={"aws-cli": "aws x"})
    that = "it.scalingConfig.minSize == 0 && it.scalingConfig.desiredSize == 0"
    fix, _ = fixed(snapshot, requirement(Check(each=Each("nodegroups", that)), mend))
    assert fix.proven


def test_every_style_says_what_it_cannot_make() -> None:
    """Each rendering begins with what is to be known, holds the change, and never claims what it does not make."""
    fix, _ = fixed(groups("gpu"), requirement(Check(each=ZERO), SCALE))
    for style in STYLES:
        text = render(fix, groups().snapshot(), style)
        assert text.startswith("# clusterproof: proven")
        assert "let node group gpu go down to zero" in text
        assert ("# Note: nodes of gpu go away" in text) is (style in SCALE.commands)
    assert part(fix, groups().snapshot(), "helm") == Part(0, ("changes of node groups",), "aws-cli")
    assert 'node_group_name = "gpu"' in render(fix, groups().snapshot(), "terraform")
