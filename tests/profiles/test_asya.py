"""The profile ``asya``: its ids, its levels, and that nothing of its document was passed over."""

from __future__ import annotations

import json
import re
import shlex
from pathlib import Path
from typing import Any

import botocore.session
import botocore.validate
import pytest

import clusterproof
from clusterproof.api import load_world
from clusterproof.checks.context import Context
from clusterproof.profiles.documented import CONTRADICTION, Became
from clusterproof.profiles.load import load, parse, validate
from clusterproof.profiles.model import Level
from clusterproof.profiles.text import markdown
from clusterproof.snapshot.overlay import Overlay, Put, apply

DOCUMENT = Path(__file__).resolve().parents[3] / "shared/sources/asya-eks-requirements.md"
PROFILE = load("asya")
BY_ID = {requirement.id: requirement for requirement in PROFILE.requirements}
LEVELS = {
    "critical": Level.MUST,
    "security": Level.MUST,
    "standard": Level.SHOULD,
    "optional": Level.MAY,
    "cost": Level.MAY,
    "advice": Level.MAY,
}
PINNED = """
kubernetes-version platform-version pod-identity-agent pod-identity-agent-coverage pod-identity-node-role
pod-identity-node-type vpc-cni cni-permissions device-plugin device-plugin-tolerations device-plugin-ready
device-plugin-single keda-release keda-metrics-server keda-admission-webhooks keda-metrics-api
keda-metrics-from-control-plane keda-admission-from-control-plane keda-association keda-trust keda-permissions
keda-list-queues keda-authentication scaled-objects-ready cluster-autoscaler-release cluster-autoscaler-minor
cluster-autoscaler-association cluster-autoscaler-trust cluster-autoscaler-permissions
cluster-autoscaler-scaling-permissions cluster-autoscaler-tags cluster-autoscaler-discovery
cluster-autoscaler-from-zero gpu-node-group gpu-actor-can-be-scheduled gpu-instance-types gpu-ami gpu-taint
gpu-node-worker-policy gpu-node-image-pull gpu-scale-to-zero gpu-max-size oidc-provider oidc-client oidc-thumbprint
irsa-trust irsa-audience one-identity pod-identity-in-use operator-association operator-trust operator-permissions
actor-association actor-trust actor-credentials actor-sqs-permissions actor-s3-objects actor-s3-list
actor-extra-permissions gateway-association gateway-trust gateway-permissions gateway-namespace bucket
bucket-encryption bucket-versioning bucket-expiration bucket-noncurrent-expiration coredns kube-proxy ebs-csi-driver
ebs-csi-driver-works metrics-server metrics-server-works container-insights cluster-zones node-zones private-subnets
way-out subnet-tags free-addresses gpu-desired-size actor-scaling scaled-objects-to-zero gpu-spot gpu-spot-types
sqs-long-polling sqs-batching sqs-visibility-timeout sqs-dead-letter-queue sqs-dlq-retention
bucket-intelligent-tiering actor-network-policy network-policies-enforced actor-imds-blocked actor-agent-reachable
actor-dns actor-dns-tcp actor-egress-aws actor-gateway-egress node-metadata-tokens node-metadata-hops
node-metadata-template sqs-encryption sqs-key-rotation sqs-key-reuse actor-key-permissions gateway-key-permissions
operator-key-permissions pod-security-enforced pod-security-admitted gateway-pod-security-admitted operator-sqs-scope
actor-sqs-scope gateway-sqs-scope keda-sqs-scope actor-s3-scope bucket-public-access asya-definition operator-release
operator-transport operator-region operator-account-id operator-actor-role actors-ready actor-queues
"""
BOXES = 20
COMMANDS = 11
UNDECIDABLE = ("**Purpose:**", "[")
"""How lines begin that nothing in a cluster can be held to: what something is for, and the references."""


def squeezed(text: str) -> str:
    """Text with single spaces."""
    return " ".join(text.split())


def document() -> str:
    """The source document; skipped where it is not at hand."""
    if not DOCUMENT.exists():
        pytest.skip("the source document is not beside this checkout")
    return DOCUMENT.read_text("utf-8")


