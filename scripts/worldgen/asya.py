"""World ``asya``: a cluster on which Asya runs as its requirements, its code and AWS want it; the GPU group is at zero."""

from __future__ import annotations

import json
from typing import Any

from worldgen import asya_cluster, asya_iam, compute
from worldgen.asya_iam import ACTORS, BUCKET, NAMESPACE
from worldgen.files import Files, aws, helm, json_text, kubernetes
from worldgen.gpu_cluster import CLUSTER_RULES, guest_rules, node_rules, subnets_of
from worldgen.ids import uid
from worldgen.kube import Kube
from worldgen.machines import G4DN_XLARGE, G5_XLARGE, M7I_XLARGE
from worldgen.nodes import nodes as nodes_of
from worldgen.spec import Group, Rule, Spec, SubnetSpec, boxes

Raw = dict[str, Any]
ZONES = "abc"
SPEC = Spec(
    name="asya",
    cluster="asya-demo",
    region="eu-west-1",
    version="1.34",
    cidrs=("10.0.0.0/16",),
    zones=ZONES,
    subnets=(
        *(SubnetSpec(f"system-{letter}", f"10.0.{4 * i}.0/22") for i, letter in enumerate(ZONES)),
        *(SubnetSpec(f"gpu-{letter}", f"10.0.{16 + 4 * i}.0/22") for i, letter in enumerate(ZONES)),
        *(SubnetSpec(f"public-{letter}", f"10.0.{240 + i}.0/24", public=True) for i, letter in enumerate(ZONES)),
    ),
    groups=(
        Group("system", "system-worker", M7I_XLARGE, (2, 3, 6), "abc", subnets_of("system")),
        Group(
            "gpu",
            "gpu-worker",
            G5_XLARGE,
            (0, 0, 10),
            "",
            subnets_of("gpu"),
            (("nvidia.com/gpu", "true", "NoSchedule"),),
        ),
    ),
    security_groups={
        "cluster": "EKS created security group applied to ENI that is attached to EKS Control Plane master nodes",
        "system": "system nodes",
        "gpu": "GPU nodes",
    },
    rules=(
        *CLUSTER_RULES,
        *node_rules("system"),
        *node_rules("gpu"),
        *guest_rules("gpu"),
        Rule("system", "cluster", "tcp", 6443, description="API server to KEDA's metrics"),
        Rule("system", "gpu", "tcp", 8080, description="actors to the gateway"),
    ),
    control_plane=("system-a", "system-b"),
)
KEY_ID = uid("asya", "queues-key")
KEY_ARN = f"arn:aws:kms:{SPEC.region}:{SPEC.account}:key/{KEY_ID}"
DEFINITIONS = (
    ("AsyncActor", "asyncactors", "asya.sh", "Namespaced"),
    ("ScaledObject", "scaledobjects", "keda.sh", "Namespaced"),
    ("TriggerAuthentication", "triggerauthentications", "keda.sh", "Namespaced"),
    ("ClusterTriggerAuthentication", "clustertriggerauthentications", "keda.sh", "Cluster"),
)
RELEASES = [
    {"name": "keda", "namespace": "keda", "chart": asya_cluster.KEDA_CHART, "app_version": asya_cluster.KEDA},
    {
        "name": "cluster-autoscaler",
        "namespace": "kube-system",
        "chart": asya_cluster.AUTOSCALER_CHART,
        "app_version": "1.33.0",
    },
    {
        "name": "asya-operator",
        "namespace": "asya-system",
        "chart": f"asya-operator-{asya_cluster.ASYA}",
        "app_version": asya_cluster.ASYA,
    },
    {
        "name": "asya-gateway",
        "namespace": NAMESPACE,
        "chart": f"asya-gateway-{asya_cluster.ASYA}",
        "app_version": asya_cluster.ASYA,
    },
]


