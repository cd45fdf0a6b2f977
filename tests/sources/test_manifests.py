from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

import pytest
import yaml

from clusterproof import api
from clusterproof.errors import InputError
from clusterproof.snapshot import kinds
from clusterproof.snapshot.fields import Cause
from clusterproof.snapshot.snapshot import Snapshot, table_of
from clusterproof.sources.manifests import applied, load_manifests

INSTALLED = ("dynamo", "monitoring")
RENDERED = (kinds.SERVICE_ACCOUNTS, kinds.SERVICES, kinds.DEPLOYMENTS, kinds.STATEFUL_SETS, kinds.JOBS)
"""What helm template prints of those that a rule reads; pods, revisions, endpoints and claims come later."""


def without(snapshot: Snapshot, namespaces: tuple[str, ...]) -> Snapshot:
    """The snapshot as it was before some namespaces and everything in them was made."""
    tables = {}
    for name, table in snapshot.tables.items():
        kept = [
            raw
            for key, raw in zip(table.index, table.raws(), strict=True)
            if not (key.partition("/")[0] in namespaces and (table.kind.namespaced or table.kind is kinds.NAMESPACES))
            and raw.get("spec", {}).get("claimRef", {}).get("namespace") not in namespaces
        ]
        tables[name] = table_of(table.kind, kept, table.coverage)
    return Snapshot(snapshot.meta, tables)


def manifests(snapshot: Snapshot, namespaces: tuple[str, ...]) -> list[dict[str, Any]]:
    """The objects of some namespaces as a chart writes them: nothing that the API server fills in."""
    found = []
    for kind in RENDERED:
        for raw in snapshot.tables[kind.name].raws():
            metadata = raw["metadata"]
            if metadata["namespace"] not in namespaces or metadata.get("ownerReferences"):
                continue
            raw["metadata"] = {k: metadata[k] for k in ("name", "namespace", "labels", "annotations") if k in metadata}
            raw.pop("status", None)
            for member in ("clusterIP", "clusterIPs"):
                if raw.get("spec", {}).get(member) not in (None, "None", ["None"]):
                    raw["spec"].pop(member)
            found.append(raw)
    return found


@pytest.fixture(scope="module")
def demo() -> Snapshot:
    """The world that ships with the project."""
    return api.load_world("demo")


@pytest.fixture(scope="module")
def empty(demo: Snapshot) -> Snapshot:
    """The demo's cluster before Dynamo and Prometheus were installed."""
    return without(demo, INSTALLED)


@pytest.fixture
def chart(demo: Snapshot, tmp_path: Path) -> Path:
    """Their rendered charts, as ``helm template`` prints them: many YAML documents with comments."""
    documents = [f"---\n# Source: dynamo\n{yaml.safe_dump(raw)}" for raw in manifests(demo, INSTALLED)]
    path = tmp_path / "rendered.yaml"
    path.write_text("".join(documents), "utf-8")
    return path


def given(snapshot: Snapshot, text: str | bytes, **options: Any) -> Any:
    """Manifests from standard input."""
    data = text if isinstance(text, bytes) else text.encode()
    return load_manifests(["-"], snapshot, stdin=io.BytesIO(data), **options)


def verdicts(snapshot: Snapshot) -> dict[str, str]:
    """Verdict by requirement, with the version set where nothing installed says it."""
    report = api.check(snapshot, "dynamo", fixes=False, parameters={"dynamo.version": "1.1.0"})
    return {finding.name: finding.verdict.value for finding in report.findings}


def test_chart_before_it_is_installed_is_judged_as_after(demo: Snapshot, empty: Snapshot, chart: Path) -> None:
    """Rendered manifests on the empty cluster give the demo's verdicts; without them nothing of Dynamo is found."""
    rendered = load_manifests([chart], empty)
    later = applied(empty, rendered)
    assert verdicts(later) == verdicts(demo)
    assert verdicts(empty) != verdicts(demo)
    assert verdicts(empty)["etcd-from-gpu-nodes"] == "unknown"
    assert later.meta.overlays == (f"{rendered.objects} objects of {chart}",)


def test_applying_what_is_there_already_changes_nothing(demo: Snapshot, chart: Path) -> None:
    """The same chart on the demo itself leaves addresses, status, and so every verdict."""
    later = applied(demo, load_manifests([chart], demo))
    assert verdicts(later) == verdicts(demo)
    service = later.get(kinds.SERVICES, "dynamo/dynamo-platform-etcd")
    before = demo.get(kinds.SERVICES, "dynamo/dynamo-platform-etcd")
    assert service is not None
    assert before is not None
    assert service.spec.cluster_ip == before.spec.cluster_ip != ""