def lines() -> list[tuple[str, str]]:
    """Every line of the document with the heading under which it stands; commands over several lines as one."""
    found: list[tuple[str, str]] = []
    heading, fenced, above = "", False, ""
    for raw in document().splitlines():
        line = raw.strip()
        if line.startswith("```"):
            fenced = not fenced
        elif line.startswith("#") and not fenced:
            heading = line.lstrip("# ")
        elif line and above:
            found[-1] = (heading, f"{found[-1][1]} {line}")
        elif line:
            found.append((heading, re.sub(r"^- (\[ \] )?", "", line)))
        above = "more" if fenced and line.endswith("\\") else ""
    return found


def test_ids_are_pinned() -> None:
    """Ids never change: a new requirement is added here, none is renamed."""
    assert list(BY_ID) == PINNED.split()


def test_categories_decide_levels() -> None:
    """Critical and security are MUST, standard is SHOULD, optional, cost and what is only advice are MAY."""
    assert {r.id: r.level for r in PROFILE.requirements} == {r.id: LEVELS[r.category] for r in PROFILE.requirements}
    assert {r.category for r in PROFILE.requirements} == set(LEVELS)


def test_it_is_valid_as_a_users_file_would_be() -> None:
    """What is shipped passes the rules for a user's own profile, and its file is the profile."""
    file = Path(__file__).resolve().parents[2] / "src/clusterproof/profiles/asya.yaml"
    assert validate(PROFILE) == []
    assert parse(file.read_bytes(), "asya.yaml") == PROFILE


def test_every_line_of_the_document_is_accounted_for() -> None:
    """Each bullet, box, command and sentence is one passage, in the document's order, under its heading."""
    said = [(passage.section.rpartition(", ")[2], squeezed(passage.says)) for passage in PROFILE.passages]
    assert said == [(heading, squeezed(line)) for heading, line in lines()]


def test_only_purposes_and_references_are_left_undecided() -> None:
    """Every other passage leads to a requirement."""
    for passage in PROFILE.passages:
        if passage.became is Became.EXPLANATION:
            assert passage.says.startswith(UNDECIDABLE), passage.says
            assert passage.at == ()
        else:
            assert passage.became is Became.REQUIREMENT
            assert passage.at, passage.says
            assert set(passage.at) <= set(BY_ID), passage.says


def test_every_requirement_stems_from_the_document() -> None:
    """Each requirement is named by a passage, and its source is a heading of the document."""
    named = {at for passage in PROFILE.passages for at in passage.at}
    assert set(BY_ID) - named == set()
    headings = {line.lstrip("# ") for line in document().splitlines() if line.startswith("#")}
    for requirement in PROFILE.requirements:
        assert requirement.source.document == PROFILE.document.title
        assert set(requirement.source.section.split(", ")) <= headings, requirement.id


def test_the_checklist_is_the_documents() -> None:
    """All boxes, in the document's sections and order, word for word."""
    part = document().split("## Deployment Checklist")[1].split("\n## ")[0]
    shown = [
        line
        for section in PROFILE.checklist
        for line in (f"**{section.title}:**", *(f"- [ ] {b.text}" for b in section.boxes))
    ]
    assert shown == [line for line in part.splitlines() if line]
    assert sum(len(section.boxes) for section in PROFILE.checklist) == BOXES


def test_every_box_is_filled_by_what_binds() -> None:
    """No box hangs on advice alone, and what must be so fills some box or is told why it fills none."""
    filled = {name for section in PROFILE.checklist for box in section.boxes for name in box.by}
    for section in PROFILE.checklist:
        for box in section.boxes:
            assert any(BY_ID[name].level is not Level.MAY for name in box.by), box.text
            assert all(BY_ID[name].level is not Level.MAY for name in box.by), box.text
    without = {r.id for r in PROFILE.requirements if r.level is Level.MUST} - filled
    # The checklist has no box for the queues' encryption, nor for closing the bucket.
    assert without == {
        "sqs-encryption",
        "sqs-key-rotation",
        "sqs-key-reuse",
        "actor-key-permissions",
        "gateway-key-permissions",
        "bucket-public-access",
    }


