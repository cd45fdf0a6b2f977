from __future__ import annotations

import re
from pathlib import Path

import msgspec
import pytest

from clusterproof.profiles.load import load
from clusterproof.profiles.model import Requirement, Template
from clusterproof.profiles.port import parse_port
from clusterproof.snapshot.kubernetes import PodTemplate

DOCUMENT = Path(__file__).resolve().parents[3] / "shared/sources/aicr-eks-dynamo-networking.md"
PROFILE = load("dynamo")
BY_ID = {requirement.id: requirement for requirement in PROFILE.requirements}


def squeezed(text: str) -> str:
    """Text with single spaces, without quote marks of Markdown."""
    return " ".join(text.split())


def reach(requirement: Requirement) -> tuple[str, str, str, str]:
    """Client, its node set, server and port of a reach requirement."""
    check = requirement.check.reach
    assert check is not None
    return check.from_.workload, check.from_.on, check.to.workload, str(parse_port(check.port))


def template(value: str) -> PodTemplate:
    """The validator's pod template for a value of aicr.validator."""
    found = PROFILE.workloads["validator"].templates[value]
    return msgspec.convert({"metadata": found.metadata, "spec": found.spec}, PodTemplate)


def test_ids_are_pinned() -> None:
    """Ids never change: a new requirement is added here, none is renamed."""
    assert list(BY_ID) == [
        "etcd-from-gpu-nodes",
        "nats-from-gpu-nodes",
        "prometheus-from-validator",
        "dns-from-workers",
        "dns-tcp-from-workers",
        "validator-can-be-scheduled",
        "dynamo-worker-can-be-scheduled",
        "zmq-from-frontend",
        "requests-from-frontend",
        "responses-from-workers",
    ]


def test_the_documents_rules_are_the_requirements() -> None:
    """The three rules of the document: who connects, to whom, on which port."""
    assert reach(BY_ID["etcd-from-gpu-nodes"]) == ("dynamo-worker", "gpu", "etcd", "2379/TCP")
    assert reach(BY_ID["nats-from-gpu-nodes"]) == ("dynamo-worker", "gpu", "nats", "4222/TCP")
    assert reach(BY_ID["prometheus-from-validator"]) == ("validator", "", "prometheus", "9090/TCP")
    assert all(BY_ID[name].level.value == "MUST" for name in list(BY_ID)[:3])
    assert BY_ID["prometheus-from-validator"].check.reach is not None
    assert BY_ID["prometheus-from-validator"].check.reach.by == "name"


def test_later_versions_connect_directly() -> None:
    """From 1.4 on: 5557 to the workers, 1024-65535 both ways, with the note that not all is confirmed."""
    assert reach(BY_ID["zmq-from-frontend"]) == ("dynamo-frontend", "", "dynamo-worker", "5557/TCP")
    assert reach(BY_ID["requests-from-frontend"]) == ("dynamo-frontend", "", "dynamo-worker", "1024-65535/TCP")
    assert reach(BY_ID["responses-from-workers"]) == ("dynamo-worker", "gpu", "dynamo-frontend", "1024-65535/TCP")
    for name in ("zmq-from-frontend", "requests-from-frontend", "responses-from-workers"):
        assert any("ports not all confirmed upstream (#1836)" in note for note in BY_ID[name].notes)


def test_symptoms_point_to_one_requirement() -> None:
    """Each symptom of the document leads to exactly one requirement."""
    found = {symptom: requirement.id for requirement in PROFILE.requirements for symptom in requirement.symptoms}
    assert found["Unable to create lease"] == "etcd-from-gpu-nodes"
    assert found["JetStream not available"] == "nats-from-gpu-nodes"
    assert found["[SERVICE_UNAVAILABLE] Prometheus unreachable"] == "prometheus-from-validator"
    assert len(found) == sum(len(requirement.symptoms) for requirement in PROFILE.requirements)


@pytest.mark.parametrize("value", ["document", "pod-affinity", "today"])
def test_the_validator_tolerates_every_taint(value: str) -> None:
    """Whichever version of AICR: one toleration of everything, and no more than preferences about nodes."""
    spec = template(value).spec
    assert [(t.key, t.operator, t.effect) for t in spec.tolerations] == [("", "Exists", "")]
    assert not spec.node_selector
    assert spec.affinity is None or (
        spec.affinity.node_affinity is not None and spec.affinity.node_affinity.required is None
    )
    assert spec.containers[0].resources.requests == {"cpu": "1", "memory": "1Gi"}