def test_every_form_reads_alike(demo: Snapshot, empty: Snapshot, chart: Path, tmp_path: Path) -> None:
    """YAML documents, one List, JSON, a directory and standard input are the same overlay."""
    objects = manifests(demo, INSTALLED)
    listed = {"apiVersion": "v1", "kind": "List", "items": objects}
    (tmp_path / "dir" / "templates").mkdir(parents=True)
    for number, raw in enumerate(objects):
        (tmp_path / "dir" / "templates" / f"{number:03}.yaml").write_text(yaml.safe_dump(raw))
    (tmp_path / "dir" / "README.md").write_text("# no manifest")
    forms = [
        load_manifests([chart], empty),
        given(empty, json.dumps(listed)),
        given(empty, yaml.safe_dump(listed)),
        given(empty, "\n".join(json.dumps(raw) for raw in objects)),
        load_manifests([tmp_path / "dir"], empty),
    ]
    assert all(form.overlay == forms[0].overlay for form in forms)
    assert {form.objects for form in forms} == {len(objects)}


DEPLOYMENT = """
apiVersion: apps/v1
kind: Deployment
metadata:
  name: web
  creationTimestamp: null
spec:
  replicas: 2
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec:
      containers:
        - name: web
          image: web:1
          env: [{name: API_TOKEN, value: hunter2hunter2}]
"""


def test_namespace_is_default_unless_said(empty: Snapshot) -> None:
    """Objects without a namespace go to --namespace, else to default, and a note says so."""
    rendered = given(empty, DEPLOYMENT)
    assert applied(empty, rendered).get(kinds.DEPLOYMENTS, "default/web") is not None
    assert "1 object names no namespace: taken as default; --namespace says another" in rendered.notes
    other = given(empty, DEPLOYMENT, namespace="shop")
    later = applied(empty, other)
    assert later.get(kinds.DEPLOYMENTS, "shop/web") is not None
    assert not any("no namespace" in note for note in other.notes)
    namespace = later.get(kinds.NAMESPACES, "shop")
    assert namespace is not None
    assert namespace.metadata.labels == {"kubernetes.io/metadata.name": "shop"}


def test_namespace_of_unread_namespaces_stays_unknown(empty: Snapshot) -> None:
    """Where namespaces were not read, none is made up: its labels are not known."""
    tables = {name: table for name, table in empty.tables.items() if name != "namespaces"}
    partial = Snapshot(empty.meta, tables)
    later = applied(partial, given(partial, DEPLOYMENT, namespace="shop"))
    assert later.missing(kinds.NAMESPACES) is not None
    assert later.get(kinds.NAMESPACES, "shop") is None


def test_nulls_and_credentials_are_removed(empty: Snapshot) -> None:
    """The same redaction as for what is read: the value is gone and known to be."""
    later = applied(empty, given(empty, DEPLOYMENT))
    raw = later.raw(kinds.DEPLOYMENTS, "default/web")
    assert raw is not None
    assert "creationTimestamp" not in raw["metadata"]
    assert "hunter2" not in json.dumps(raw)
    unknown = later.unknown_field(kinds.DEPLOYMENTS, "default/web", "spec.template.spec.containers.0.env.0.value")
    assert unknown is not None
    assert unknown.cause is Cause.REDACTED


def test_hooks_other_than_install_are_left_out(empty: Snapshot) -> None:
    """A test pod is no part of an installation; a pre-install Job is; a note counts what was left out."""
    hook = "apiVersion: v1\nkind: Pod\nmetadata: {{name: {0}, annotations: {{helm.sh/hook: '{1}'}}}}\nspec: {{}}\n"
    text = "---\n".join(
        [hook.format("a", "test"), hook.format("b", "pre-delete,post-delete"), hook.format("c", "pre-install")]
    )
    rendered = given(empty, text)
    assert rendered.objects == 1
    assert applied(empty, rendered).get(kinds.PODS, "default/c") is not None
    assert any("1 Pod of hook post-delete, pre-delete, 1 Pod of hook test" in note for note in rendered.notes)


def test_unknown_kinds_are_counted_and_named(empty: Snapshot) -> None:
    """What no rule reads has no effect and is not lost: it counts, and a note names it."""
    text = "---\n".join(
        f"apiVersion: {version}\nkind: {kind}\nmetadata: {{name: x, namespace: dynamo}}\n"
        for version, kind in (
            ("nvidia.com/v1alpha1", "DynamoGraphDeployment"),
            ("v1", "Secret"),
            ("rbac.authorization.k8s.io/v1", "Role"),
        )
    )
    rendered = given(empty, text)
    assert rendered.objects == 3
    assert any("1 DynamoGraphDeployment, 1 Role, 1 Secret" in note for note in rendered.notes)
    assert applied(empty, rendered).get(kinds.NAMESPACES, "dynamo") is not None


