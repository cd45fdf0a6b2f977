"""Repairs that are not about opening a way are taken by the real API server as they are printed."""

from __future__ import annotations

import shlex

import msgspec
import pytest
import yaml

from clusterproof.profiles.model import Check, Covers, PodSecurity
from clusterproof.snapshot.overlay import Put, SetField
from tests.checks.ask import requirement
from tests.checks.test_closed import asked, cluster
from tests.checks.test_podsecurity import spec
from tests.controlplane.client import ApiError
from tests.controlplane.objects import namespace, plain, pod
from tests.controlplane.scheduling import Arena
from tests.fixes.test_closed import fix_of
from tests.world.build import Tiny

pytestmark = pytest.mark.controlplane


def test_the_policy(arena: Arena) -> None:
    """The manifest that closes the metadata service is valid and is kept as it was proven."""
    arena.create([namespace("app")])
    fix = fix_of(cluster(), asked())
    (edit,), (command,) = fix.overlay.edits, fix.commands
    manifest = yaml.safe_load(command.partition("<<'EOF'\n")[2].removesuffix("EOF"))
    assert isinstance(edit, Put)
    assert manifest == edit.object
    made = arena.api.create(manifest)
    assert made["spec"] == edit.object["spec"]


def test_the_tolerations(arena: Arena) -> None:
    """The JSON patch that kubectl is given makes the DaemonSet's tolerations those of the proof."""
    held = [{"key": "old", "operator": "Exists"}]
    tiny = Tiny().managed("gpu", ["sg-a"], taints=("nvidia.com/gpu=true:NoSchedule",))
    tiny.controller("DaemonSet", "kube-system/plugin", {"tolerations": held})
    fix = fix_of(tiny, requirement(Check(covers=Covers("ds/kube-system/plugin", "all"))))
    (edit,), (command,) = fix.overlay.edits, fix.commands
    assert isinstance(edit, SetField)
    patch = msgspec.json.decode(shlex.split(command)[-1])
    template = {"metadata": {"labels": {"app": "plugin"}}, "spec": {**spec(), "tolerations": held}}
    selector = {"matchLabels": {"app": "plugin"}}
    made = plain(
        "apps/v1", "DaemonSet", "plugin", namespace="default", spec={"selector": selector, "template": template}
    )
    arena.create([made])
    path = "/apis/apps/v1/namespaces/default/daemonsets/plugin"
    changed = arena.api.request("PATCH", path, patch, "application/json-patch+json")
    assert changed["spec"]["template"]["spec"]["tolerations"] == edit.value


def test_the_label(arena: Arena) -> None:
    """With the label that is proposed the namespace admits the workload's pods and no other."""
    tiny = Tiny().deployment("app/x", spec())
    fix = fix_of(tiny, requirement(Check(pod_security=PodSecurity("deploy/app/x", "restricted", "enforced"))))
    (edit,) = fix.overlay.edits
    assert isinstance(edit, SetField)
    label = shlex.split(fix.commands[0])[-1]
    arena.create([namespace("app")])
    key, _, value = label.partition("=")
    changed = arena.api.patch("/api/v1/namespaces/app", {"metadata": {"labels": {key: value}}})
    assert changed["metadata"]["labels"] == edit.value
    good = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "good"}, "spec": spec()}
    arena.api.request("POST", "/api/v1/namespaces/app/pods?dryRun=All", good)
    with pytest.raises(ApiError, match="violates PodSecurity"):
        arena.api.request("POST", "/api/v1/namespaces/app/pods?dryRun=All", pod("bad", namespace="app"))