def asya() -> Files:
    """World ``asya``."""
    nodes = boxes(SPEC)
    kube = Kube(SPEC, nodes, pod_subnets=False)
    for name in ("asya-system", NAMESPACE, "default", "keda", "kube-system", "monitoring"):
        labels = {"kubernetes.io/metadata.name": name}
        if name == NAMESPACE:
            labels["pod-security.kubernetes.io/enforce"] = "restricted"
        kube.add("Namespace", "", name, labels=labels)
    asya_cluster.system(kube)
    asya_cluster.keda(kube)
    asya_cluster.asya(kube)
    kube.api_server()
    kube.definitions()
    for kind, plural, group, scope in DEFINITIONS:
        body = {"group": group, "names": {"kind": kind, "plural": plural}, "scope": scope}
        kube.add("CustomResourceDefinition", "", f"{plural}.{group}", spec=body)
    for raw in kube.objects["CustomResourceDefinition"]:
        raw["status"] = {"conditions": [{"type": "Established", "status": "True"}]}
    kube.accounts()
    for actor in ACTORS:
        if actor == "llm":  # it has no pod today
            kube.add("ServiceAccount", NAMESPACE, f"asya-{actor}")
    kube.storage()
    kube.priorities()
    nodes_of(kube)
    _enforce_policies(kube)
    _statuses(kube)
    return kubernetes(kube) | _empty() | helm(RELEASES) | _account(nodes)


def _enforce_policies(kube: Kube) -> None:
    """The VPC CNI's policy agent is on."""
    for kind in ("DaemonSet", "Pod"):
        for raw in kube.objects[kind]:
            spec = raw["spec"]["template"]["spec"] if kind == "DaemonSet" else raw["spec"]
            for one in spec["containers"]:
                if one["name"] == "aws-eks-nodeagent":
                    one["args"] = [word.replace("policy=false", "policy=true") for word in one["args"]]


def _statuses(kube: Kube) -> None:
    """What controllers say of themselves."""
    for raw in kube.objects["Deployment"]:
        count = raw["spec"]["replicas"]
        raw["metadata"]["generation"] = 1
        raw["status"] = {
            "observedGeneration": 1,
            "replicas": count,
            "readyReplicas": count,
            "availableReplicas": count,
            "updatedReplicas": count,
            "conditions": [{"type": "Available", "status": "True", "reason": "MinimumReplicasAvailable"}],
        }
    pods = kube.objects["Pod"]
    for raw in kube.objects["DaemonSet"]:
        owned = [
            pod for pod in pods if any(o["uid"] == raw["metadata"]["uid"] for o in pod["metadata"]["ownerReferences"])
        ]
        raw["status"] = {
            "currentNumberScheduled": len(owned),
            "desiredNumberScheduled": len(owned),
            "numberAvailable": len(owned),
            "numberMisscheduled": 0,
            "numberReady": len(owned),
            "observedGeneration": 1,
        }
    identities = {
        (item["association"]["namespace"], item["association"]["serviceAccount"])
        for item in asya_iam.associations(SPEC).values()
    }
    for pod in pods:
        if (pod["metadata"]["namespace"], pod["spec"]["serviceAccountName"]) in identities:
            _inject(pod)


def _inject(pod: Raw) -> None:
    """What EKS's webhook adds to a pod whose service account has an association (EKS User Guide, "How it works")."""
    mounted = "/var/run/secrets/pods.eks.amazonaws.com/serviceaccount"
    for one in pod["spec"]["containers"]:
        one["env"] = [
            *one.get("env", []),
            {"name": "AWS_STS_REGIONAL_ENDPOINTS", "value": "regional"},
            {"name": "AWS_CONTAINER_CREDENTIALS_FULL_URI", "value": "http://169.254.170.23/v1/credentials"},
            {"name": "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE", "value": f"{mounted}/eks-pod-identity-token"},
        ]