def test_chart_label_says_the_version(demo: Snapshot, empty: Snapshot) -> None:
    """helm.sh/chart on a rendered object is the version that is judged, also over a release of another version."""
    labelled = DEPLOYMENT.replace("  name: web", "  name: web\n  labels: {helm.sh/chart: dynamo-platform-1.2.0}")
    for snapshot in (empty, demo):
        later = applied(snapshot, given(snapshot, labelled, namespace="dynamo"))
        found = {line.name: line.value for line in api.check(later, "dynamo", fixes=False).profile.parameters}
        assert found["dynamo.version"] == "1.2.0"


@pytest.mark.parametrize(
    ("text", "says"),
    [
        (f"{DEPLOYMENT}---\nkind: [\n", "stdin (document 2): line 19, column 1: not YAML"),
        (f"{DEPLOYMENT}---\n{DEPLOYMENT.replace('replicas: 2', 'replicas: two')}", "stdin (document 2): line 18: Deployment web: spec.replicas: expected"),
        ("metadata: {name: x}\n", "stdin: line 1: it has no apiVersion, so it is no Kubernetes object"),
        ("apiVersion: v1\nkind: Service\nmetadata: {}\n", "the Service has no metadata.name"),
        ("apiVersion: v1\nkind: {{ .Values.kind }}\nmetadata: {name: {{ x }}}\n", "is a Helm template that is not rendered"),
        ("", "stdin: holds no object to apply"),
        ("# only a comment\n", "stdin: holds no object to apply"),
        ("[1, 2]", "it is no Kubernetes object but a list or a text"),
        (b"\xff\xfe\x00", "UTF-16"),
        (DEPLOYMENT.replace("replicas: 2", "replicas: -3"), "Deployment web: spec.replicas is -3; it cannot be less than 0"),
        (DEPLOYMENT.replace("apps/v1", "apps/v1beta1"), "stdin: line 2: apps/v1beta1 of Deployment is not served from Kubernetes 1.16 on"),
        ("apiVersion: v1\nkind: Pod\nmetadata: {name: t, annotations: {helm.sh/hook: test}}\n", "stdin: holds only hooks that no installation runs (1 Pod of hook test), and they are not applied"),
    ],
)  # fmt: skip
def test_bad_manifest_is_one_sentence(empty: Snapshot, text: str | bytes, says: str) -> None:
    """File, document, line, what is wrong and what to do."""
    with pytest.raises(InputError) as error:
        given(empty, text)
    assert says in str(error.value)
    assert "\n" not in str(error.value)


def test_what_the_api_server_would_say_is_noted(empty: Snapshot) -> None:
    """A key that is given twice, as YAML allows, and a workload without what every workload needs: a note each."""
    text = DEPLOYMENT.replace("replicas: 2", "replicas: 2\n  replicas: 5")
    rendered = given(empty, text)
    later = applied(empty, rendered).get(kinds.DEPLOYMENTS, "default/web")
    assert later is not None
    assert later.spec.replicas == 5
    line = text[: text.index("replicas: 5")].count("\n") + 1
    assert f"stdin: line {line}: replicas is given twice; the last one counts" in rendered.notes
    rendered = given(
        empty,
        "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: a}\nspec: {template: {spec: {containers: []}}}\n",
    )
    says = "Deployment a has no spec.selector and no spec.template.spec.containers, which the API server refuses"
    assert f"stdin: {says}" in rendered.notes


def test_same_object_twice_is_said(empty: Snapshot) -> None:
    """The later one counts, as when both are applied in turn; a note tells."""
    rendered = given(empty, f"{DEPLOYMENT}---\n{DEPLOYMENT.replace('replicas: 2', 'replicas: 5')}")
    later = applied(empty, rendered).get(kinds.DEPLOYMENTS, "default/web")
    assert later is not None
    assert later.spec.replicas == 5
    assert any("was already in stdin" in note for note in rendered.notes)


def test_snapshot_is_not_changed(empty: Snapshot) -> None:
    """An overlay never touches the snapshot that it is applied to."""
    before = {name: [bytes(table.lines.line(i)) for i in range(len(table))] for name, table in empty.tables.items()}
    applied(empty, given(empty, DEPLOYMENT))
    after = {name: [bytes(table.lines.line(i)) for i in range(len(table))] for name, table in empty.tables.items()}
    assert before == after
