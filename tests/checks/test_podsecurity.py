"""Whether namespaces enforce a Pod Security Standard, and whether pods would be admitted under one.

What the standards ask is held to the real API server in tests/controlplane/test_podsecurity.py.
"""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from clusterproof.checks.context import Context
from clusterproof.checks.engine import findings
from clusterproof.checks.finding import Finding
from clusterproof.checks.standards import violations
from clusterproof.profiles.model import Check, FindWorkload, PodSecurity, Requirement, Template, WorkloadDefinition
from clusterproof.snapshot import kinds
from clusterproof.snapshot.fields import Cause, Unknown
from clusterproof.verdict.algebra import Verdict
from tests.checks.ask import ask, profile, requirement
from tests.world.build import Tiny

GOOD: dict[str, Any] = {
    "allowPrivilegeEscalation": False,
    "capabilities": {"drop": ["ALL"]},
    "runAsNonRoot": True,
    "seccompProfile": {"type": "RuntimeDefault"},
}
ENFORCE = "pod-security.kubernetes.io/enforce"


def container(name: str = "main", **context: Any) -> dict[str, Any]:
    """A container as restricted wants it, but for what is given; None leaves a setting out."""
    own = {key: value for key, value in {**GOOD, **context}.items() if value is not None}
    return {"name": name, "image": "app:1", "securityContext": own}


def spec(*containers: dict[str, Any], **more: Any) -> dict[str, Any]:
    """A pod of these containers."""
    return {"containers": list(containers or (container(),)), **more}


def asked(that: str = "admitted", level: str = "restricted", workload: str = "deploy/app/x") -> Requirement:
    """The requirement."""
    return requirement(Check(pod_security=PodSecurity(workload, level, that)))


# --- admitted ----------------------------------------------------------------------------------------------


def test_containers_are_named_one_by_one() -> None:
    """What would be refused is told container by container, in the words of the field to set."""
    bare = {"name": "asya-sidecar", "image": "s:1"}
    found = ask(Tiny().deployment("app/x", spec(container(), bare)), asked())
    assert found.verdict is Verdict.FAIL
    assert found.summary == (
        "deploy/app/x would be refused under restricted: container asya-sidecar must set "
        'allowPrivilegeEscalation=false, capabilities.drop=["ALL"], runAsNonRoot=true and seccompProfile.type to '
        "RuntimeDefault or Localhost in securityContext"
    )
    assert found.evidence[0].field == "spec.template.spec"
    assert "asya-sidecar must set securityContext.runAsNonRoot=true (or the pod must); " in found.evidence[0].value


def test_what_lacks_the_same_is_told_once() -> None:
    """Containers, and workloads, that lack the same stand together; what another one lacks is told apart."""
    tiny = Tiny()
    bare = [{"name": name, "image": "s:1"} for name in ("sidecar", "runtime")]
    for name in ("a", "b", "c"):
        tiny.deployment(f"app/{name}", spec(container(), *bare), labels={"own": "x"})
    tiny.deployment("app/d", spec(container(privileged=True, runAsNonRoot=None)), labels={"own": "x"})
    workload = WorkloadDefinition("all", find=(FindWorkload(labels={"own": "x"}),))
    made = msgspec.structs.replace(profile(asked(workload="all")), workloads={"all": workload})
    (found,) = findings(Context(tiny.snapshot(), made))
    assert found.summary == (
        "deploy/app/a, deploy/app/b and 1 more would be refused under restricted: containers sidecar and runtime must set "
        'allowPrivilegeEscalation=false, capabilities.drop=["ALL"], runAsNonRoot=true and seccompProfile.type to '
        "RuntimeDefault or Localhost in securityContext; deploy/app/d would be refused under restricted: container main "
        "must set runAsNonRoot=true in securityContext, must not set securityContext.privileged=true"
    )
    assert len(found.evidence) == 4