def _empty() -> Files:
    """Kinds of which there is none."""
    found = {}
    for name, version, kind in (
        ("csidrivers", "storage.k8s.io/v1", "CSIDriverList"),
        ("persistentvolumeclaims", "v1", "PersistentVolumeClaimList"),
        ("persistentvolumes", "v1", "PersistentVolumeList"),
        ("statefulsets", "apps/v1", "StatefulSetList"),
        ("volumeattachments", "storage.k8s.io/v1", "VolumeAttachmentList"),
        ("triggerauthentications", "keda.sh/v1alpha1", "TriggerAuthenticationList"),
        ("clustertriggerauthentications", "keda.sh/v1alpha1", "ClusterTriggerAuthenticationList"),
    ):
        listing = {"kind": kind, "apiVersion": version, "metadata": {"resourceVersion": "918273"}, "items": []}
        found[f"kubernetes/{name}.json"] = json_text(listing)
    return found


def _account(nodes: tuple[Any, ...]) -> Files:
    """The AWS side: that of every world, changed where Asya wants it, and what only a profile asks for."""
    answers: dict[str, Any] = {
        path.removeprefix("aws/").removesuffix(".json"): json.loads(text)
        for path, text in aws(SPEC, nodes, pod_subnets=False).items()
    }
    cluster = answers["cluster"]["cluster"]
    issuer = f"oidc.eks.{SPEC.region}.amazonaws.com/id/{uid('asya', 'issuer').replace('-', '').upper()}"
    cluster["identity"] = {"oidc": {"issuer": f"https://{issuer}"}}
    group = answers["nodegroup-gpu"]["nodegroup"]
    group |= {
        "capacityType": "SPOT",
        "instanceTypes": [G5_XLARGE.name, G4DN_XLARGE.name],
        "labels": {"workload": "gpu"},
    }
    answers["instance-types"]["InstanceTypes"].append(compute.instance_type(G4DN_XLARGE))
    for scaling in answers["auto-scaling-groups"]["AutoScalingGroups"]:
        overrides = scaling["MixedInstancesPolicy"]["LaunchTemplate"]["Overrides"]
        if overrides == [{"InstanceType": G5_XLARGE.name}]:
            overrides.append({"InstanceType": G4DN_XLARGE.name})
            taint = {"Key": "k8s.io/cluster-autoscaler/node-template/taint/nvidia.com/gpu", "Value": "true:NoSchedule"}
            scaling["Tags"].append({**scaling["Tags"][0], **taint})
    for version in answers["launch-template-versions"]["LaunchTemplateVersions"]:
        data = version["LaunchTemplateData"]
        data["MetadataOptions"]["HttpPutResponseHopLimit"] = 1
        if "ImageId" in data:
            data["IamInstanceProfile"] = {"Name": asya_iam.profile_name(SPEC)}
    for reservation in answers["instances"]["Reservations"]:
        for instance in reservation["Instances"]:
            instance["IamInstanceProfile"] = {"Arn": asya_iam.profile_arn(SPEC), "Id": "AIPA0000000000000000"}
            instance["MetadataOptions"] = {
                "State": "applied",
                "HttpTokens": "required",
                "HttpPutResponseHopLimit": 1,
                "HttpEndpoint": "enabled",
                "HttpProtocolIpv6": "disabled",
                "InstanceMetadataTags": "disabled",
            }
    for subnet in answers["subnets"]["Subnets"]:
        side = "elb" if subnet["MapPublicIpOnLaunch"] else "internal-elb"
        subnet["Tags"].append({"Key": f"kubernetes.io/role/{side}", "Value": "1"})
    agent = {
        **answers["addon-kube-proxy"]["addon"],
        "addonName": "eks-pod-identity-agent",
        "addonVersion": "v1.3.8-eksbuild.2",
    }
    agent["addonArn"] = agent["addonArn"].replace("kube-proxy", "eks-pod-identity-agent")
    answers["addon-eks-pod-identity-agent"] = {"addon": agent}
    answers["addon-names"]["addons"].append("eks-pod-identity-agent")
    values = json.loads(answers["addon-vpc-cni"]["addon"]["configurationValues"])
    answers["addon-vpc-cni"]["addon"]["configurationValues"] = json.dumps({**values, "enableNetworkPolicy": "true"})
    associations = asya_iam.associations(SPEC)
    summary = ("clusterName", "namespace", "serviceAccount", "associationArn", "associationId")
    answers["pod-identity-association-ids"] = {
        "associations": [{key: item["association"][key] for key in summary} for item in associations.values()]
    }
    answers |= {f"podidentityassociation-{name}": item for name, item in associations.items()}
    answers |= _requested(issuer)
    return {f"aws/{name}.json": json_text(answer) for name, answer in answers.items()}


