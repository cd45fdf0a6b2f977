"""World ``asya``: a cluster that somebody set up to the letter of Asya's requirements, and on which Asya does not run.

It is the correct cluster of :mod:`worldgen.asya`, changed where the document lacks something or is wrong: nothing here is
a slip of whoever made it.
"""

from __future__ import annotations

import copy
import json
from collections.abc import Callable
from typing import Any

from worldgen.asya import SPEC, asya
from worldgen.asya_iam import ACTORS, NAMESPACE, allow, document
from worldgen.files import Files, json_text

Raw = dict[str, Any]
Objects = list[Raw]
_QUEUES = f"arn:aws:sqs:*:{SPEC.account}:asya-*"
_ACTOR_ROLE = f"arn:aws:iam::{SPEC.account}:role/asya-actor"


def to_the_letter() -> Files:
    """The files of the world."""
    files = asya()
    for name, change in (
        ("aws/roles", _permissions),
        ("aws/nodegroup-gpu", _image),
        ("kubernetes/scaledobjects", _triggers),
        ("kubernetes/asyncactors", _conditions),
        ("kubernetes/deployments", _workloads),
        ("kubernetes/pods", _pods),
        ("kubernetes/serviceaccounts", _accounts),
        ("kubernetes/networkpolicies", _egress),
    ):
        files[f"{name}.json"] = _changed(files[f"{name}.json"], change, sort=name.startswith("kubernetes/"))
    return _without_actor_associations(files)


def _changed(text: str, change: Callable[[Any], None], *, sort: bool) -> str:
    value = json.loads(text)
    change(value["items"] if sort else value)
    return json_text(value, sort=sort)


def _permissions(answer: Raw) -> None:
    """Exactly the actions that the document lists: no GetQueueUrl for operator and actor, no keys of KMS for anybody."""
    sqs = {
        "keda-operator": ("GetQueueAttributes", "GetQueueUrl", "ListQueues"),
        "asya-operator": ("CreateQueue", "DeleteQueue", "GetQueueAttributes", "SetQueueAttributes", "TagQueue"),
        "asya-actor": (
            "ChangeMessageVisibility",
            "DeleteMessage",
            "GetQueueAttributes",
            "ReceiveMessage",
            "SendMessage",
        ),
        "asya-gateway": ("SendMessage", "GetQueueUrl"),
    }
    for role in answer["RoleDetailList"]:
        actions = sqs.get(role["RoleName"])
        if actions is None:
            continue
        inline = role["RolePolicyList"][0]
        others = [
            statement for statement in inline["PolicyDocument"]["Statement"] if statement["Action"][0].startswith("s3:")
        ]
        queues = allow(tuple(f"sqs:{action}" for action in actions), _QUEUES, "Queues")
        inline["PolicyDocument"] = document(queues, *others)


def _image(answer: Raw) -> None:
    """The image type that the document names; EKS stopped supporting it in November 2025."""
    answer["nodegroup"] |= {"amiType": "AL2_x86_64_GPU", "version": "1.32", "releaseVersion": "1.32.9-20251112"}


def _triggers(items: Objects) -> None:
    """As Asya's operator makes them: KEDA refuses the pod's identity where nothing but Pod Identity gives it."""
    for item in items:
        item["spec"]["triggers"][0]["metadata"]["identityOwner"] = "pod"
        message = "failed to get AWS authorization: awsAccessKeyID not found"
        item["status"]["conditions"] = [
            {"type": "Ready", "status": "False", "reason": "ScaledObjectCheckFailed", "message": message},
            {"type": "Active", "status": "Unknown", "reason": "UnknownState"},
        ]


def _conditions(items: Objects) -> None:
    for item in items:
        item["status"]["status"] = "ScalingError"
        for condition in item["status"]["conditions"]:
            if condition["type"] == "ScalingReady":
                condition |= {
                    "status": "False",
                    "reason": "ScalingError",
                    "message": "SQS accountId is required in operator transport config",
                }


def _workloads(items: Objects) -> None:
    for item in items:
        spec = item["spec"]["template"]["spec"]
        _pod(item["metadata"]["namespace"], spec)
        for one in spec["containers"]:
            for variable in one.get("env", ()):
                if variable["name"] == "ASYA_TRANSPORT_CONFIG":
                    config = json.loads(variable["value"])
                    del config["transports"]["sqs"]["config"]["accountId"]
                    variable["value"] = json.dumps(config, sort_keys=True)


def _pods(items: Objects) -> None:
    """Actors have what IRSA gives, because the operator annotates their accounts."""
    for item in items:
        spec = item["spec"]
        _pod(item["metadata"]["namespace"], spec)
        if spec["serviceAccountName"] in {f"asya-{name}" for name in ACTORS}:
            for one in spec["containers"]:
                one["env"] = [
                    variable for variable in one["env"] if not variable["name"].startswith("AWS_CONTAINER_")
                ] + [
                    {"name": "AWS_ROLE_ARN", "value": _ACTOR_ROLE},
                    {
                        "name": "AWS_WEB_IDENTITY_TOKEN_FILE",
                        "value": "/var/run/secrets/eks.amazonaws.com/serviceaccount/token",
                    },
                ]


def _pod(namespace: str, spec: Raw) -> None:
    """Asya's own charts and its sidecar set no security context; the autoscaler's chart has an account of its own name."""
    if namespace in (NAMESPACE, "asya-system"):
        for one in spec["containers"]:
            one.pop("securityContext", None)
    if spec.get("serviceAccountName") == "cluster-autoscaler":
        spec["serviceAccountName"] = "cluster-autoscaler-aws-cluster-autoscaler"
        for one in spec["containers"]:
            one["env"] = [
                variable for variable in one.get("env", ()) if not variable["name"].startswith("AWS_CONTAINER_")
            ]


def _accounts(items: Objects) -> None:
    for item in list(items):
        metadata = item["metadata"]
        if metadata["name"] == "cluster-autoscaler":
            twin = copy.deepcopy(item)
            twin["metadata"]["name"] = "cluster-autoscaler-aws-cluster-autoscaler"
            items[items.index(item)] = twin
        elif metadata["name"] in {f"asya-{name}" for name in ACTORS}:
            metadata["annotations"] = {"eks.amazonaws.com/role-arn": _ACTOR_ROLE}
            metadata.setdefault("labels", {})["app.kubernetes.io/managed-by"] = "asya-operator"


def _egress(items: Objects) -> None:
    """Names and external services, as the document says; it names neither the Pod Identity agent nor the gateway."""
    for item in items:
        item["spec"]["egress"] = item["spec"]["egress"][:2]


def _without_actor_associations(files: Files) -> Files:
    """The document says that the operator makes the associations of actors; it does not."""
    gone = set()
    for path, text in list(files.items()):
        if path.startswith("aws/podidentityassociation-"):
            association = json.loads(text)["association"]
            if association["roleArn"] == _ACTOR_ROLE:
                gone.add(association["associationId"])
                del files[path]
    ids = json.loads(files["aws/pod-identity-association-ids.json"])
    ids["associations"] = [item for item in ids["associations"] if item["associationId"] not in gone]
    return files | {"aws/pod-identity-association-ids.json": json_text(ids)}