def test_the_validators_preferences_differ_by_version() -> None:
    """The document's Job prefers nothing; PR 1066 prefers Prometheus's node; today's prefers nodes without GPUs."""
    assert template("document").spec.affinity is None
    beside = template("pod-affinity").spec.affinity
    assert beside is not None
    assert beside.pod_affinity is not None
    (term,) = beside.pod_affinity.preferred
    assert (term.weight, term.pod_affinity_term.topology_key) == (100, "kubernetes.io/hostname")
    assert term.pod_affinity_term.label_selector is not None
    assert term.pod_affinity_term.label_selector.match_labels == {"app.kubernetes.io/name": "prometheus"}
    today = template("today").spec.affinity
    assert today is not None
    assert today.pod_affinity is None
    assert today.node_affinity is not None
    (away,) = today.node_affinity.preferred
    (expression,) = away.preference.match_expressions
    assert (away.weight, expression.key, expression.operator) == (100, "nvidia.com/gpu.present", "DoesNotExist")


def test_assumptions_are_marked() -> None:
    """An assumed image size or template says so wherever it is shown."""
    validator: dict[str, Template] = PROFILE.workloads["validator"].templates
    assert all(found.image_bytes == 512 * 1024**2 and "assumed" in found.note for found in validator.values())
    assert any("assumption" in note for note in BY_ID["prometheus-from-validator"].notes)
    worker = PROFILE.workloads["dynamo-worker"].template
    assert worker is not None
    assert worker.note.startswith("assumed")
    assert "document's rules" in PROFILE.parameters["dynamo.version"].unreadable


def test_masking_is_named() -> None:
    """The remedy for 9090 says that co-location by affinity masks the property, with the issue that found it."""
    remedy = squeezed(BY_ID["prometheus-from-validator"].remedy)
    assert "masks the property" in remedy
    assert "1375" in remedy
    assert "every node group" in remedy


@pytest.mark.parametrize(
    ("instance_type", "gpu"),
    [
        ("p5.48xlarge", True),
        ("p5en.48xlarge", True),
        ("p6-b200.48xlarge", True),
        ("p4de.24xlarge", True),
        ("g5.12xlarge", True),
        ("g5g.metal", True),
        ("g6e.48xlarge", True),
        ("gr6.4xlarge", True),
        ("g4dn.xlarge", True),
        ("g4ad.xlarge", False),
        ("m7i.xlarge", False),
        ("c7g.large", False),
        ("trn1.32xlarge", False),
        ("inf2.xlarge", False),
    ],
)
def test_gpu_types_by_name(instance_type: str, gpu: bool) -> None:
    """NVIDIA's families count as GPU types; AMD's g4ad, Graviton and Neuron types do not."""
    way = next(way for way in PROFILE.node_sets["gpu"].find if way.instance_type)
    assert bool(re.fullmatch(way.instance_type, instance_type)) is gpu


def document() -> str:
    """The source document without its preamble; skipped where it is not at hand."""
    if not DOCUMENT.exists():
        pytest.skip("the source document is not beside this checkout")
    text = DOCUMENT.read_text("utf-8").replace("&lt;", "<")
    return text[text.index("# EKS Dynamo") :]


def test_every_port_and_symptom_of_the_document_is_covered() -> None:
    """Each port in the document is some requirement's port, each of its error texts some requirement's symptom."""
    text = document()
    ports = {str(parse_port(r.check.reach.port).low) for r in PROFILE.requirements if r.check.reach is not None}
    named = set(re.findall(r"(?:TCP `|port |:)(\d{4,5})\b", text))
    assert named == {"2379", "4222", "9090"}
    assert named <= ports
    symptoms = [symptom for requirement in PROFILE.requirements for symptom in requirement.symptoms]
    quoted = re.findall(r"^- `([^`]+)` \(\w+ unreachable\)", text, re.MULTILINE) + re.findall(
        r"^\[SERVICE.*$", text, re.MULTILINE
    )
    assert len(quoted) == 3
    for line in quoted:
        assert any(symptom in line for symptom in symptoms), line


def test_every_passage_quotes_the_document() -> None:
    """What the table says of the document stands there, word for word."""
    text = squeezed(document())
    for passage in PROFILE.passages:
        assert passage.says in text, passage.says


def test_every_paragraph_of_the_document_has_its_place() -> None:
    """Each paragraph, item and comment of the document holds at least one quoted passage: nothing was passed over."""
    blocks: list[str] = []
    for part in re.split(r"\n\s*\n|\n(?=- |# \d\))|(?<=:)\n(?=- )", document()):
        text = squeezed(part.replace("```shell", "").replace("```text", "").replace("```", ""))
        if (text and not text.startswith("#")) or re.match(r"# \d\)", text):
            blocks.append(text)
    # Of the example's commands, those that only repeat the one before with another port or group.
    blocks = [block for block in blocks if not block.startswith("aws ec2 ")]
    assert len(blocks) > 15
    for block in blocks:
        assert any(passage.says in block for passage in PROFILE.passages), block


def test_passages_lead_somewhere() -> None:
    """Every requirement that is the document's own is named by a passage."""
    named = {at for passage in PROFILE.passages for at in passage.at}
    own = {r.id for r in PROFILE.requirements if r.source.document == PROFILE.document.title}
    assert own <= named