def test_the_validation_commands_are_the_documents() -> None:
    """All commands, word for word, each with the findings that answer it; one that fails comes with one that works."""
    part = document().split("## Validation Commands")[1].split("\n## ")[0]
    for command in PROFILE.commands:
        assert squeezed(command.run) in squeezed(part)
        assert f"**{command.section}:**" in part
        assert command.by
        assert bool(command.instead) == bool(command.why)
    fenced = "\n".join(re.findall(r"```bash\n(.*?)```", part, re.DOTALL)).replace("\\\n", "")
    assert [squeezed(c.run.replace("\\\n", "")) for c in PROFILE.commands] == [
        squeezed(c) for c in fenced.splitlines() if c
    ]
    assert len(PROFILE.commands) == COMMANDS
    assert [c.run.split()[:2] for c in PROFILE.commands if c.instead] == [
        ["kubectl", "get"],
        ["kubectl", "get"],
        ["kubectl", "get"],
        ["kubectl", "run"],
    ]


@pytest.mark.parametrize(
    ("requirement", "words"),
    [
        ("operator-permissions", "sqs:GetQueueUrl first"),
        ("actor-sqs-permissions", "resolves every queue by sqs:GetQueueUrl"),
        ("keda-authentication", "kedacore/keda#6418"),
        ("actor-association", "the operator makes no associations"),
        ("operator-account-id", "accountId is required"),
        ("operator-transport", "no transport at all"),
        ("operator-association", "asya-operator-role"),
        ("gateway-namespace", "namespace default"),
        ("keda-list-queues", "never takes effect"),
        ("pod-security-enforced", "stops every actor of Asya v0.1.1"),
        ("actor-imds-blocked", "169.254.170.23"),
        ("oidc-provider", "Pod Identity uses no OIDC provider"),
        ("gpu-ami", "2025-11-26"),
        ("cluster-autoscaler-association", "rbac.serviceAccount.name=cluster-autoscaler"),
        ("bucket", "aws s3 mb"),
        ("sqs-encryption", "sets no KMS attribute"),
        ("sqs-visibility-timeout", "deletes and makes anew"),
        ("sqs-batching", "one message per request"),
        ("actor-scaling", "whose default is false"),
        ("coredns", "Asya needs CoreDNS"),
        ("kube-proxy", "Asya needs kube-proxy"),
    ],
)
def test_contradictions_are_noted_with_their_source(requirement: str, words: str) -> None:
    """Where Asya's code or AWS contradicts the document, the requirement says so and names where that stands."""
    notes = [note for note in BY_ID[requirement].notes if note.startswith(CONTRADICTION)]
    (note,) = (note for note in notes if words in note)
    assert re.search(r"\((deliveryhero|kubernetes|kedacore|awslabs|EKS User Guide|Kubernetes,|Service Auth|EC2)", note)


def test_upstreams_later_variant_is_told_and_can_be_chosen() -> None:
    """Crossplane replaced the operator: found by its definitions, and what speaks of the operator does not apply then."""
    assert PROFILE.parameters["asya.variant"].values == ("operator", "crossplane")
    assert any("Crossplane in place of the operator" in note for note in BY_ID["actor-queues"].notes)
    assert {r.id for r in PROFILE.requirements if "asya.variant" in r.applies} == {
        "operator-transport",
        "operator-region",
        "operator-account-id",
        "operator-actor-role",
    }


def test_no_fix_of_a_visibility_timeout_touches_the_queue() -> None:
    """The operator deletes a queue whose timeout differs from its own: the value is changed there, and that is said."""
    (mend,) = BY_ID["sqs-visibility-timeout"].mends
    assert set(mend.commands) == {"helm"}
    assert "data loss" in mend.advice
    for requirement in PROFILE.requirements:
        for other in requirement.mends:
            assert all("VisibilityTimeout" not in text for text in other.commands.values()), requirement.id


def test_lifecycle_puts_keep_the_rules_that_are_there() -> None:
    """A put replaces all rules: what is printed holds the present ones, and says so."""
    for name in ("bucket-expiration", "bucket-noncurrent-expiration"):
        (mend,) = BY_ID[name].mends
        assert 'get(it, "Lifecycle.Rules", [])' in mend.commands["aws-cli"]
        assert "replaces all rules" in mend.advice