@pytest.mark.parametrize(
    ("given", "baseline", "restricted"),
    [
        (spec(), Verdict.PASS, Verdict.PASS),
        (spec(container(allowPrivilegeEscalation=None)), Verdict.PASS, Verdict.FAIL),
        (spec(container(privileged=True)), Verdict.FAIL, Verdict.FAIL),
        (spec(hostNetwork=True), Verdict.FAIL, Verdict.FAIL),
        (spec(initContainers=[{"name": "i", "image": "i:1"}]), Verdict.PASS, Verdict.FAIL),
        (spec(volumes=[{"name": "v", "nfs": {}}]), Verdict.PASS, Verdict.FAIL),
    ],
)
def test_levels(given: dict[str, Any], baseline: Verdict, restricted: Verdict) -> None:
    """Restricted asks for all that baseline does and more."""
    tiny = Tiny().deployment("app/x", given)
    assert ask(tiny, asked(level="baseline")).verdict is baseline
    assert ask(tiny, asked()).verdict is restricted


def test_pods_that_run_show_what_their_template_does_not() -> None:
    """A container that a webhook adds is judged where it runs, and told as that pod's."""
    tiny = Tiny().deployment("app/x", spec())
    tiny.put(kinds.REPLICA_SETS, _replica_set())
    injected = spec(container(), {"name": "proxy", "image": "p:1"})
    tiny.pod("app/x-1-a", "n", owner="ReplicaSet/x-1", labels={"app": "x"}, spec=injected)
    found = ask(tiny, asked())
    assert found.verdict is Verdict.FAIL
    assert "pod x-1-a: container proxy must set" in found.summary
    assert "container main" not in found.summary
    assert found.evidence[0].key == "app/x-1-a"


def _replica_set() -> dict[str, Any]:
    owner = {"kind": "Deployment", "name": "x", "uid": "d", "controller": True}
    metadata = {"name": "x-1", "namespace": "app", "ownerReferences": [owner]}
    template = {"metadata": {"labels": {"app": "x"}}, "spec": spec()}
    return {"metadata": metadata, "spec": {"template": template, "replicas": 1}}


def test_templates_of_every_kind() -> None:
    """Jobs, CronJobs, StatefulSets, DaemonSets and bare pods have templates in places of their own."""
    bare = {"containers": [{"name": "main", "image": "app:1"}]}
    tiny = Tiny().controller("Job", "app/job", bare).controller("StatefulSet", "app/sts", bare)
    tiny.controller("DaemonSet", "app/ds", bare).pod("app/alone", "n", spec=bare)
    job = {"template": {"spec": {"template": {"spec": bare}}}}
    metadata = {"name": "cron", "namespace": "app"}
    tiny.put(kinds.CRON_JOBS, {"metadata": metadata, "spec": {"jobTemplate": job["template"]}})
    for name in ("job/app/job", "sts/app/sts", "ds/app/ds", "pod/app/alone", "cronjob/app/cron"):
        found = ask(tiny, asked(workload=name))
        assert (found.verdict, "container main" in found.summary) == (Verdict.FAIL, True), name
    assert found.evidence[0].field == "spec.jobTemplate.spec.template.spec"


def test_a_profiles_own_template() -> None:
    """What is not installed yet is judged by the profile's template."""
    for given, verdict in ((spec(), Verdict.PASS), ({"containers": [{"name": "main"}]}, Verdict.FAIL)):
        workload = WorkloadDefinition("later", template=Template("Deployment", "app", given))
        made = msgspec.structs.replace(profile(asked(workload="later")), workloads={"later": workload})
        (found,) = findings(Context(Tiny().snapshot(), made))
        assert found.verdict is verdict


