"""CustomResourceDefinitions of Asya, KEDA and Karpenter, with schemas of their documented fields.

Sources: Asya, ``src/asya-operator/api/v1alpha1/asya_types.go`` at 23d62b0; KEDA 2.17, "ScaledObject specification" and
"Authentication"; Karpenter 1.x, "NodePools" and "NodeClasses". What an API server does with them is its own: it refuses
what a schema forbids, fills in its defaults and drops what it does not name.
"""

from __future__ import annotations

from typing import Any

Raw = dict[str, Any]
TEXT: Raw = {"type": "string"}
FLAG: Raw = {"type": "boolean"}
WHOLE: Raw = {"type": "integer", "format": "int32", "minimum": 0}
QUANTITY: Raw = {"x-kubernetes-int-or-string": True}
TEXTS: Raw = {"type": "object", "additionalProperties": TEXT}
ANYTHING: Raw = {"type": "object", "x-kubernetes-preserve-unknown-fields": True}


def among(*values: str) -> Raw:
    """One of these words."""
    return {"type": "string", "enum": list(values)}


def default(schema: Raw, value: Any) -> Raw:
    """With what the API server writes where nothing is said."""
    return {**schema, "default": value}


def many(item: Raw) -> Raw:
    """A list."""
    return {"type": "array", "items": item}


def fields(*required: str, **properties: Raw) -> Raw:
    """An object."""
    return {"type": "object", "properties": properties, **({"required": list(required)} if required else {})}


CONDITIONS = many(
    fields(
        *("type", "status"),
        type=TEXT,
        status=among("True", "False", "Unknown"),
        reason=TEXT,
        message=TEXT,
        lastTransitionTime={"type": "string", "format": "date-time"},
        observedGeneration={"type": "integer", "format": "int64"},
    )
)
TAINTS = many(
    fields("key", "effect", key=TEXT, value=TEXT, effect=among("NoSchedule", "PreferNoSchedule", "NoExecute"))
)


def definition(kind: str, plural: str, version: str, spec: Raw, status: Raw | None, *, namespaced: bool = True) -> Raw:
    """One definition with one version; with ``status`` as a subresource where it has one."""
    group, _, number = version.partition("/")
    properties = {"apiVersion": TEXT, "kind": TEXT, "metadata": {"type": "object"}, "spec": spec}
    served: Raw = {"name": number, "served": True, "storage": True}
    if status is not None:
        properties["status"] = status
        served["subresources"] = {"status": {}}
    served["schema"] = {"openAPIV3Schema": fields("spec", **properties)}
    names = {"kind": kind, "plural": plural, "singular": kind.lower(), "listKind": f"{kind}List"}
    scope = "Namespaced" if namespaced else "Cluster"
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": f"{plural}.{group}"},
        "spec": {"group": group, "names": names, "scope": scope, "versions": [served]},
    }


# --- Asya ---

ASYNC_ACTOR = definition(
    "AsyncActor",
    "asyncactors",
    "asya.sh/v1alpha1",
    fields(
        *("transport", "workload"),
        transport=TEXT,
        sidecar=fields(
            image=TEXT, imagePullPolicy=among("Always", "IfNotPresent", "Never"), resources=ANYTHING, env=many(ANYTHING)
        ),
        timeout=fields(processing=default(WHOLE, 300), gracefulShutdown=default(WHOLE, 30)),
        scaling=fields(
            enabled=default(FLAG, value=False),
            minReplicas=default(WHOLE, 0),
            maxReplicas=default(WHOLE, 50),
            pollingInterval=default(WHOLE, 10),
            cooldownPeriod=default(WHOLE, 60),
            queueLength=default(WHOLE, 5),
            advanced=fields(
                formula=TEXT,
                target=TEXT,
                activationTarget=TEXT,
                metricType=among("AverageValue", "Value", "Utilization"),
                restoreToOriginalReplicaCount=FLAG,
            ),
        ),
        workload=fields(
            "template",
            kind=default(among("Deployment", "StatefulSet"), "Deployment"),
            replicas=WHOLE,
            pythonExecutable=TEXT,
            template=fields(
                metadata=fields(labels=TEXTS, annotations=TEXTS),
                spec={
                    **ANYTHING,
                    "required": ["containers"],
                    "properties": {
                        "containers": many({**ANYTHING, "required": ["name"], "properties": {"name": TEXT}})
                    },
                },
            ),
        ),
    ),
    fields(
        status=among(
            *("Running", "Napping", "Degraded", "Creating", "ScalingUp", "ScalingDown", "Updating", "Terminating"),
            *("TransportError", "ScalingError", "WorkloadError", "PendingResources", "ImagePullError"),
            *("RuntimeError", "SidecarError", "VolumeError", "ConfigError"),
        ),
        conditions=CONDITIONS,
        observedGeneration=WHOLE,
    ),
)

# --- KEDA ---

