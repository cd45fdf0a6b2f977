"""The part of docs/inputs.md that follows from the registry of kinds: the script for a full dump, and its table.

``python -m clusterproof.sources.manual`` prints it; a test compares it with the page.
"""

from __future__ import annotations

from typing import Any

import msgspec

from clusterproof.snapshot import kinds
from clusterproof.snapshot.kinds import ALL, Kind
from clusterproof.sources import pieces

_COSTS = {
    "nodes": "where pods may run now is unknown; node groups are judged from their templates only",
    "pods": "what runs where, and how likely each place is, is unknown",
    "namespaces": "namespace selectors of NetworkPolicies cannot be decided",
    "services": "names and cluster addresses lead nowhere: every requirement on a service is unknown",
    "endpoints": "used only where EndpointSlices are missing",
    "endpointslices": "how many endpoints are ready now is not told; behind a service without selector (addresses "
    "that are no pods), what it leads to is unknown, unless Endpoints were given",
    "deployments": "workloads are known from their running pods only, none at zero replicas",
    "statefulsets": "as for Deployments",
    "daemonsets": "as for Deployments; what runs on every node is not known to do so",
    "replicasets": "pods are not traced to their Deployment",
    "jobs": "as for Deployments",
    "cronjobs": "as for Deployments",
    "networkpolicies": "where something enforces them, every path is unknown at the policy hop; where nothing does "
    "(the VPC CNI with its policy agent off, and no other), they change nothing",
    "persistentvolumeclaims": "zones that a volume forces on a pod are unknown",
    "persistentvolumes": "as for claims",
    "storageclasses": "where the volume of a claim that has none yet can be made is unknown",
    "csinodes": "how many volumes a node can still attach is unknown, for pods with volumes",
    "volumeattachments": "as for csinodes: volumes that a node has without a pod that uses them are not counted",
    "priorityclasses": "which pods a pod may displace is unknown, where no node has room for it",
    "runtimeclasses": "where pods may run whose template names a RuntimeClass is unknown",
    "resourceclaims": "where pods with resource claims may run is unknown",
    "resourceclaimtemplates": "as for resource claims",
    "resourceslices": "which devices nodes have is unknown, for pods with resource claims",
    "deviceclasses": "as for resource slices",
    "serviceaccounts": "security groups for pods that select by service account cannot be decided",
    "configmaps": "settings of the VPC CNI, kube-proxy and CoreDNS are taken as not read",
    "customresourcedefinitions": "a kind without objects cannot be told from one that was not read",
    "eniconfigs": "with custom networking, the subnets and groups of pod interfaces are unknown",
    "securitygrouppolicies": "whether a pod has an interface of its own is unknown",
    "nodepools": "what Karpenter or EKS Auto Mode would make next is unknown",
    "ec2nodeclasses": "subnets and security groups of Karpenter's next nodes are unknown",
    "nodeclasses": "interfaces of pods and nodes in EKS Auto Mode, and its policies, are unknown",
    "helmreleases": "installed versions are read from the charts' labels on controllers; without these they are unknown: "
    "what applies at the document's version is judged, and what a later one may need is unknown",
    "clusters": "the cluster security group, address family and service range are unknown",
    "nodegroups": "nodes of the future, and groups at zero, are unknown",
    "nodegroup-names": "whether all node groups were described is unknown",
    "fargate-profiles": "which pods run on Fargate, and in which subnets, is unknown",
    "fargate-profile-names": "whether Fargate takes any pods is unknown",
    "addons": "what EKS was told to install is unknown to expressions of your own; no built-in rule rests on it (what runs "
    "is what the DaemonSets say)",
    "addon-names": "whether all add-ons were described is unknown",
    "pod-identity-associations": "which role a service account's pods get is unknown to expressions of your own",
    "pod-identity-association-ids": "whether all pod identity associations were described is unknown",
    "auto-scaling-groups": "self-managed groups, and subnets of new nodes, are unknown",
    "launch-template-versions": "the security groups of new nodes are unknown where a template sets them",
    "instances": "the interfaces of running nodes are unknown",
    "network-interfaces": "interfaces of pods, load balancers and endpoints are unknown",
    "instance-types": "what fits on a new node is unknown",
    "security-groups": "every path that leaves a node is unknown at the security groups",
    "security-group-rules": "rules are named by their content instead of their sgr- id",
    "subnets": "every path that leaves a node is unknown",
    "vpcs": "address ranges of the network are unknown",
    "route-tables": "every path between subnets is unknown at the route",
    "network-acls": "every path between subnets is unknown at the network ACL",
    "vpc-peering-connections": "paths through a peering are unknown",
    "transit-gateways": "whether group references match across a transit gateway is unknown",
    "transit-gateway-attachments": "paths through a transit gateway are unknown",
    "transit-gateway-vpc-attachments": "as for the attachments of all types",
    "transit-gateway-routes": "as for the attachments",
    "managed-prefix-lists": "rules and routes that name a prefix list cannot be decided",
    "prefix-list-entries": "as for the lists themselves",
    "roles": "what a role may do, and who may use it, is unknown",
    "policies": "as for roles, where one has a policy of IAM's own or of the account",
    "instance-profiles": "the roles of nodes whose node group does not name one are unknown",
    "open-id-connect-providers": "whether IAM knows the cluster's service accounts (IRSA) is unknown",
    "organizations": "whether service control policies deny what a role may do is unknown, unless a parameter says so",
    "queues": "attributes of queues, and their policies, are unknown",
    "queue-urls": "whether all queues were described is unknown",
    "buckets": "settings of buckets, and their policies, are unknown",
    "keys": "whether a key rotates, and who may use it, is unknown",
    "nat-gateways": "ways out of the network are unknown",
    "vpc-endpoints": "as for NAT gateways; what an endpoint's policy denies is unknown",
    "horizontalpodautoscalers": "whether one rests on metrics that nothing serves is unknown",
    "csidrivers": "which drivers serve volumes is unknown",
    "asyncactors": "which actors there are is unknown",
    "scaledobjects": "what KEDA scales, and by which queue, is unknown",
    "triggerauthentications": "as which role KEDA reads a queue is unknown",
    "clustertriggerauthentications": "as for TriggerAuthentications",
    **dict.fromkeys(
        (kind.name for kind in kinds.CALLERS),
        "which Services the API server calls is unknown to requirements that ask it (`services_of`); no other rests on it",
    ),
    **dict.fromkeys(
        (kind.name for kind in kinds.BALANCERS),
        "what a load balancer sends to its targets is unknown to requirements that ask it (`load_balancer`); no other "
        "rests on it",
    ),
    **dict.fromkeys(
        (kind.name for kind in kinds.OTHER_POLICIES),
        "what such policies allow or refuse is unknown (only where its CRD is installed and the cluster's engine reads them)",
    ),
}