def test_versions() -> None:
    """What the cluster's minor version asks decides; without a version it is not known."""
    host = {"httpGet": {"port": 80, "host": "127.0.0.1"}}
    given = spec({**container(), "livenessProbe": host})
    for version, verdict in (("1.33", Verdict.PASS), ("1.34", Verdict.FAIL)):
        assert ask(Tiny(version=version).deployment("app/x", given), asked()).verdict is verdict
    assert ask(Tiny(version="").deployment("app/x", given), asked()).verdict is Verdict.UNKNOWN
    relaxed = spec(container(runAsNonRoot=None), hostUsers=False)
    assert ask(Tiny(version="1.34").deployment("app/x", relaxed), asked()).verdict is Verdict.FAIL
    assert ask(Tiny(version="1.36").deployment("app/x", relaxed), asked()).verdict is Verdict.UNKNOWN


def test_settings_that_are_not_as_expected() -> None:
    """Null, missing and odd members never break the evaluation: they are as good as not set."""
    for odd in ({}, {"containers": None}, {"containers": [None, {"name": "a", "securityContext": None}]}):
        assert isinstance(violations(odd, "restricted", 33), tuple)
    nulls = spec(container(capabilities={"add": None, "drop": ["ALL"]}), volumes=None, securityContext=None)
    assert violations(nulls, "restricted", 33) == ()


# --- enforced ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("labels", "baseline", "restricted"),
    [
        ({}, Verdict.FAIL, Verdict.FAIL),
        ({ENFORCE: "privileged"}, Verdict.FAIL, Verdict.FAIL),
        ({ENFORCE: "baseline"}, Verdict.PASS, Verdict.FAIL),
        ({ENFORCE: "restricted"}, Verdict.PASS, Verdict.PASS),
        ({f"{ENFORCE.rpartition('/')[0]}/warn": "restricted"}, Verdict.FAIL, Verdict.FAIL),
        ({ENFORCE: "Restricted"}, Verdict.PASS, Verdict.PASS),
    ],
)
def test_labels(labels: dict[str, str], baseline: Verdict, restricted: Verdict) -> None:
    """The label must enforce at least the level; warnings enforce nothing; a wrong word is taken for restricted."""
    assert _enforced(labels, "baseline").verdict is baseline
    assert _enforced(labels, "restricted").verdict is restricted


def _enforced(labels: dict[str, str], level: str) -> Finding:
    tiny = Tiny().deployment("app/x", spec())
    tiny.remove(kinds.NAMESPACES, "app").namespace("app", **labels)
    return ask(tiny, asked("enforced", level))


def test_exemptions_are_told() -> None:
    """What the API server exempts is not read, and the finding says so."""
    found = _enforced({ENFORCE: "baseline"}, "restricted")
    assert found.summary == "namespace app enforces baseline, not restricted"
    assert any("exemptions" in note for note in found.notes)


def test_namespaces_that_were_not_read() -> None:
    """Labels that nobody read enforce nothing for certain, and refuse nothing either."""
    tiny = Tiny().deployment("app/x", spec())
    assert ask(tiny.drop(kinds.NAMESPACES), asked("enforced")).verdict is Verdict.UNKNOWN
    gone = Tiny().deployment("elsewhere/x", spec())
    assert ask(gone, asked("enforced", workload="deploy/elsewhere/x")).verdict is Verdict.UNKNOWN


def test_workloads_that_may_be_there() -> None:
    """Where not all was read that may hold further workloads, a pass is unknown."""
    denied = Unknown(Cause.DENIED, "pods were refused")
    find = {"x": WorkloadDefinition("x", (FindWorkload(name="x"),))}
    tiny = Tiny().deployment("app/x", spec()).partly(kinds.PODS, denied)
    made = msgspec.structs.replace(profile(asked(workload="x")), workloads=find)
    (found,) = findings(Context(tiny.snapshot(), made))
    assert found.verdict is Verdict.UNKNOWN
    tiny = Tiny().deployment("app/x", {"containers": [{"name": "main"}]}).partly(kinds.PODS, denied)
    (found,) = findings(Context(tiny.snapshot(), made))
    assert found.verdict is Verdict.FAIL
