"""From files to a snapshot: what is recognised, what is complete, what is refused."""

from __future__ import annotations

import base64
import gzip
import io
import json
import os
import tarfile
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from clusterproof.errors import InputError, SnapshotFormatError, UsageError
from clusterproof.snapshot import kinds, writer
from clusterproof.snapshot.fields import Cause
from clusterproof.snapshot.kinds import Kind
from clusterproof.snapshot.snapshot import Snapshot
from clusterproof.sources import load_snapshot

Make = Callable[[dict[str, Any]], Path]


@pytest.fixture
def make(tmp_path: Path) -> Make:
    """Makes a directory of files: JSON from values, text and bytes as they are."""

    def make(files: dict[str, Any]) -> Path:
        root = tmp_path / "dump"
        root.mkdir(exist_ok=True)
        for name, content in files.items():
            path = root / name
            path.parent.mkdir(parents=True, exist_ok=True)
            if isinstance(content, bytes):
                path.write_bytes(content)
            else:
                path.write_text(content if isinstance(content, str) else json.dumps(content, indent=4))
        return root

    return make


def obj(kind: str, name: str, namespace: str = "", api: str = "v1", **more: Any) -> dict[str, Any]:
    """A Kubernetes object."""
    metadata = {"name": name} | ({"namespace": namespace} if namespace else {})
    return {"apiVersion": api, "kind": kind, "metadata": metadata | more.pop("metadata", {})} | more


def listed(*items: dict[str, Any], **metadata: Any) -> dict[str, Any]:
    """What ``kubectl get … -o json`` prints."""
    return {"apiVersion": "v1", "items": list(items), "kind": "List", "metadata": {"resourceVersion": ""} | metadata}


def typed(wire: str, *items: dict[str, Any], api: str = "v1") -> dict[str, Any]:
    """A typed list as client-go prints it: items without kind and apiVersion."""
    bare = [{key: value for key, value in item.items() if key not in ("kind", "apiVersion")} for item in items]
    return {"kind": f"{wire}List", "apiVersion": api, "metadata": {}, "items": bare}


def cause(snapshot: Snapshot, kind: Kind[Any], scope: str = "") -> Cause | None:
    """Why a kind is not complete."""
    missing = snapshot.missing(kind, scope)
    return missing.cause if missing else None


CLUSTER = {"name": "demo", "arn": "arn:aws:eks:us-west-2:111122223333:cluster/demo", "version": "1.34"}


def test_mixed_list_is_complete_for_the_kinds_that_occur(make: Make) -> None:
    """Kubectl get nodes,pods -A -o json: these two are complete, others were not collected."""
    dump = make({"all.json": listed(obj("Node", "n1"), obj("Pod", "p", "a"), obj("Pod", "p", "b"))})
    snapshot = load_snapshot([dump])
    assert [node.metadata.name for node in snapshot.objects(kinds.NODES)] == ["n1"]
    assert set(snapshot.tables["pods"].index) == {"a/p", "b/p"}
    assert cause(snapshot, kinds.PODS) is None
    assert cause(snapshot, kinds.SERVICES) is Cause.NOT_COLLECTED


def test_collected_kinds_that_do_not_occur_are_none(make: Make) -> None:
    """--collected networkpolicies says that their absence from a mixed list is an answer."""
    dump = make({"all.json": listed(obj("Node", "n1"))})
    snapshot = load_snapshot([dump], collected=["netpol", "services"])
    assert cause(snapshot, kinds.NETWORK_POLICIES) is None
    assert snapshot.objects(kinds.NETWORK_POLICIES) == ()
    with pytest.raises(UsageError, match="gizmos is no kind"):
        load_snapshot([dump], collected=["gizmos"])


def test_stdin_and_directory_together(make: Make) -> None:
    """Kubectl … | clusterproof check - ./aws-json."""
    dump = make({"describe-cluster.json": {"cluster": CLUSTER}})
    stdin = io.BytesIO(json.dumps(listed(obj("Node", "n1"))).encode())
    snapshot = load_snapshot(["-", dump], stdin=stdin)
    assert len(snapshot.objects(kinds.NODES)) == 1
    assert (snapshot.meta.cluster, snapshot.meta.region, snapshot.meta.account) == ("demo", "us-west-2", "111122223333")
    assert snapshot.meta.kubernetes_version == "1.34"
    assert snapshot.meta.sources == ("-", str(dump))


@pytest.mark.parametrize("name", ["networkpolicies", "netpol", "network-policies", "networkpolicies.networking.k8s.io"])
def test_an_empty_list_is_named_by_its_file(make: Make, name: str) -> None:
    """An empty List does not say of what: the file's name does."""
    snapshot = load_snapshot([make({f"{name}.json": listed(), "n.json": listed(obj("Node", "n"))})])
    assert cause(snapshot, kinds.NETWORK_POLICIES) is None


def test_an_empty_list_of_no_name_is_noted(make: Make) -> None:
    """It proves nothing, and says so."""
    snapshot = load_snapshot([make({"x.json": listed(), "n.json": listed(obj("Node", "n"))})])
    assert any("x.json: an empty List" in note for note in snapshot.meta.notes)