class _Loop(msgspec.Struct, frozen=True):
    """What is asked one by one.

    Attributes:
        variable: what stands for one in the script.
        listing: prints them as text.
        each: commands, and the names of their files.
    """

    variable: str
    listing: str
    each: tuple[tuple[str, str], ...]


def _described(kind: Kind[Any], listing: Kind[Any], placeholder: str, query: str, prefix: str) -> _Loop:
    """A kind whose command prints one, and the kind that lists them; the list's members as a JMESPath."""
    variable = placeholder.lower()
    one = _shell(kind).replace(f" {placeholder} ", f' "${variable}" ')
    listed = _shell(listing).replace("--output json", f"--output text --query '{query}'")
    return _Loop(variable, listed, ((one, f"{prefix}${variable}"),))


def _pieced(kind: Kind[Any], variable: str, listing: str, short: str = "") -> _Loop:
    """A kind that is made of pieces; ``short`` is what stands for one in names of files."""
    short = short or f"${variable}"
    noun = pieces.NOUNS[kind.name]
    each = ((piece.command(f'"${variable}"'), f"{noun}-{short}-{piece.word}") for piece in pieces.of(kind))
    return _Loop(variable, f"aws {listing}", tuple(each))


def _loops() -> tuple[_Loop, ...]:
    return (
        _described(kinds.NODEGROUPS, kinds.NODEGROUP_NAMES, "NAME", "nodegroups[]", "nodegroup-"),
        _described(
            kinds.FARGATE_PROFILES, kinds.FARGATE_PROFILE_NAMES, "NAME", "fargateProfileNames[]", "fargateprofile-"
        ),
        _described(kinds.ADDONS, kinds.ADDON_NAMES, "NAME", "addons[]", "addon-"),
        _described(
            *(kinds.POD_IDENTITY_ASSOCIATIONS, kinds.POD_IDENTITY_ASSOCIATION_IDS, "ID"),
            *("associations[].associationId", "podidentityassociation-"),
        ),
        _described(kinds.PREFIX_LIST_ENTRIES, kinds.MANAGED_PREFIX_LISTS, "ID", "PrefixLists[].PrefixListId", ""),
        _described(
            *(kinds.TRANSIT_GATEWAY_ROUTES, kinds.TRANSIT_GATEWAY_ATTACHMENTS, "ID"),
            *("TransitGatewayAttachments[].Association.TransitGatewayRouteTableId", ""),
        ),
        _pieced(
            *(kinds.OIDC_PROVIDERS, "arn"),
            "iam list-open-id-connect-providers --output text --query 'OpenIDConnectProviderList[].Arn'",
            short="${arn##*/}",
        ),
        _pieced(kinds.QUEUES, "url", "sqs list-queues --output text --query 'QueueUrls[]||`[]`'", short="${url##*/}"),
        _pieced(kinds.BUCKETS, "name", "s3api list-buckets --output text --query 'Buckets[].Name'"),
        _pieced(kinds.KEYS, "id", "kms list-keys --output text --query 'Keys[].KeyId'"),
    )


