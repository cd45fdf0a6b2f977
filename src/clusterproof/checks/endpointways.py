"""Which way requests to a service of AWS leave the cluster's VPC: through an endpoint, whose policy must allow them too.

An interface endpoint with private DNS takes all requests of its VPC to the service in its Region; a gateway endpoint
those of subnets whose route table names it. Where S3 has both, its private DNS may be for resolvers outside alone, so that
either may be taken. Sources: AWS PrivateLink Guide, "Access an AWS service using an interface VPC
endpoint", "Gateway endpoints" and "Control access to VPC endpoints using endpoint policies" (an endpoint without a policy
of its own allows everything); IAM User Guide, "AWS global condition context keys" (``aws:SourceVpce``, ``aws:SourceVpc``).
"""

from __future__ import annotations

import msgspec

from clusterproof.access.context import ABSENT, Given
from clusterproof.access.policy import Policy, parse
from clusterproof.checks.context import Context
from clusterproof.reach.vpc import VpcView
from clusterproof.snapshot import kinds
from clusterproof.snapshot.aws import VpcEndpoint
from clusterproof.snapshot.fields import Cause, Ref, Unknown

_CALLED = {"ecr": ("ecr.api",), "cloudwatch": ("monitoring",), "elasticfilesystem": ("elasticfilesystem",)}
"""Names of services in endpoints that are not the prefix of their actions."""


class Way(msgspec.Struct, frozen=True):
    """One way out.

    Attributes:
        text: what it is, in a word or two; empty where no endpoint is passed.
        policy: of the endpoint; None where it allows everything or there is no endpoint.
        keys: condition keys that the way settles, lower-cased.
        ref: the endpoint.
    """

    text: str = ""
    policy: Policy | Unknown | None = None
    keys: dict[str, Given] = {}
    ref: Ref | None = None


def ways(context: Context, service: str) -> tuple[Way, ...]:
    """The ways of the cluster's requests to a service, by the prefix of its actions; each may be taken."""
    snapshot = context.world.snapshot
    missing = snapshot.missing(kinds.VPC_ENDPOINTS)
    if missing is not None:
        what = f"whether a VPC endpoint's policy denies requests to {service} is not known ({missing.detail})"
        unread = Unknown(missing.cause, what, missing.remedy or f"run: {kinds.VPC_ENDPOINTS.command}")
        return (Way(policy=unread, keys={"aws:sourcevpce": unread, "aws:sourcevpc": unread}),)
    here = _vpcs(context)
    names = _CALLED.get(service, (service,))
    mine = [
        endpoint
        for endpoint in snapshot.objects(kinds.VPC_ENDPOINTS)
        if (endpoint.vpc_id in here or not here)
        and endpoint.service_name.removeprefix("cn.").split(".", 3)[-1] in names
        and endpoint.state.lower() not in _GONE
    ]
    if mine and not here:
        what = f"which VPC the cluster is in is not known, and so whether VPC endpoint {mine[0].vpc_endpoint_id} is its"
        unread = Unknown(Cause.NOT_COLLECTED, what, f"run: {kinds.CLUSTERS.command}")
        return (Way(policy=unread, keys={"aws:sourcevpce": unread, "aws:sourcevpc": unread}),)
    found = [_through(context, endpoint) for endpoint in mine if _takes_all(endpoint)]
    gateways = [endpoint for endpoint in mine if endpoint.vpc_endpoint_type == "Gateway"]
    if gateways:
        found += [way for way in _by_subnet(context, gateways) if not found or way is not _OUTSIDE]
    return tuple(found) or (_OUTSIDE,)


_OUTSIDE = Way(keys={"aws:sourcevpce": ABSENT, "aws:sourcevpc": ABSENT, "aws:vpcsourceip": ABSENT})
_GONE = ("deleting", "deleted", "rejected", "failed", "expired")


def _vpcs(context: Context) -> set[str]:
    """The cluster's VPC; empty where it is not known: then any endpoint may be its."""
    found = {item.resources_vpc_config.vpc_id for item in context.world.snapshot.objects(kinds.CLUSTERS)} - {""}
    return found or {item.vpc_id for item in context.world.snapshot.objects(kinds.SUBNETS)} - {""}


def _takes_all(endpoint: VpcEndpoint) -> bool:
    return endpoint.vpc_endpoint_type == "Interface" and endpoint.private_dns_enabled


def _through(context: Context, endpoint: VpcEndpoint) -> Way:
    key = endpoint.vpc_endpoint_id
    name = f"the policy of VPC endpoint {key}"
    unknown = context.world.snapshot.unknown_field(kinds.VPC_ENDPOINTS, key, "PolicyDocument")
    policy = unknown or (parse(endpoint.policy_document, name) if endpoint.policy_document else None)
    # "Not available" through an endpoint is the public address (IAM User Guide, aws:SourceIp).
    keys: dict[str, Given] = {"aws:sourcevpce": (key,), "aws:sourcevpc": (endpoint.vpc_id,), "aws:sourceip": ABSENT}
    return Way(f"through VPC endpoint {key}", policy, keys, Ref(kinds.VPC_ENDPOINTS.name, key, "PolicyDocument"))


def _by_subnet(context: Context, gateways: list[VpcEndpoint]) -> tuple[Way, ...]:
    """A way for each gateway that some node's subnet is routed through, and the way outside where one is not."""
    view = VpcView(context.world.snapshot)
    found: dict[str, Way] = {}
    for node_class in context.world.classes:
        subnet = node_class.host.subnet
        table = view.route_table(subnet) if isinstance(subnet, str) else subnet
        if isinstance(table, Unknown):
            keys: dict[str, Given] = {"aws:sourcevpce": table, "aws:sourcevpc": table}
            found.setdefault("?", Way(policy=table, keys=keys))
            continue
        on_it = [gateway for gateway in gateways if table.route_table_id in gateway.route_table_ids]
        for gateway in on_it:
            found.setdefault(gateway.vpc_endpoint_id, _through(context, gateway))
        if not on_it:
            found.setdefault("", _OUTSIDE)
    return tuple(found.values()) or (*(_through(context, gateway) for gateway in gateways), _OUTSIDE)