@pytest.mark.parametrize("kind", [kind for kind in kinds.ALL if kind.origin == "aws"], ids=lambda kind: kind.name)
def test_an_empty_bare_list_is_no_answer_of_aws(make: Make, kind: Kind[Any]) -> None:
    """Their commands print a member, also where there is none of it: without one, nothing is known to be empty."""
    snapshot = load_snapshot([make({f"{kind.name}.json": [], "n.json": listed(obj("Node", "n"))})])
    why = snapshot.missing(kind)
    assert why is not None
    assert why.cause is Cause.INCOMPLETE
    assert f"{kind.name}.json is an empty list" in why.detail
    assert kind.command in why.remedy
    assert any(f"{kind.name}.json is an empty list" in note for note in snapshot.meta.notes)


def test_helm_prints_an_empty_bare_list(make: Make) -> None:
    """What helm list -o json prints has no member: no release is an answer."""
    snapshot = load_snapshot([make({"helm.json": [], "secrets.json": [], "n.json": listed(obj("Node", "n"))})])
    assert snapshot.missing(kinds.HELM_RELEASES) is None


def test_an_answer_counts_before_an_empty_bare_list(make: Make) -> None:
    """The same command's answer in another file is read."""
    files = {"subnets.json": [], "all.json": {"Subnets": []}}
    assert load_snapshot([make(files)]).missing(kinds.SUBNETS) is None


def test_pages_are_incomplete(make: Make) -> None:
    """A page of a list says that there is more, in Kubernetes and in AWS."""
    dump = make(
        {
            "pods.json": listed(obj("Pod", "p", "a"), **{"continue": "abc"}),
            "sg.json": {"SecurityGroups": [{"GroupId": "sg-1"}], "NextToken": "x"},
            "subnets.json": {"Subnets": [{"SubnetId": "subnet-1"}], "NextToken": None},
        }
    )
    snapshot = load_snapshot([dump])
    assert cause(snapshot, kinds.PODS) is Cause.INCOMPLETE
    missing = snapshot.missing(kinds.SECURITY_GROUPS)
    assert missing is not None
    assert "--max-items" in missing.remedy
    assert cause(snapshot, kinds.SUBNETS) is None


def test_yaml_equals_json(make: Make) -> None:
    """The same objects, printed as YAML: lists, several documents, flow style."""
    text = """
apiVersion: v1
kind: List
items:
- apiVersion: v1
  kind: Pod
  metadata: {name: p, namespace: a, creationTimestamp: "2026-05-15T10:02:03Z", labels: {v: "1.0", w: "yes"}}
  spec:
    nodeName: n1
    hostNetwork: true
    containers: [{name: c, ports: [{containerPort: 80}]}]
"""
    snapshot = load_snapshot([make({"pods.yaml": text})])
    (pod,) = snapshot.objects(kinds.PODS)
    assert (pod.spec.host_network, pod.spec.containers[0].ports[0].container_port) == (True, 80)
    assert pod.metadata.labels == {"v": "1.0", "w": "yes"}
    aws = "SecurityGroups:\n- GroupId: sg-1\n  IpPermissions: []\n---\nSubnets:\n- SubnetId: subnet-1\n"
    snapshot = load_snapshot([make({"aws.yaml": aws})])
    assert len(snapshot.objects(kinds.SECURITY_GROUPS)) == len(snapshot.objects(kinds.SUBNETS)) == 1


def test_single_objects_do_not_make_a_list(make: Make) -> None:
    """Kubectl get pod p -o json says nothing of other pods, unless the user does."""
    dump = make({"p.json": obj("Pod", "p", "a")})
    assert cause(load_snapshot([dump]), kinds.PODS) is Cause.INCOMPLETE
    assert cause(load_snapshot([dump], collected=["pods"]), kinds.PODS) is None


def test_aws_answers_by_their_member(make: Make) -> None:
    """Reservations are flattened; --query lists are known by a member that one kind has."""
    dump = make(
        {
            "1.json": {
                "Reservations": [{"Instances": [{"InstanceId": "i-1"}]}, {"Instances": [{"InstanceId": "i-2"}]}]
            },
            "2.json": [{"GroupId": "sg-1", "IpPermissions": []}],
            "3.json": {"PrefixLists": [{"PrefixListId": "pl-00000001", "PrefixListName": "x"}]},
            "pl-00000001.json": {"Entries": [{"Cidr": "10.0.0.0/8"}]},
            "4.json": {"VolumesModifications": []},
            "5.json": {"LoadBalancers": [{"LoadBalancerArn": "lb-1"}], "NextMarker": "more"},
            "6.json": {"TargetGroups": [{"TargetGroupArn": "tg-1"}]},
        }
    )
    snapshot = load_snapshot([dump])
    assert [each.instance_id for each in snapshot.objects(kinds.INSTANCES)] == ["i-1", "i-2"]
    assert cause(snapshot, kinds.SECURITY_GROUPS) is None
    assert [item.target_group_arn for item in snapshot.objects(kinds.TARGET_GROUPS)] == ["tg-1"]
    assert (cause(snapshot, kinds.TARGET_GROUPS), cause(snapshot, kinds.LOAD_BALANCERS)) == (None, Cause.INCOMPLETE)
    entries = snapshot.get(kinds.PREFIX_LIST_ENTRIES, "pl-00000001")
    assert entries is not None
    assert entries.entries[0].cidr == "10.0.0.0/8"
    assert cause(snapshot, kinds.PREFIX_LIST_ENTRIES) is None
    assert any("VolumesModifications" in note for note in snapshot.meta.notes)


