"""What else fails, or no longer applies, with each mutant: read one by one, not generated; ids with their verdicts after a colon."""

FOLLOWS: tuple[tuple[str, str], ...] = (
    (
        "sqs-dead-letter-queue:deleted",
        "sqs-dlq-retention:not-applicable",
    ),
    (
        (
            "kubernetes-version:1.23 kubernetes-version:1.9-is-less-than-1.24 platform-version:1.24-eks.12 "
            "platform-version:1.30-eks.1"
        ),
        "cluster-autoscaler-minor",
    ),
    (
        "pod-identity-agent:none pod-identity-agent:add-on-without-pods",
        ("keda-association cluster-autoscaler-association operator-association actor-association gateway-association"),
    ),
    (
        "pod-identity-node-type:fargate",
        (
            "pod-identity-agent-coverage:unknown device-plugin-tolerations:unknown device-plugin-single:unknown "
            "keda-metrics-from-control-plane:unknown keda-admission-from-control-plane:unknown "
            "gpu-actor-can-be-scheduled actor-association gateway-association node-zones:unknown "
            "private-subnets:unknown way-out:unknown free-addresses:unknown actor-imds-blocked:unknown "
            "actor-agent-reachable:unknown actor-dns:unknown actor-dns-tcp:unknown actor-gateway-egress:unknown"
        ),
    ),
    (
        "pod-identity-node-type:fargate-by-wildcards",
        (
            "pod-identity-agent-coverage:unknown device-plugin-tolerations:unknown device-plugin-single:unknown "
            "keda-metrics-from-control-plane:unknown keda-admission-from-control-plane:unknown "
            "gpu-actor-can-be-scheduled actor-association node-zones:unknown private-subnets:unknown way-out:unknown "
            "free-addresses:unknown actor-imds-blocked:unknown actor-agent-reachable:unknown actor-dns:unknown "
            "actor-dns-tcp:unknown actor-gateway-egress:unknown"
        ),
    ),
    (
        "pod-identity-node-type:windows",
        (
            "gpu-actor-can-be-scheduled actor-association actor-imds-blocked actor-agent-reachable actor-dns "
            "actor-dns-tcp actor-gateway-egress"
        ),
    ),
    (
        (
            "keda-association:none keda-association:of-another-namespace keda-association:of-another-account "
            "keda-association:of-another-cluster"
        ),
        "keda-trust:not-applicable keda-permissions keda-list-queues:not-applicable keda-sqs-scope:not-applicable",
    ),
    (
        "keda-association:to-a-role-that-is-not-there keda-association:role-deleted",
        "keda-trust keda-permissions keda-list-queues:not-applicable keda-sqs-scope:not-applicable",
    ),
    (
        (
            "cluster-autoscaler-association:none cluster-autoscaler-association:of-another-namespace "
            "cluster-autoscaler-association:of-another-account cluster-autoscaler-association:of-another-cluster "
            "cluster-autoscaler-association:the-charts-own-account"
        ),
        (
            "cluster-autoscaler-trust:not-applicable cluster-autoscaler-permissions "
            "cluster-autoscaler-scaling-permissions"
        ),
    ),
    (
        "cluster-autoscaler-association:to-a-role-that-is-not-there cluster-autoscaler-association:role-deleted",
        "cluster-autoscaler-trust cluster-autoscaler-permissions cluster-autoscaler-scaling-permissions",
    ),
    (
        (
            "operator-association:none operator-association:of-another-namespace "
            "operator-association:of-another-account operator-association:of-another-cluster"
        ),
        (
            "operator-trust:not-applicable operator-permissions operator-key-permissions "
            "operator-sqs-scope:not-applicable"
        ),
    ),
    (
        "operator-association:to-a-role-that-is-not-there operator-association:role-deleted",
        "operator-trust operator-permissions operator-key-permissions operator-sqs-scope:not-applicable",
    ),
    (
        (
            "actor-association:none actor-association:of-another-namespace actor-association:of-another-account "
            "actor-association:of-another-cluster actor-association:one-actor-without "
            "actor-association:default-account actor-trust:target-role-trusts-nobody"
        ),
        "actor-sqs-permissions actor-s3-objects actor-s3-list sqs-batching actor-key-permissions",
    ),
    (
        "actor-association:to-a-role-that-is-not-there",
        "actor-trust actor-sqs-permissions actor-s3-objects actor-s3-list sqs-batching actor-key-permissions",
    ),
    (
        "actor-association:role-deleted",
        (
            "actor-trust actor-sqs-permissions actor-s3-objects actor-s3-list sqs-batching actor-key-permissions "
            "actor-sqs-scope:not-applicable actor-s3-scope:not-applicable operator-actor-role"
        ),
    ),
    (
        (
            "gateway-association:none gateway-association:of-another-namespace gateway-association:of-another-account "
            "gateway-association:of-another-cluster gateway-association:account-after-the-release"
        ),
        ("gateway-trust:not-applicable gateway-permissions gateway-key-permissions gateway-sqs-scope:not-applicable"),
    ),
    (
        "gateway-association:to-a-role-that-is-not-there gateway-association:role-deleted",
        "gateway-trust gateway-permissions gateway-key-permissions gateway-sqs-scope:not-applicable",
    ),
    (
        "keda-association:role-of-another-account",
        "keda-trust:unknown keda-permissions:unknown keda-list-queues:unknown keda-sqs-scope:unknown",
    ),
    (
        "oidc-provider:none oidc-provider:of-another-cluster",
        "oidc-client:not-applicable oidc-thumbprint:not-applicable irsa-trust actor-trust",
    ),
    (
        "oidc-client:other oidc-client:none",
        "irsa-trust actor-trust",
    ),
    (
        (
            "irsa-trust:no-statement irsa-trust:sub-of-another-account irsa-trust:sub-of-another-namespace "
            "irsa-trust:pattern-without-like irsa-trust:aud irsa-trust:action irsa-trust:provider-of-another-cluster "
            "irsa-trust:provider-of-another-account irsa-trust:denied-too"
        ),
        "actor-trust",
    ),
    (
        "one-identity:annotation-beside-the-association",
        (
            "oidc-provider:pass oidc-client:pass oidc-thumbprint:pass irsa-trust:pass irsa-audience:pass "
            "pod-identity-in-use"
        ),
    ),
    (
        "pod-identity-in-use:irsa",
        "oidc-provider:pass oidc-client:pass oidc-thumbprint:pass irsa-trust:pass irsa-audience:pass",
    ),
    (
        "device-plugin:none device-plugin:of-amd",
        "device-plugin-tolerations:not-applicable device-plugin-single:not-applicable",
    ),
    (
        "device-plugin-tolerations:second-taint",
        (
            "gpu-actor-can-be-scheduled actor-imds-blocked actor-agent-reachable actor-dns actor-dns-tcp "
            "actor-gateway-egress"
        ),
    ),
    (
        "coredns:zero",
        "actor-dns actor-dns-tcp",
    ),
    (
        "cluster-autoscaler-release:none",
        "cluster-autoscaler-minor:not-applicable cluster-autoscaler-discovery:not-applicable",
    ),
    (
        "cluster-autoscaler-release:karpenter-without-a-pool",
        (
            "cluster-autoscaler-minor:not-applicable cluster-autoscaler-tags:not-applicable "
            "cluster-autoscaler-discovery:not-applicable cluster-autoscaler-from-zero:not-applicable"
        ),
    ),
    (
        "cluster-autoscaler-release:karpenter-at-zero",
        (
            "pod-identity-agent-coverage:unknown pod-identity-node-role:unknown device-plugin-tolerations:unknown "
            "device-plugin-single:unknown keda-metrics-from-control-plane:unknown "
            "keda-admission-from-control-plane:unknown cluster-autoscaler-minor:not-applicable "
            "cluster-autoscaler-tags:not-applicable cluster-autoscaler-discovery:not-applicable "
            "cluster-autoscaler-from-zero:not-applicable gpu-node-worker-policy:unknown gpu-node-image-pull:unknown "
            "node-zones:unknown private-subnets:unknown way-out:unknown free-addresses:unknown "
            "actor-imds-blocked:unknown actor-agent-reachable:unknown actor-dns:unknown actor-dns-tcp:unknown "
            "actor-gateway-egress:unknown"
        ),
    ),
    (
        "gpu-node-group:none",
        (
            "device-plugin-tolerations:not-applicable device-plugin-single:not-applicable "
            "cluster-autoscaler-tags:not-applicable cluster-autoscaler-from-zero:not-applicable "
            "gpu-actor-can-be-scheduled:unknown gpu-instance-types:not-applicable gpu-ami:not-applicable "
            "gpu-taint:not-applicable gpu-node-worker-policy:unknown gpu-node-image-pull:unknown "
            "gpu-scale-to-zero:not-applicable gpu-max-size:not-applicable gpu-desired-size:not-applicable "
            "gpu-spot:not-applicable gpu-spot-types:not-applicable actor-imds-blocked actor-agent-reachable actor-dns "
            "actor-dns-tcp actor-gateway-egress"
        ),
    ),
    (
        "gpu-node-group:no-gpus gpu-node-group:gpus-of-amd",
        (
            "device-plugin-tolerations:unknown device-plugin-ready:unknown device-plugin-single:unknown "
            "cluster-autoscaler-tags:unknown cluster-autoscaler-from-zero:unknown gpu-actor-can-be-scheduled:unknown "
            "gpu-instance-types:unknown gpu-ami:unknown gpu-taint:unknown gpu-node-worker-policy:unknown "
            "gpu-node-image-pull:unknown gpu-scale-to-zero:unknown gpu-max-size:unknown gpu-desired-size:unknown "
            "gpu-spot:unknown gpu-spot-types:unknown actor-imds-blocked actor-agent-reachable actor-dns actor-dns-tcp "
            "actor-gateway-egress"
        ),
    ),
    (
        (
            "gpu-actor-can-be-scheduled:asks-for-two gpu-actor-can-be-scheduled:too-much-memory "
            "gpu-actor-can-be-scheduled:label-that-no-group-has"
        ),
        "actor-imds-blocked actor-agent-reachable actor-dns actor-dns-tcp actor-gateway-egress",
    ),
    (
        "gpu-actor-can-be-scheduled:taint-not-tolerated",
        (
            "device-plugin-tolerations actor-imds-blocked actor-agent-reachable actor-dns actor-dns-tcp "
            "actor-gateway-egress"
        ),
    ),
    (
        "gpu-taint:other-key",
        (
            "device-plugin-tolerations gpu-actor-can-be-scheduled actor-imds-blocked actor-agent-reachable actor-dns "
            "actor-dns-tcp actor-gateway-egress"
        ),
    ),
    (
        "gpu-node-worker-policy:denied",
        "cni-permissions",
    ),
    (
        "gpu-max-size:zero",
        (
            "device-plugin-tolerations:not-applicable device-plugin-single:not-applicable gpu-actor-can-be-scheduled "
            "gpu-node-worker-policy:unknown gpu-node-image-pull:unknown actor-imds-blocked actor-agent-reachable "
            "actor-dns actor-dns-tcp actor-gateway-egress"
        ),
    ),
    (
        "gpu-spot:on-demand gpu-spot:not-said",
        "gpu-spot-types:not-applicable",
    ),
    (
        "metrics-server:none",
        "metrics-server-works:not-applicable",
    ),
    (
        "metrics-server-works:not-available metrics-server-works:says-nothing",
        "metrics-server",
    ),
    (
        "keda-metrics-server:zero",
        "keda-metrics-from-control-plane",
    ),
    (
        "keda-admission-webhooks:zero",
        "keda-admission-from-control-plane",
    ),
    (
        "operator-release:none",
        (
            "operator-transport:not-applicable operator-region:not-applicable operator-account-id:not-applicable "
            "operator-actor-role:not-applicable"
        ),
    ),
    (
        (
            "operator-transport:other-type operator-transport:no-type operator-transport:null "
            "operator-transport:not-set operator-transport:in-another-case"
        ),
        "operator-region:not-applicable operator-account-id:not-applicable operator-actor-role:not-applicable",
    ),
    (
        "bucket:none",
        (
            "actor-s3-objects:unknown actor-s3-list:unknown bucket-encryption:not-applicable "
            "bucket-versioning:not-applicable bucket-expiration:not-applicable "
            "bucket-noncurrent-expiration:not-applicable bucket-intelligent-tiering:not-applicable "
            "bucket-public-access:not-applicable"
        ),
    ),
    (
        "bucket:crew-writes-to-another bucket:parameter-names-another",
        (
            "actor-s3-objects actor-s3-list bucket-encryption:not-applicable bucket-versioning:not-applicable "
            "bucket-expiration:not-applicable bucket-noncurrent-expiration:not-applicable "
            "bucket-intelligent-tiering:not-applicable actor-s3-scope bucket-public-access:not-applicable"
        ),
    ),
    (
        (
            "bucket-expiration:none bucket-expiration:no-rules bucket-expiration:disabled "
            "bucket-expiration:one-prefix bucket-expiration:longer-prefix bucket-expiration:old-form-of-prefix "
            "bucket-expiration:tag bucket-expiration:tag-and-prefix bucket-expiration:size"
        ),
        "bucket-noncurrent-expiration",
    ),
    (
        (
            "bucket-noncurrent-expiration:none bucket-noncurrent-expiration:no-rules "
            "bucket-noncurrent-expiration:disabled bucket-noncurrent-expiration:one-prefix "
            "bucket-noncurrent-expiration:longer-prefix bucket-noncurrent-expiration:old-form-of-prefix "
            "bucket-noncurrent-expiration:tag bucket-noncurrent-expiration:tag-and-prefix "
            "bucket-noncurrent-expiration:size"
        ),
        "bucket-expiration",
    ),
    (
        "sqs-key-rotation:second-key-off",
        "actor-key-permissions gateway-key-permissions operator-key-permissions",
    ),
    (
        (
            "actor-key-permissions:second-key actor-key-permissions:keys-policy-names-another "
            "actor-key-permissions:keys-policy-of-another-account"
        ),
        "gateway-key-permissions operator-key-permissions",
    ),
    (
        (
            "gateway-key-permissions:second-key gateway-key-permissions:keys-policy-names-another "
            "gateway-key-permissions:keys-policy-of-another-account"
        ),
        "actor-key-permissions operator-key-permissions",
    ),
    (
        "node-zones:one",
        "cluster-zones",
    ),
    (
        "private-subnets:route-to-the-internet",
        "way-out:unknown subnet-tags",
    ),
    (
        "private-subnets:main-table",
        "way-out:unknown",
    ),
    (
        "network-policies-enforced:agent-off network-policies-enforced:no-agent",
        "actor-network-policy",
    ),
    (
        "actor-imds-blocked:other-exception",
        "actor-agent-reachable:unknown",
    ),
    (
        "actor-imds-blocked:hosts-network",
        "actor-network-policy actor-dns actor-dns-tcp pod-security-admitted",
    ),
    (
        "actor-imds-blocked:one-hop-without-tokens",
        "node-metadata-template",
    ),
    (
        "actor-imds-blocked:policies-not-enforced",
        "actor-network-policy network-policies-enforced",
    ),
    (
        (
            "actor-dns:no-rule actor-dns:tcp-alone actor-dns:other-namespace actor-dns:own-namespace "
            "actor-dns:dns-admits-others-alone"
        ),
        "actor-dns-tcp",
    ),
    (
        "keda-permissions:of-queues-in-another-case",
        "keda-sqs-scope",
    ),
    (
        "keda-permissions:queues-policy-denies",
        "operator-permissions actor-sqs-permissions",
    ),
    (
        "operator-permissions:of-queues-in-another-case",
        "operator-sqs-scope",
    ),
    (
        (
            "actor-sqs-permissions:no-ChangeMessageVisibility actor-sqs-permissions:no-DeleteMessage "
            "actor-sqs-permissions:no-ReceiveMessage actor-sqs-permissions:no-SendMessage "
            "actor-sqs-permissions:of-one-queue actor-sqs-permissions:of-all-queues-that-are-there "
            "actor-sqs-permissions:of-letters actor-sqs-permissions:of-one-letter-or-more "
            "actor-sqs-permissions:of-another-region actor-sqs-permissions:of-queues-whose-url-is-meant "
            "actor-sqs-permissions:one-denied-on-one-queue actor-sqs-permissions:denied-in-another-case "
            "actor-sqs-permissions:denied-by-not-action actor-sqs-permissions:denied-by-not-resource "
            "actor-sqs-permissions:boundary actor-sqs-permissions:session-policy "
            "actor-sqs-permissions:queues-policy-denies actor-sqs-permissions:condition-that-never-holds "
            "actor-sqs-permissions:target-role-without-queues"
        ),
        "sqs-batching",
    ),
    (
        "actor-sqs-permissions:of-queues-in-another-case",
        "sqs-batching actor-sqs-scope",
    ),
    (
        "gateway-permissions:of-queues-in-another-case",
        "gateway-sqs-scope",
    ),
    (
        "gateway-permissions:queues-policy-denies",
        "actor-sqs-permissions sqs-batching",
    ),
    (
        "actor-s3-objects:of-another-bucket actor-s3-list:of-another-bucket",
        "actor-s3-scope",
    ),
    (
        ("operator-key-permissions:keys-policy-names-another operator-key-permissions:keys-policy-of-another-account"),
        "actor-key-permissions gateway-key-permissions",
    ),
    (
        "sqs-batching:no-send sqs-batching:denied",
        "actor-sqs-permissions",
    ),
)
"""Mutants by their ids, and what follows of them; those that are not here change their own requirement alone."""