_TRIGGER = fields(
    *("type", "metadata"),
    type=TEXT,
    name=TEXT,
    metadata=TEXTS,
    metricType=among("AverageValue", "Value", "Utilization"),
    useCachedMetrics=FLAG,
    authenticationRef=fields(
        "name",
        name=TEXT,
        kind=default(among("TriggerAuthentication", "ClusterTriggerAuthentication"), "TriggerAuthentication"),
    ),
)
SCALED_OBJECT = definition(
    "ScaledObject",
    "scaledobjects",
    "keda.sh/v1alpha1",
    fields(
        *("scaleTargetRef", "triggers"),
        scaleTargetRef=fields("name", apiVersion=TEXT, kind=TEXT, name=TEXT, envSourceContainerName=TEXT),
        pollingInterval=WHOLE,
        cooldownPeriod=WHOLE,
        initialCooldownPeriod=WHOLE,
        idleReplicaCount=WHOLE,
        minReplicaCount=WHOLE,
        maxReplicaCount=WHOLE,
        advanced=ANYTHING,
        fallback=fields("failureThreshold", "replicas", failureThreshold=WHOLE, replicas=WHOLE, behavior=TEXT),
        triggers=many(_TRIGGER),
    ),
    fields(
        conditions=CONDITIONS,
        externalMetricNames=many(TEXT),
        hpaName=TEXT,
        originalReplicaCount=WHOLE,
        scaleTargetKind=TEXT,
        health={"type": "object", "additionalProperties": ANYTHING},
    ),
)
_AUTHENTICATION = fields(
    podIdentity=fields(
        "provider",
        provider=among("azure-workload", "gcp", "aws", "aws-eks", "none"),
        roleArn=TEXT,
        identityId=TEXT,
        identityOwner=among("keda", "workload"),
    ),
    secretTargetRef=many(fields("parameter", "name", "key", parameter=TEXT, name=TEXT, key=TEXT)),
    env=many(fields("parameter", "name", parameter=TEXT, name=TEXT, containerName=TEXT)),
    awsSecretManager=ANYTHING,
)
AUTHENTICATIONS = (
    definition("TriggerAuthentication", "triggerauthentications", "keda.sh/v1alpha1", _AUTHENTICATION, ANYTHING),
    definition(
        *("ClusterTriggerAuthentication", "clustertriggerauthentications", "keda.sh/v1alpha1"),
        _AUTHENTICATION,
        ANYTHING,
        namespaced=False,
    ),
)

# --- Karpenter ---

_REQUIREMENT = fields(
    *("key", "operator"),
    key=TEXT,
    operator=among("In", "NotIn", "Exists", "DoesNotExist", "Gt", "Lt"),
    values=many(TEXT),
    minValues=WHOLE,
)
NODE_POOL = definition(
    "NodePool",
    "nodepools",
    "karpenter.sh/v1",
    fields(
        "template",
        template=fields(
            "spec",
            metadata=fields(labels=TEXTS, annotations=TEXTS),
            spec=fields(
                *("nodeClassRef", "requirements"),
                nodeClassRef=fields("group", "kind", "name", group=TEXT, kind=TEXT, name=TEXT),
                requirements=many(_REQUIREMENT),
                taints=TAINTS,
                startupTaints=TAINTS,
                expireAfter=default(TEXT, "720h"),
                terminationGracePeriod=TEXT,
            ),
        ),
        disruption=fields(
            consolidateAfter=TEXT,
            consolidationPolicy=among("WhenEmpty", "WhenEmptyOrUnderutilized"),
            budgets=many(ANYTHING),
        ),
        limits={"type": "object", "additionalProperties": QUANTITY},
        weight={"type": "integer", "minimum": 1, "maximum": 100},
    ),
    fields(conditions=CONDITIONS, resources={"type": "object", "additionalProperties": QUANTITY}),
    namespaced=False,
)
_TERM = fields(id=TEXT, name=TEXT, alias=TEXT, owner=TEXT, ssmParameter=TEXT, tags=TEXTS)
EC2_NODE_CLASS = definition(
    "EC2NodeClass",
    "ec2nodeclasses",
    "karpenter.k8s.aws/v1",
    fields(
        *("amiSelectorTerms", "securityGroupSelectorTerms", "subnetSelectorTerms"),
        amiFamily=among("AL2", "AL2023", "Bottlerocket", "Custom", "Windows2019", "Windows2022"),
        amiSelectorTerms=many(_TERM),
        securityGroupSelectorTerms=many(_TERM),
        subnetSelectorTerms=many(_TERM),
        role=TEXT,
        instanceProfile=TEXT,
        userData=TEXT,
        tags=TEXTS,
        kubelet=ANYTHING,
        blockDeviceMappings=many(ANYTHING),
        metadataOptions=fields(
            httpEndpoint=among("enabled", "disabled"),
            httpProtocolIPv6=among("enabled", "disabled"),
            httpPutResponseHopLimit={"type": "integer", "minimum": 1, "maximum": 64},
            httpTokens=among("required", "optional"),
        ),
        associatePublicIPAddress=FLAG,
        detailedMonitoring=FLAG,
    ),
    fields(
        conditions=CONDITIONS,
        amis=many(ANYTHING),
        instanceProfile=TEXT,
        securityGroups=many(ANYTHING),
        subnets=many(ANYTHING),
    ),
    namespaced=False,
)

ALL = (ASYNC_ACTOR, SCALED_OBJECT, *AUTHENTICATIONS, NODE_POOL, EC2_NODE_CLASS)