def test_prefix_lists_without_entries_are_named(make: Make) -> None:
    """A list whose entries were not given makes the entries incomplete, with the command for the first one."""
    dump = make(
        {"a.json": {"PrefixLists": [{"PrefixListId": "pl-1a2b3c4d"}]}, "b.json": {"Entries": [{"Cidr": "10.0.0.0/8"}]}}
    )
    snapshot = load_snapshot([dump])
    assert any("unnamed prefix list" in note for note in snapshot.meta.notes)
    missing = snapshot.missing(kinds.PREFIX_LIST_ENTRIES)
    assert missing is not None
    assert missing.cause is Cause.INCOMPLETE
    assert "--prefix-list-id pl-1a2b3c4d" in missing.remedy


def test_routes_of_transit_gateways_have_their_table_from_the_file_name(make: Make) -> None:
    """search-transit-gateway-routes names no table; what is associated and was not given is asked for by its command."""
    attachments = [
        {
            "TransitGatewayAttachmentId": f"tgw-attach-{n}",
            "Association": {"TransitGatewayRouteTableId": f"tgw-rtb-0000000{n}"},
        }
        for n in (1, 2)
    ]
    route = {"DestinationCidrBlock": "10.0.0.0/8", "State": "blackhole", "Type": "static"}
    files: dict[str, Any] = {
        "a.json": {"TransitGatewayAttachments": attachments},
        "tgw-rtb-00000001.json": {"Routes": [route], "AdditionalRoutesAvailable": True},
        "b.json": {"Routes": [route]},
        "c.json": {"Routes": [{"Path": "/"}]},
    }
    snapshot = load_snapshot([make(files)])
    held = snapshot.get(kinds.TRANSIT_GATEWAY_ROUTES, "tgw-rtb-00000001")
    assert held is not None
    assert (held.routes[0].state, held.additional_routes_available) == ("blackhole", True)
    notes = " ".join(snapshot.meta.notes)
    assert "unnamed transit gateway route table" in notes
    assert "Routes that are no transit gateway's" in notes
    missing = snapshot.missing(kinds.TRANSIT_GATEWAY_ROUTES)
    assert missing is not None
    assert "--transit-gateway-route-table-id tgw-rtb-00000002 " in missing.remedy
    files["tgw-rtb-00000002.json"] = {"Routes": []}
    assert load_snapshot([make(files)]).missing(kinds.TRANSIT_GATEWAY_ROUTES) is None


def group(name: str, cluster: str = "demo") -> dict[str, Any]:
    """What ``aws eks describe-nodegroup`` prints."""
    return {"nodegroup": {"nodegroupName": name, "clusterName": cluster}}


def test_node_groups_need_a_list(make: Make) -> None:
    """Each is described on its own: only a list that names the same set makes them complete."""
    files: dict[str, Any] = {"c.json": {"cluster": CLUSTER}, "gpu.json": group("gpu")}
    missing = load_snapshot([make(files)]).missing(kinds.NODEGROUPS)
    assert missing is not None
    assert "list-nodegroups" in missing.remedy
    missing = load_snapshot([make(files | {"l.json": {"nodegroups": ["gpu", "system"]}})]).missing(kinds.NODEGROUPS)
    assert missing is not None
    assert "system" in missing.detail
    assert "--cluster-name demo --nodegroup-name system" in missing.remedy
    assert load_snapshot([make({"system.json": group("system")})]).missing(kinds.NODEGROUPS) is None


def test_node_groups_named_by_scaling_groups(make: Make) -> None:
    """The tags that EKS gives Auto Scaling groups name the node groups as well as list-nodegroups."""
    tags = [{"Key": "eks:nodegroup-name", "Value": "gpu"}, {"Key": "eks:cluster-name", "Value": "demo"}]
    other = [{"Key": "eks:nodegroup-name", "Value": "x"}, {"Key": "eks:cluster-name", "Value": "other"}]
    scaling = [{"AutoScalingGroupName": "a", "Tags": tags}, {"AutoScalingGroupName": "b", "Tags": other}]
    files = {"c.json": {"cluster": CLUSTER}, "gpu.json": group("gpu"), "asg.json": {"AutoScalingGroups": scaling}}
    snapshot = load_snapshot([make(files)])
    assert cause(snapshot, kinds.NODEGROUPS) is None
    assert [each.name for each in snapshot.objects(kinds.NODEGROUP_NAMES)] == ["gpu"]