def _requested(issuer: str) -> dict[str, Any]:
    """Answers about what only a profile asks for."""
    provider = f"arn:aws:iam::{SPEC.account}:oidc-provider/{issuer}"
    bucket: Raw = {
        "Name": BUCKET,
        "Region": SPEC.region,
        "Encryption": {
            "ServerSideEncryptionConfiguration": {
                "Rules": [{"ApplyServerSideEncryptionByDefault": {"SSEAlgorithm": "AES256"}, "BucketKeyEnabled": False}]
            }
        },
        "Versioning": {"Status": "Enabled"},
        "Lifecycle": {
            "Rules": [
                {
                    "ID": "results",
                    "Status": "Enabled",
                    "Filter": {"Prefix": ""},
                    "Expiration": {"Days": 90},
                    "NoncurrentVersionExpiration": {"NoncurrentDays": 30},
                }
            ]
        },
        "Policy": None,
        "PublicAccessBlock": {
            "BlockPublicAcls": True,
            "IgnorePublicAcls": True,
            "BlockPublicPolicy": True,
            "RestrictPublicBuckets": True,
        },
        "IntelligentTiering": [
            {
                "Id": "results",
                "Status": "Enabled",
                "Tierings": [{"Days": 90, "AccessTier": "ARCHIVE_ACCESS"}],
            }
        ],
    }
    key: Raw = {
        "KeyId": KEY_ID,
        "Arn": KEY_ARN,
        "KeyManager": "CUSTOMER",
        "KeyState": "Enabled",
        "Origin": "AWS_KMS",
        "KeySpec": "SYMMETRIC_DEFAULT",
        "RotationEnabled": True,
        "Policy": json.dumps(
            asya_iam.document(
                {
                    "Sid": "Enable IAM User Permissions",
                    "Effect": "Allow",
                    "Principal": {"AWS": f"arn:aws:iam::{SPEC.account}:root"},
                    "Action": "kms:*",
                    "Resource": "*",
                }
            )
        ),
        "Grants": [],
        "Aliases": ["alias/asya-queues"],
    }
    found: dict[str, Any] = {
        "roles": asya_iam.authorization_details(SPEC, KEY_ARN),
        "instance-profiles": asya_iam.instance_profiles(SPEC),
        "open-id-connect-provider-list": {"OpenIDConnectProviderList": [{"Arn": provider}]},
        "open-id-connect-provider": {
            "Url": issuer,
            "ClientIDList": ["sts.amazonaws.com"],
            "ThumbprintList": ["9e99a48a9960b14926bb7f3b02e22da2b0ab7280"],
            "CreateDate": "2026-05-02T07:55:02.119000+00:00",
            "Tags": [],
        },
        "organizations": {},
        "buckets": {"Buckets": [{"Name": BUCKET, "CreationDate": "2026-05-02T07:43:51+00:00"}]},
        f"bucket-{BUCKET}": bucket,
        "keys": {"Keys": [{"KeyId": KEY_ID, "KeyArn": KEY_ARN}]},
        f"key-{KEY_ID}": key,
        "nat-gateways": {"NatGateways": [_nat_gateway(letter, number) for number, letter in enumerate(ZONES)]},
        "vpc-endpoints": {"VpcEndpoints": [_s3_endpoint()]},
    }
    queues = [f"asya-{name}" for name in (*ACTORS, "dlq")]
    found["queue-urls"] = {"QueueUrls": [_url(name) for name in queues]}
    found |= {f"queue-{name}": _queue(name) for name in queues}
    return found


