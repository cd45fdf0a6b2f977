"""Kinds that are asked for and on which not every requirement that asks for them rests, each with the reason."""

INDEPENDENT: dict[str, tuple[str, str]] = {
    "addon-names": (
        "the add-ons themselves are read whole; their names only tell which of them could not be described",
        "",
    ),
    "addons": (
        "the controllers tell whether a component runs and, by their images, which version; an add-on adds what EKS says",
        "container-insights",
    ),
    "auto-scaling-groups": (
        "the node groups name GPU types themselves",
        (
            "cluster-autoscaler-tags cluster-autoscaler-discovery cluster-autoscaler-from-zero "
            "cluster-autoscaler-scaling-permissions"
        ),
    ),
    "buckets": (
        "which keys there are the queues tell; a bucket could only name more",
        (
            "actor-s3-objects actor-s3-list bucket bucket-encryption bucket-versioning bucket-expiration "
            "bucket-noncurrent-expiration bucket-intelligent-tiering bucket-public-access"
        ),
    ),
    "clusters": (
        "what was found needs no EKS Auto Mode to stand for it",
        ("kubernetes-version platform-version cluster-autoscaler-minor gpu-node-group network-policies-enforced"),
    ),
    "clustertriggerauthentications": (
        "no trigger of this world names one",
        "",
    ),
    "configmaps": (
        "no Cilium stands for kube-proxy or enforces policies here",
        "",
    ),
    "customresourcedefinitions": (
        "only the requirements that name definitions look for them",
        "keda-release asya-definition",
    ),
    "deployments": (
        "every group meets the condition, whether the Cluster Autoscaler makes its nodes or Karpenter",
        (
            "pod-identity-node-type cluster-autoscaler-release cluster-autoscaler-minor cluster-autoscaler-tags "
            "cluster-autoscaler-discovery gateway-namespace sqs-long-polling operator-transport operator-region "
            "operator-account-id operator-actor-role ebs-csi-driver-works"
        ),
    ),
    "fargate-profile-names": (
        "the profiles themselves are read whole",
        "",
    ),
    "helmreleases": (
        "labels of charts and tags of images tell the versions too; the Cluster Autoscaler's image has another number than its chart",
        "cluster-autoscaler-release",
    ),
    "instance-profiles": (
        "associations give these roles; of node groups of EKS the role is known",
        "pod-identity-node-role cni-permissions",
    ),
    "launch-template-versions": (
        "the node groups and Auto Scaling groups name their types themselves",
        "node-metadata-template",
    ),
    "nat-gateways": (
        "only the way out asks where a default route leads",
        "way-out",
    ),
    "nodegroup-names": (
        "the node groups themselves are read whole",
        "",
    ),
    "nodegroups": (
        "the Auto Scaling groups name GPU types too",
        (
            "gpu-instance-types gpu-ami gpu-taint gpu-scale-to-zero gpu-max-size gpu-desired-size gpu-spot "
            "gpu-spot-types node-metadata-template"
        ),
    ),
    "nodepools": (
        "the node groups suffice, and the Cluster Autoscaler makes the nodes",
        "",
    ),
    "open-id-connect-providers": (
        "nothing else of this world comes by IRSA",
        "oidc-provider oidc-client oidc-thumbprint irsa-trust",
    ),
    "organizations": (
        "policies of an organization only take rights away: they give no role and widen none",
        (
            "pod-identity-node-role cni-permissions keda-trust keda-permissions cluster-autoscaler-trust "
            "cluster-autoscaler-permissions cluster-autoscaler-scaling-permissions gpu-node-worker-policy "
            "gpu-node-image-pull operator-trust operator-permissions actor-trust actor-sqs-permissions "
            "actor-s3-objects actor-s3-list gateway-trust gateway-permissions sqs-batching actor-key-permissions "
            "gateway-key-permissions operator-key-permissions irsa-trust actor-extra-permissions"
        ),
    ),
    "pod-identity-association-ids": (
        "the associations themselves are read whole",
        "",
    ),
    "pod-identity-associations": (
        "nodes have their role from their instance profile",
        (
            "keda-association keda-trust keda-permissions keda-list-queues cluster-autoscaler-association "
            "cluster-autoscaler-trust cluster-autoscaler-permissions cluster-autoscaler-scaling-permissions "
            "one-identity pod-identity-in-use operator-association operator-trust operator-permissions "
            "actor-association actor-trust actor-credentials actor-sqs-permissions actor-s3-objects actor-s3-list "
            "gateway-association gateway-trust gateway-permissions sqs-batching actor-key-permissions "
            "gateway-key-permissions operator-key-permissions operator-sqs-scope actor-sqs-scope "
            "gateway-sqs-scope keda-sqs-scope actor-s3-scope irsa-trust actor-extra-permissions"
        ),
    ),
    "policies": (
        "these roles have inline policies alone",
        "pod-identity-node-role cni-permissions gpu-node-worker-policy gpu-node-image-pull",
    ),
    "queue-urls": (
        "the queues themselves are read whole",
        "",
    ),
    "roles": (
        "associations and annotations tell by which way roles come, and pods what they were given",
        (
            "pod-identity-node-role cni-permissions keda-association keda-trust keda-permissions keda-list-queues "
            "cluster-autoscaler-association cluster-autoscaler-trust cluster-autoscaler-permissions "
            "cluster-autoscaler-scaling-permissions gpu-node-worker-policy gpu-node-image-pull "
            "operator-association operator-trust operator-permissions actor-association actor-trust "
            "actor-sqs-permissions actor-s3-objects actor-s3-list gateway-association gateway-trust "
            "gateway-permissions sqs-batching actor-key-permissions gateway-key-permissions "
            "operator-key-permissions operator-sqs-scope actor-sqs-scope gateway-sqs-scope keda-sqs-scope "
            "actor-s3-scope operator-actor-role irsa-trust irsa-audience actor-extra-permissions"
        ),
    ),
    "route-tables": (
        "zones and counts of addresses are the subnets' own",
        "private-subnets way-out subnet-tags",
    ),
    "serviceaccounts": (
        "nodes have no service account, and what is about a provider or role holds whether or not an annotation uses it",
        (
            "cni-permissions keda-association keda-trust keda-permissions keda-list-queues "
            "cluster-autoscaler-association cluster-autoscaler-trust cluster-autoscaler-permissions "
            "cluster-autoscaler-scaling-permissions one-identity pod-identity-in-use operator-association "
            "operator-trust operator-permissions actor-association actor-trust actor-credentials "
            "actor-sqs-permissions actor-s3-objects actor-s3-list gateway-association gateway-trust "
            "gateway-permissions sqs-batching actor-key-permissions gateway-key-permissions "
            "operator-key-permissions operator-sqs-scope actor-sqs-scope gateway-sqs-scope keda-sqs-scope "
            "actor-s3-scope oidc-provider irsa-trust actor-extra-permissions"
        ),
    ),
    "storageclasses": (
        "the driver is there, whatever the claims' class is",
        "",
    ),
    "triggerauthentications": (
        "no trigger of this world names one",
        "",
    ),
    "vpc-endpoints": (
        "the subnets have NAT gateways; what roles may not grant too far is theirs alone",
        (
            "pod-identity-node-role cni-permissions keda-permissions cluster-autoscaler-permissions "
            "cluster-autoscaler-scaling-permissions gpu-node-worker-policy gpu-node-image-pull "
            "operator-permissions actor-sqs-permissions actor-s3-objects actor-s3-list gateway-permissions "
            "sqs-batching actor-egress-aws actor-key-permissions gateway-key-permissions operator-key-permissions "
            "actor-extra-permissions"
        ),
    ),
}
"""By kind: why the others pass without it, and the requirements that are unknown without it all the same."""