DENIED_AWS = (
    "\nAn error occurred (UnauthorizedOperation) when calling the DescribeSecurityGroups operation: "
    "You are not authorized to perform this operation.\n"
)
DENIED_K8S = (
    'Error from server (Forbidden): networkpolicies.networking.k8s.io is forbidden: User "x" cannot list resource '
    '"networkpolicies" in API group "networking.k8s.io" at the cluster scope\n'
)


def test_saved_errors_name_the_permission(make: Make) -> None:
    """What a refused command printed, saved to a file, says why the kind is missing."""
    dump = make({"sgs.json": DENIED_AWS, "netpol.json": DENIED_K8S, "n.json": listed(obj("Node", "n"))})
    snapshot = load_snapshot([dump])
    for kind, permission in (
        (kinds.SECURITY_GROUPS, "ec2:DescribeSecurityGroups"),
        (kinds.NETWORK_POLICIES, "list networkpolicies.networking.k8s.io"),
    ):
        missing = snapshot.missing(kind)
        assert missing is not None
        assert missing.cause is Cause.DENIED
        assert permission in missing.remedy


def test_what_was_read_beats_an_error(make: Make) -> None:
    """An older error file beside a later success does no harm; a namespace's refusal concerns it only."""
    inside = DENIED_K8S.replace("at the cluster scope", 'in the namespace "a"')
    dump = make({"sgs.err.txt": DENIED_AWS, "sgs.json": {"SecurityGroups": []}, "e.txt": inside})
    snapshot = load_snapshot([dump])
    assert cause(snapshot, kinds.SECURITY_GROUPS) is None
    assert cause(snapshot, kinds.NETWORK_POLICIES, "a") is Cause.DENIED


def test_a_kind_that_the_server_lacks_has_no_objects(make: Make) -> None:
    """The server does not know the type, or a full list of definitions lacks it: there are none."""
    text = 'error: the server doesn\'t have a resource type "securitygrouppolicies"\n'
    snapshot = load_snapshot([make({"sgp.json": text, "n.json": listed(obj("Node", "n"))})])
    assert cause(snapshot, kinds.SECURITY_GROUP_POLICIES) is None
    crd = obj("CustomResourceDefinition", "eniconfigs.crd.k8s.amazonaws.com", api="apiextensions.k8s.io/v1")
    snapshot = load_snapshot([make({"sgp.json": listed(), "crds.json": listed(crd)})])
    assert cause(snapshot, kinds.SECURITY_GROUP_POLICIES) is None
    assert cause(snapshot, kinds.ENI_CONFIGS) is Cause.NOT_COLLECTED


def test_cluster_info_dump_directory(make: Make) -> None:
    """Lists are complete for the namespace whose directory they are in; logs are not read."""
    files: dict[str, Any] = {"nodes.json": typed("Node", obj("Node", "n1"))}
    for namespace in ("default", "kube-system"):
        files |= {
            f"{namespace}/events.json": typed("Event"),
            f"{namespace}/replication-controllers.json": typed("ReplicationController"),
            f"{namespace}/services.json": typed("Service"),
            f"{namespace}/daemonsets.json": typed("DaemonSet", api="apps/v1"),
            f"{namespace}/pods.json": typed("Pod", obj("Pod", "p", namespace)),
            f"{namespace}/p/logs.txt": "{not json\n",
        }
    snapshot = load_snapshot([make(files)])
    assert len(snapshot.objects(kinds.PODS)) == 2
    assert cause(snapshot, kinds.SERVICES, "default") is None
    assert cause(snapshot, kinds.SERVICES, "dynamo") is Cause.NOT_COLLECTED
    assert cause(snapshot, kinds.PODS) is Cause.NOT_COLLECTED
    raw = snapshot.raw(kinds.PODS, "default/p")
    assert raw is not None
    assert (raw["kind"], raw["apiVersion"]) == ("Pod", "v1")


def test_cluster_info_dump_to_stdout() -> None:
    """One stream of lists with logs between them."""
    parts = [typed("Node", obj("Node", "n1"))]
    for namespace in ("default", "kube-system"):
        parts += [
            typed("Event", obj("Event", "e", namespace)),
            typed("ReplicationController"),
            typed("Service", obj("Service", "s", namespace, spec={"ports": [{"port": 53}]})),
            typed("Deployment", api="apps/v1"),
            typed("Pod", obj("Pod", "p", namespace)),
        ]
    log = "==== START logs for container c of pod default/p ====\n{broken\n==== END logs for container c of pod default/p ====\n"
    text = "\n".join(json.dumps(part, indent=4) for part in parts) + "\n" + log
    snapshot = load_snapshot(["-"], stdin=io.BytesIO(text.encode()))
    assert cause(snapshot, kinds.NODES) is None
    assert cause(snapshot, kinds.SERVICES, "default") is None
    assert cause(snapshot, kinds.DEPLOYMENTS, "kube-system") is None
    assert cause(snapshot, kinds.DEPLOYMENTS) is Cause.NOT_COLLECTED