def _url(queue: str) -> str:
    return f"https://sqs.{SPEC.region}.amazonaws.com/{SPEC.account}/{queue}"


def _queue(name: str) -> Raw:
    arn = f"arn:aws:sqs:{SPEC.region}:{SPEC.account}:{name}"
    letters = {
        "MessageRetentionPeriod": "1209600",
        "VisibilityTimeout": "30",
        "ReceiveMessageWaitTimeSeconds": "0",
    }
    own = {
        "MessageRetentionPeriod": "345600",
        "VisibilityTimeout": str(asya_cluster.QUEUE_TIMEOUT),
        "ReceiveMessageWaitTimeSeconds": "0",
        "RedrivePolicy": json.dumps(
            {"deadLetterTargetArn": f"arn:aws:sqs:{SPEC.region}:{SPEC.account}:asya-dlq", "maxReceiveCount": 3}
        ),
    }
    return {
        "QueueUrl": _url(name),
        "Tags": {"asya.sh/managed-by": "asya-operator"},
        "Attributes": {
            "QueueArn": arn,
            "ApproximateNumberOfMessages": "0",
            "ApproximateNumberOfMessagesNotVisible": "0",
            "ApproximateNumberOfMessagesDelayed": "0",
            "CreatedTimestamp": "1777713704",
            "LastModifiedTimestamp": "1777713704",
            "MaximumMessageSize": "1048576",
            "DelaySeconds": "0",
            "KmsMasterKeyId": KEY_ARN,
            "KmsDataKeyReusePeriodSeconds": "300",
            "SqsManagedSseEnabled": "false",
            **(letters if name == "asya-dlq" else own),
        },
    }


def _nat_gateway(letter: str, number: int) -> Raw:
    return {
        "NatGatewayId": SPEC.id("nat", letter),
        "VpcId": SPEC.vpc_id,
        "SubnetId": SPEC.subnet_id(f"public-{letter}"),
        "State": "available",
        "ConnectivityType": "public",
        "CreateTime": "2026-05-02T07:40:12+00:00",
        "NatGatewayAddresses": [
            {
                "AllocationId": SPEC.id("eipalloc", letter),
                "NetworkInterfaceId": SPEC.id("eni", f"nat-{letter}"),
                "PrivateIp": SPEC.address(f"public-{letter}", 10),
                "PublicIp": f"203.0.113.{10 + number}",
                "IsPrimary": True,
                "Status": "succeeded",
            }
        ],
        "Tags": [{"Key": "Name", "Value": f"{SPEC.cluster}-{letter}"}],
    }


def _s3_endpoint() -> Raw:
    """A gateway endpoint with the policy that every endpoint has at first."""
    everything = {"Effect": "Allow", "Principal": "*", "Action": "*", "Resource": "*"}
    return {
        "VpcEndpointId": SPEC.id("vpce", "s3"),
        "VpcEndpointType": "Gateway",
        "VpcId": SPEC.vpc_id,
        "ServiceName": f"com.amazonaws.{SPEC.region}.s3",
        "State": "available",
        "PolicyDocument": json.dumps({"Version": "2008-10-17", "Statement": [everything]}),
        "RouteTableIds": [SPEC.id("rtb", f"private-{letter}") for letter in ZONES],
        "SubnetIds": [],
        "Groups": [],
        "PrivateDnsEnabled": False,
        "RequesterManaged": False,
        "NetworkInterfaceIds": [],
        "CreationTimestamp": "2026-05-02T07:41:00+00:00",
        "Tags": [],
        "OwnerId": SPEC.account,
    }