_LISTS = {
    kinds.OIDC_PROVIDERS.name: "aws iam list-open-id-connect-providers --output json",
    kinds.KEYS.name: "aws kms list-keys --output json",
}
"""What is run once for kinds whose own command prints one: it says which there are."""
_LOOPED = {
    kind.name
    for kind in (
        *(kind for kind, _, _ in kinds.DESCRIBED),
        *(kinds.PREFIX_LIST_ENTRIES, kinds.TRANSIT_GATEWAY_ROUTES, kinds.QUEUES),
    )
}
_QUIET = " 2>&1"


def cost(kind: Kind[Any]) -> str:
    """What is unknown without a kind, in a clause."""
    return _COSTS[kind.name]


def script() -> str:
    """A POSIX shell script that makes a full dump of one cluster; needs ``CLUSTER`` and the usual credentials."""
    lines = ["set -u", "CLUSTER=${CLUSTER:?the name of the EKS cluster}", "mkdir -p dump && cd dump || exit", ""]
    once = [kind for kind in ALL if kind.name not in _LOOPED]
    lines += [f"{_LISTS.get(kind.name) or _shell(kind)} > {kind.name}.json{_QUIET}" for kind in once]
    lines.append("")
    for loop in _loops():
        lines.append(f"for {loop.variable} in $({loop.listing}); do")
        lines += [f'  {command} > "{name}.json"{_QUIET}' for command, name in loop.each]
        lines.append("done")
    return "\n".join(lines) + "\n"


def table() -> str:
    """One Markdown row per kind: the command, the permissions it needs, what is unknown without it."""
    rows = ["| kind | command | permission | without it |", "|---|---|---|---|"]
    rows += [f"| {kind.name} | `{kind.command}` | {_permissions(kind)} | {_COSTS[kind.name]} |" for kind in ALL]
    return "\n".join(rows) + "\n"


def _permissions(kind: Kind[Any]) -> str:
    own = [item.permission for item in pieces.of(kind)]
    return ", ".join(f"`{name}`" for name in dict.fromkeys((kind.permission, *kind.also, *own)))


def _shell(kind: Kind[Any]) -> str:
    return kind.command.replace("CLUSTER", '"$CLUSTER"')


if __name__ == "__main__":
    import sys

    sys.stdout.write(f"```sh\n{script()}```\n\n{table()}")