def bundle_files() -> dict[str, Any]:
    """A troubleshoot.sh bundle: lists, older bare arrays, errors, redactions, and what is no concern of ours."""
    names = ["default", "kube-system"]
    pod = obj(
        "Pod", "p", "default", spec={"containers": [{"name": "c", "env": [{"name": "X", "value": "***HIDDEN***"}]}]}
    )
    policy = obj("NetworkPolicy", "deny", "default", api="networking.k8s.io/v1", spec={"podSelector": {}})
    bare = {key: value for key, value in policy.items() if key not in ("kind", "apiVersion")}
    eni = obj("ENIConfig", "us-west-2a", api="crd.k8s.amazonaws.com/v1alpha1", spec={"subnet": "subnet-1"})
    refused = (
        'services is forbidden: User "x" cannot list resource "services" in API group "" in the namespace "default"'
    )
    return {
        "version.yaml": "apiVersion: x\n",
        "analysis.json": [{"name": "x"}],
        "cluster-info/cluster_version.json": {"info": {"gitVersion": "v1.34.1-eks"}, "string": "v1.34.1"},
        "cluster-resources/namespaces.json": typed("Namespace", *(obj("Namespace", name) for name in names)),
        "cluster-resources/nodes.json": [obj("Node", "n1")],
        "cluster-resources/pods/default.json": typed("Pod", pod),
        "cluster-resources/pods/kube-system.json": typed("Pod"),
        "cluster-resources/pods-errors.json": "",
        "cluster-resources/network-policy/default.json": [bare],
        "cluster-resources/services/kube-system.json": [],
        "cluster-resources/services-errors.json": {"default": refused},
        "cluster-resources/pvcs-errors.json": ["etcdserver: request timed out"],
        "cluster-resources/custom-resources/eniconfigs.crd.k8s.amazonaws.com.json": [eni],
        "cluster-resources/auth-cani-list/default.json": [{"verbs": ["*"]}],
        "cluster-resources/groups.json": [{"name": "apps"}],
        "secrets/x.json": {"broken": 1},
    }


@pytest.mark.parametrize("form", ["directory", "tar.gz"])
def test_support_bundle(make: Make, tmp_path: Path, form: str) -> None:
    """The same answer from the archive and from its directory."""
    root = make({f"support-bundle-1/{name}": content for name, content in bundle_files().items()})
    source = root / "support-bundle-1"
    if form == "tar.gz":
        source = tmp_path / "bundle.tar.gz"
        with tarfile.open(source, "w:gz") as archive:
            archive.add(root / "support-bundle-1", "support-bundle-1")
    snapshot = load_snapshot([source])
    assert cause(snapshot, kinds.PODS) is None  # both namespaces that there are
    assert cause(snapshot, kinds.NODES) is None
    assert cause(snapshot, kinds.SERVICES, "kube-system") is None
    assert cause(snapshot, kinds.SERVICES, "default") is Cause.DENIED
    assert cause(snapshot, kinds.NETWORK_POLICIES, "default") is None
    assert cause(snapshot, kinds.NETWORK_POLICIES) is Cause.NOT_COLLECTED
    assert cause(snapshot, kinds.CLAIMS) is Cause.ERROR
    assert snapshot.objects(kinds.ENI_CONFIGS)[0].spec.subnet == "subnet-1"
    assert snapshot.unknown_field(kinds.PODS, "default/p", "spec.containers.0.env.0.value") is not None
    assert snapshot.meta.kubernetes_version == "v1.34.1-eks"


def test_secrets_become_helm_releases(make: Make) -> None:
    """Of all Secrets the deployed revision of each release remains, as facts."""

    def secret(revision: int, version: str, status: str) -> dict[str, Any]:
        chart = {"chart": {"metadata": {"name": "dynamo-platform", "version": version}}, "info": {"status": status}}
        payload = base64.b64encode(base64.b64encode(gzip.compress(json.dumps(chart).encode()))).decode()
        labels = {"name": "dynamo", "version": str(revision), "status": status}
        metadata = {"labels": labels}
        name = f"sh.helm.release.v1.dynamo.v{revision}"
        return obj("Secret", name, "dynamo", type="helm.sh/release.v1", data={"release": payload}, metadata=metadata)

    other = obj("Secret", "db", "dynamo", type="Opaque", data={"password": "bGV0bWVpbg=="})
    rows = [secret(1, "1.0.0", "superseded"), secret(2, "1.1.0", "deployed"), secret(3, "1.2.0", "failed"), other]
    snapshot = load_snapshot([make({"secrets.json": listed(*rows)})])
    (release,) = snapshot.objects(kinds.HELM_RELEASES)
    assert (release.chart, release.version, release.status) == ("dynamo-platform", "1.1.0", "deployed")
    assert cause(snapshot, kinds.HELM_RELEASES) is None
    out = io.BytesIO()
    writer.write_to(snapshot, out)
    assert set(snapshot.tables) == {"helmreleases"}


def test_helm_list(make: Make) -> None:
    """Helm list -A -o json gives chart and version in one word."""
    row = {
        "name": "d",
        "namespace": "dynamo",
        "revision": "3",
        "status": "deployed",
        "chart": "dynamo-platform-1.1.0-rc.1",
        "app_version": "",
    }
    snapshot = load_snapshot([make({"helm.json": [row]})])
    (release,) = snapshot.objects(kinds.HELM_RELEASES)
    assert (release.chart, release.version) == ("dynamo-platform", "1.1.0-rc.1")