def test_every_requirement_has_its_manual() -> None:
    """Each prints with all its sections, and none of its texts names a suggestion's dotted id."""
    for requirement in PROFILE.requirements:
        text = markdown(PROFILE, requirement)
        assert "### What to do" in text
        assert not re.search(r"\basya\.(eks|pia|cni|gpu|keda|ca|ng|oidc|irsa|vpc|s3|operator|actor|gateway)\b", text), (
            requirement.id
        )


def test_templates_stand_for_what_is_not_installed_yet() -> None:
    """Roles and places are decided before Asya is installed: by templates that say what is assumed."""
    for name in ("keda-operator", "operator", "actor", "gpu-actor", "gateway"):
        template = PROFILE.workloads[name].template
        assert template is not None, name
        assert template.note
    actor = PROFILE.workloads["gpu-actor"].template
    assert actor is not None
    assert actor.spec["containers"][0]["resources"]["limits"] == {"nvidia.com/gpu": "1"}


def test_every_actor_is_found_whatever_labels_it_has() -> None:
    """Actors of versions with other labels are found beside one another: all of them have the sidecar."""
    snapshot = load_world("asya")
    key = "asya-prod/llm"
    raw = next(one for one in snapshot.tables["deployments"].raws() if one["metadata"]["name"] == "llm")
    del raw["spec"]["template"]["metadata"]["labels"]["asya.sh/asya"]
    found = Context(apply(snapshot, Overlay((Put("deployments", raw),))), PROFILE).named("actor")
    assert key in {f"{one.namespace}/{one.name}" for one in found.workloads}
    assert len(found.workloads) == 3


def _nodegroup_asked_for(command: str) -> dict[str, Any]:
    """What ``aws eks create-nodegroup`` sends for a command: its options, those of JSON read, and the JSON beside them."""
    words = shlex.split(command)
    assert words[:3] == ["aws", "eks", "create-nodegroup"]
    given = dict(zip(words[3::2], words[4::2], strict=True))
    asked: dict[str, Any] = json.loads(given.pop("--cli-input-json"))
    assert given.pop("--region") == "eu-west-1"
    for option, word in given.items():
        first, *others = option.removeprefix("--").split("-")
        asked["".join([first, *(part.title() for part in others)])] = json.loads(word) if word[0] in "[{" else word
    return asked


@pytest.mark.parametrize(
    "edit",
    [
        {},
        {"amiType": "BOTTLEROCKET_ARM_64"},
        {"launchTemplate": None, "diskSize": 50, "labels": {}, "taints": []},
        {"launchTemplate": None, "diskSize": 50, "remoteAccess": {"ec2SshKey": "it's"}},
    ],
    ids=["launch-template", "arm", "disk", "ssh"],
)
def test_the_new_node_group_is_like_the_old_one(edit: dict[str, Any]) -> None:
    """gpu-ami's command asks for the old group with another image; nothing is called proven while the old one is there."""
    snapshot = load_world("asya")
    old = next(raw for raw in snapshot.tables["nodegroups"].raws() if raw["nodegroupName"] == "gpu")
    old |= {"amiType": "AL2_x86_64_GPU", **edit}
    old = {name: value for name, value in old.items() if value is not None}
    report = clusterproof.check(apply(snapshot, Overlay((Put("nodegroups", old),))), PROFILE)
    fix = next(finding for finding in report.findings if finding.name == "gpu-ami").fix
    assert fix is not None
    assert not fix.proven
    asked = _nodegroup_asked_for(fix.commands[0])
    shape = botocore.session.get_session().get_service_model("eks").operation_model("CreateNodegroup").input_shape
    wrong = botocore.validate.ParamValidator().validate({**asked, "clientRequestToken": "one"}, shape)
    assert not wrong.has_errors(), wrong.generate_report()
    same = "subnets nodeRole instanceTypes capacityType scalingConfig updateConfig labels taints diskSize remoteAccess"
    assert {name: asked.get(name) for name in same.split()} == {name: old.get(name) for name in same.split()}
    template = old.get("launchTemplate")
    assert asked.get("launchTemplate") == (template and {name: template[name] for name in ("id", "version")})
    assert asked["clusterName"] == "asya-demo"
    assert asked["nodegroupName"] == "gpu-al2023"
    assert asked["amiType"] == ("AL2023_ARM_64_NVIDIA" if "ARM" in old["amiType"] else "AL2023_x86_64_NVIDIA")