def test_a_snapshot_among_files(make: Make, tmp_path: Path) -> None:
    """A snapshot file is read as it is; with other files beside it both count."""
    first = load_snapshot([make({"n.json": listed(obj("Node", "n1")), "c.json": {"cluster": CLUSTER}})])
    path = tmp_path / "x.snapshot"
    writer.write(first, path)
    again = load_snapshot([path])
    assert again.meta.cluster == "demo"
    more = make({"n.json": listed(obj("Node", "n1"), obj("Node", "n2")), "s.json": {"Subnets": []}})
    both = load_snapshot([path, more])
    assert [node.metadata.name for node in both.objects(kinds.NODES)] == ["n1", "n2"]
    assert cause(both, kinds.SUBNETS) is None
    assert both.meta.region == "us-west-2"


def test_the_same_object_twice(make: Make) -> None:
    """Identical: one. Different: the error names both files. What changes by itself is not a difference."""
    node = obj("Node", "n1", metadata={"resourceVersion": "1"})
    later = obj("Node", "n1", metadata={"resourceVersion": "2"})
    assert len(load_snapshot([make({"a.json": listed(node), "b.json": listed(later)})]).objects(kinds.NODES)) == 1
    with pytest.raises(InputError, match=r"b\.json: Node n1 differs from the one in .*a\.json; keep one"):
        load_snapshot([make({"b.json": listed(obj("Node", "n1", spec={"unschedulable": True}))})])


def test_two_clusters(make: Make) -> None:
    """Two clusters in one directory are an error that names them; --cluster chooses among EKS output."""
    other = CLUSTER | {"name": "other", "arn": "arn:aws:eks:us-west-2:111122223333:cluster/other"}
    dump = make(
        {
            "a.json": {"cluster": CLUSTER},
            "b.json": {"cluster": other},
            "g.json": group("gpu"),
            "h.json": group("x", "other"),
        }
    )
    with pytest.raises(InputError, match=r"other, but demo in .*a\.json: these are two clusters; .*--cluster"):
        load_snapshot([dump])
    snapshot = load_snapshot([dump], cluster="other")
    assert [each.name for each in snapshot.objects(kinds.CLUSTERS)] == ["other"]
    assert [each.nodegroup_name for each in snapshot.objects(kinds.NODEGROUPS)] == ["x"]
    with pytest.raises(InputError, match="holds no cluster nope; it holds demo, other"):
        load_snapshot([dump], cluster="nope")


@pytest.mark.parametrize(
    ("first", "second", "what"),
    [
        (
            obj("Namespace", "kube-system", metadata={"uid": "1"}),
            obj("Namespace", "kube-system", metadata={"uid": "2"}),
            "kube-system",
        ),
        (
            obj("Node", "a", spec={"providerID": "aws:///us-west-2a/i-1"}),
            obj("Node", "b", spec={"providerID": "aws:///eu-west-1b/i-2"}),
            "eu-west-1, but us-west-2",
        ),
    ],
)
def test_two_clusters_by_their_objects(make: Make, first: Any, second: Any, what: str) -> None:
    """Two kube-system namespaces, or nodes in two regions, are two clusters."""
    with pytest.raises(InputError, match=what):
        load_snapshot([make({"a.json": listed(first), "b.json": listed(second)})])


def test_shared_vpcs_are_one_cluster(make: Make) -> None:
    """A VPC shared by another account has another owner; that is no second cluster."""
    dump = make({"v.json": {"Vpcs": [{"VpcId": "v-1", "OwnerId": "1"}, {"VpcId": "v-2", "OwnerId": "2"}]}})
    assert len(load_snapshot([dump]).objects(kinds.VPCS)) == 2


BOMB = "a: &a [x,x,x,x,x,x,x,x,x]\n" + "".join(
    f"{chr(98 + n)}: &{chr(98 + n)} [{','.join(['*' + chr(97 + n)] * 9)}]\n" for n in range(9)
)
BAD: dict[str, tuple[str, Any, str]] = {
    "items": ("p.json", '{"kind":"List","apiVersion":"v1","items":5}', "items: expected a list, got a number"),
    "member": ("s.json", '{"SecurityGroups": {"a": 1}}', "SecurityGroups: expected a list, got an object"),
    "item": ("p.json", listed("x"), "items[0]: expected an object, got text"),  # type: ignore[arg-type]
    "field": (
        "p.json",
        listed(obj("Pod", "p", "a", spec={"nodeName": {}})),
        "Pod a/p: spec.nodeName: expected text, got an object",
    ),
    "aws field": ("s.json", {"SecurityGroups": [{"GroupId": 5}]}, "GroupId: expected text, got a number"),
    "aws id": ("s.json", {"SecurityGroups": [{"GroupName": "x"}]}, "lacks the field"),
    "cluster": ("c.json", {"cluster": "demo"}, "cluster: expected an object"),
    "utf-8": (
        "p.json",
        b'{"kind":"List","items":[{"kind":"Pod","apiVersion":"v1","metadata":{"name":"\xff"}}]}',
        "UTF-8",
    ),
    "empty": ("p.json", "", "is empty"),
    "truncated": ("p.json", '{"kind": "List",\n "items": [', "line 2, column"),
    "malformed": ("p.json", '{"kind": "List",\n "items": [}', "line 2, column 12: not JSON"),
    "text": ("p.json", "hello there\n", 'line 1, column 1: expected JSON, found the text "hello there"'),
    "nested": ("p.json", "[" * 100_000, "nested too deeply"),
    "yaml bomb": ("p.yaml", BOMB, "multiply"),
    "yaml nested": ("p.yaml", "- " * 100_000, "nested too deeply"),
    "yaml flow nested": ("p.yaml", "[" * 100_000, "nested too deeply"),
    "yaml loop": ("p.yaml", "a: &a [*a]", "alias"),
    "yaml tag": ("p.yaml", "a: !!python/object:os.system x", "tag"),
    "yaml broken": ("p.yaml", "a: [1\nb: 2", "not YAML"),
    "yaml utf-8": ("p.yaml", b'a: "\xff"', "UTF-8"),
    "gzip": ("p.json.gz", gzip.compress(b"x" * 1000)[:-9], "gzip"),
    "zip": ("p.snapshot", b"PK\x03\x04 not a zip", "truncated or damaged"),
}


@pytest.mark.parametrize("case", BAD)
def test_bad_input(make: Make, case: str) -> None:
    """Each is refused in one line that names the file, what is wrong, and what to do."""
    name, content, expected = BAD[case]
    dump = make({name: content})
    with pytest.raises(InputError) as caught:
        load_snapshot([dump])
    message = str(caught.value)
    assert name in message
    assert expected in message
    assert "\n" not in message
    assert caught.value.exit_status == 2
    assert any(word in message for word in ("again", "leave it out", "keep one"))


def test_huge_lines_are_bounded(make: Make) -> None:
    """Large text that is no JSON is refused by its size, at once; a large line of JSON is read."""
    with pytest.raises(InputError, match=r"is 70 MB and not JSON; YAML is read up to 67 MB: .* -o json"):
        load_snapshot([make({"big.json": b"x" * 70_000_000})])
    (make({}) / "big.json").unlink()
    pod = json.dumps(obj("Pod", "p", "a", metadata={"annotations": {"x": "y" * 20_000_000}}))
    text = '{"kind":"List","apiVersion":"v1","items":[' + pod + "]}"
    assert len(load_snapshot([make({"pods.json": text})]).objects(kinds.PODS)) == 1


def test_named_files_must_be_something(make: Make) -> None:
    """An unrecognised file is an error when it was named, and a note when a directory held it."""
    dump = make({"values.yaml": "replicas: 2\n", "n.json": listed(obj("Node", "n")), "README.md": "# x", "x.txt": "hi"})
    with pytest.raises(InputError, match="holds nothing that kubectl"):
        load_snapshot([dump / "values.yaml"])
    notes = load_snapshot([dump]).meta.notes
    assert len(notes) == 1
    assert "values.yaml: left aside" in notes[0]


def test_nothing_at_all(make: Make, tmp_path: Path) -> None:
    """A directory without anything of ours, a missing path, no input and no stdin are errors."""
    with pytest.raises(InputError, match="nothing to check was found"):
        load_snapshot([make({"README.md": "x"})])
    with pytest.raises(InputError, match="cannot be read"):
        load_snapshot([tmp_path / "missing"])
    with pytest.raises(UsageError, match="no input was named"):
        load_snapshot([])
    with pytest.raises(InputError, match="nothing can be read here"):
        load_snapshot(["-"])
    with zipfile.ZipFile(tmp_path / "x.zip", "w") as archive:
        archive.writestr("a", "b")
    with pytest.raises(SnapshotFormatError, match=r"x\.zip: is a zip, but not a snapshot"):
        load_snapshot([tmp_path / "x.zip"])


def test_links(make: Make) -> None:
    """Loops of links end; a link to a file is the file."""
    dump = make({"a/n.json": listed(obj("Node", "n"))})
    (dump / "a" / "up").symlink_to(dump)
    (dump / "loop").symlink_to(dump / "loop")
    (dump / "link.json").symlink_to(dump / "a" / "n.json")
    assert len(load_snapshot([dump]).objects(kinds.NODES)) == 1


def test_unreadable_directories(make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    """What may not be read is an error, not an empty answer."""
    dump = make({"a/n.json": listed(obj("Node", "n")), "n.json": listed(obj("Node", "n"))})
    (dump / "a").chmod(0)
    dump.chmod(0o755)
    monkeypatch.chdir(dump)
    me = os.geteuid()
    if me == 0:  # root may read everything: for a moment, be someone who may not
        os.seteuid(65534)
    try:
        with pytest.raises(InputError, match=r"^a: cannot be read \(Permission denied\)"):
            load_snapshot(["."])
    finally:
        os.seteuid(me)
        (dump / "a").chmod(0o755)


def test_windows_shells(make: Make) -> None:
    """PowerShell writes UTF-16 with a byte order mark."""
    text = json.dumps(listed(obj("Node", "n")))
    assert len(load_snapshot([make({"n.json": text.encode("utf-16")})]).objects(kinds.NODES)) == 1
    assert len(load_snapshot([make({"n.json": b"\xef\xbb\xbf" + text.encode()})]).objects(kinds.NODES)) == 1


def test_redaction_on_the_way_in(make: Make) -> None:
    """No secret, managed field or null reaches the tables."""
    pod = obj("Pod", "p", "a", metadata={"managedFields": [{"manager": "x"}], "creationTimestamp": None})
    pod["spec"] = {
        "containers": [{"name": "c", "env": [{"name": "DB_PASSWORD", "value": "letmein!"}]}],
        "volumes": None,
    }
    template = {"LaunchTemplateId": "lt-1", "LaunchTemplateData": {"UserData": "c2VjcmV0"}}
    snapshot = load_snapshot([make({"p.json": listed(pod), "l.json": {"LaunchTemplateVersions": [template]}})])
    text = b"".join(table.lines.line(n) for table in snapshot.tables.values() for n in range(len(table)))
    for word in (b"letmein", b"managedFields", b"null", b"c2VjcmV0"):
        assert word not in text
    assert snapshot.unknown_field(kinds.PODS, "a/p", "spec.containers.0.env.0.value") is not None
    assert snapshot.unknown_field(kinds.LAUNCH_TEMPLATE_VERSIONS, "lt-1/1", "LaunchTemplateData.UserData") is not None


def test_pods_as_controllers_make_them(make: Make) -> None:
    """Environment from fields, Secrets and ConfigMaps, probes, projected volumes, null probe times: all are read."""
    env = [
        {"name": "POD", "valueFrom": {"fieldRef": {"apiVersion": "v1", "fieldPath": "metadata.name"}}},
        {"name": "KEY", "valueFrom": {"secretKeyRef": {"name": "s", "key": "k"}}},
        {"name": "PLAIN", "value": "x"},
    ]
    container = {
        "name": "c",
        "env": env,
        "livenessProbe": {"httpGet": {"path": "/", "port": "http"}},
        "lifecycle": None,
    }
    condition = {"type": "Ready", "status": "True", "lastProbeTime": None}
    token = {"name": "kube-api-access-x", "projected": {"sources": [{"serviceAccountToken": {"path": "token"}}]}}
    pod = obj("Pod", "p", "a", spec={"containers": [container], "volumes": [token]}, status={"conditions": [condition]})
    snapshot = load_snapshot([make({"pods.json": listed(pod)})])
    (read,) = snapshot.objects(kinds.PODS)
    assert [each.value_from is None for each in read.spec.containers[0].env] == [False, False, True]
    raw = snapshot.raw(kinds.PODS, "a/p")
    assert raw is not None
    assert raw["status"]["conditions"] == [{"type": "Ready", "status": "True"}]
    assert "lifecycle" not in raw["spec"]["containers"][0]


def test_same_files_same_bytes(make: Make) -> None:
    """Two readings of one directory write the same snapshot."""
    dump = make({"a.json": listed(obj("Pod", "p", "a"), obj("Node", "n")), "b.json": {"Subnets": []}})
    outs = [io.BytesIO(), io.BytesIO()]
    for out in outs:
        writer.write_to(load_snapshot([dump]), out)
    assert outs[0].getvalue() == outs[1].getvalue()


def _nodegroup(directory: Path, cluster: str, size: int) -> None:
    found = {"nodegroupName": "gpu", "clusterName": cluster, "scalingConfig": {"maxSize": size}}
    (directory / f"{cluster}-gpu.json").write_text(json.dumps({"nodegroup": found}))


def test_node_groups_of_one_name_in_two_clusters(tmp_path: Path) -> None:
    """An account may have two clusters with a group of one name: one sentence, and --cluster chooses."""
    _nodegroup(tmp_path, "blue", 1)
    _nodegroup(tmp_path, "green", 2)
    with pytest.raises(InputError, match="node groups of two clusters, blue and green"):
        load_snapshot([tmp_path])
    (group,) = load_snapshot([tmp_path], cluster="green").objects(kinds.NODEGROUPS)
    assert group.scaling_config.max_size == 2


def test_a_typed_list_of_secrets_leaves_no_value(tmp_path: Path) -> None:
    """Items of a SecretList carry no kind of their own; their values are dropped all the same."""
    secret = {"metadata": {"name": "db", "namespace": "app"}, "type": "Opaque", "data": {"password": "aHVudGVyMg=="}}
    (tmp_path / "secrets.json").write_text(
        json.dumps({"apiVersion": "v1", "kind": "SecretList", "items": [secret], "metadata": {}})
    )
    snapshot = load_snapshot([tmp_path])
    assert snapshot.objects(kinds.HELM_RELEASES) == ()
    assert b"aHVudGVyMg" not in b"".join(
        table.lines.line(i) for table in snapshot.tables.values() for i in range(len(table))
    )
