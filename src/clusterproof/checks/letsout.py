"""The check "is let out": whether NetworkPolicies let a workload's pods ask services of AWS.

Only policies are judged here; the way beyond them (routes, NAT gateways, endpoints, security groups) is asked elsewhere.
A service is asked at the private addresses of its interface endpoints where the VPC has one with private DNS, else at
public addresses: those of its prefix list where one was read (S3 and DynamoDB have one), else any. Sources: AWS PrivateLink
Guide, "Access an AWS service using an interface VPC endpoint" (private DNS) and "AWS-managed prefix lists"; RFC 6890
(which addresses are not public).
"""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from clusterproof.checks import bypods
from clusterproof.checks.bypods import Answer
from clusterproof.checks.context import Context
from clusterproof.checks.finding import Finding
from clusterproof.checks.parties import Party
from clusterproof.profiles.model import LetsOut, Requirement
from clusterproof.profiles.port import parse_port
from clusterproof.reach.addresses import AddressSet
from clusterproof.reach.ends import End, Flow, at_address
from clusterproof.reach.policies import Policies
from clusterproof.reach.trace import Hop, Outcome, combine
from clusterproof.reach.vpc import VpcView
from clusterproof.snapshot import kinds
from clusterproof.snapshot.fields import Cause, Ref, Unknown

_NOT_PUBLIC = (
    *("0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16", "172.16.0.0/12", "192.0.0.0/24"),
    *("192.0.2.0/24", "192.168.0.0/16", "198.18.0.0/15", "198.51.100.0/24", "203.0.113.0/24", "224.0.0.0/3"),
)
_PUBLIC = {4: AddressSet.of("0.0.0.0/0") - AddressSet.of(*_NOT_PUBLIC), 6: AddressSet.of("2000::/3")}


class Where(msgspec.Struct, frozen=True):
    """Where a service is asked.

    Attributes:
        addresses: any of them.
        text: what they are, in a clause.
        some: the service has only some of the addresses, and which is not known.
        refs: what says so.
    """

    addresses: AddressSet
    text: str
    some: bool = False
    refs: tuple[Ref, ...] = ()


def decide(context: Context, requirement: Requirement, check: LetsOut) -> Finding:
    """Pass when policies let each workload's pods out to all services; fail when to none of a service's addresses."""
    policies = Policies(context.world, VpcView(context.world.snapshot))
    ports = parse_port(check.port)
    flow = Flow(ports.low, ports.protocol, context.world.family)
    places = [(service, where_asked(context, service)) for service in check.services]

    def ask(party: Party) -> Sequence[Answer]:
        return [_answer(policies, end, flow, places) for end in bypods.ends_of(party)]

    return bypods.decide(context, requirement, check.workload, ask)


def _answer(policies: Policies, end: End, flow: Flow, places: Sequence[tuple[str, Where | Unknown]]) -> Answer:
    """All services together: the pods need every one."""
    single = [_one(policies, end, flow, service, where) for service, where in places]
    worst = combine(one.outcome for one in single)
    told = [one for one in single if one.outcome is worst]
    refs = tuple(dict.fromkeys(ref for one in told for ref in one.refs))
    text = "; ".join(dict.fromkeys(one.text for one in told))
    return Answer(worst, text, refs, next((one.unknown for one in told if one.unknown is not None), None))


def _one(policies: Policies, end: End, flow: Flow, service: str, where: Where | Unknown) -> Answer:
    if isinstance(where, Unknown):
        return Answer(Outcome.UNKNOWN, where.detail, unknown=where)
    hops = policies.hops("egress", end, at_address(where.addresses, where.text), flow)
    outcome = combine(hop.outcome for hop in hops) if hops else Outcome.WORKS
    refs = (*(ref for hop in hops for ref in hop.refs), *where.refs)
    asked = f"{end.text} to {service} on {flow.protocol} {flow.port} at {where.text}"
    if outcome is Outcome.VARIES and where.some:
        what = f"policies let {end.text} out to a part of {where.text} only; whether {service} is among it is not known"
        remedy = (
            f"admit all public addresses on {flow.port}, or make an interface endpoint for {service} with private DNS"
        )
        return Answer(Outcome.UNKNOWN, what, refs, Unknown(Cause.NOT_ANSWERABLE, what, remedy))
    if outcome is Outcome.UNKNOWN:
        unknown = next((hop.unknown for hop in hops if hop.unknown is not None), None)
        return Answer(outcome, f"whether policies let {asked} is not known", refs, unknown)
    word = {Outcome.WORKS: "policies let", Outcome.BLOCKED: "no policy lets", Outcome.VARIES: "policies sometimes let"}
    because = _why(hops) if outcome is not Outcome.WORKS else ""
    return Answer(outcome, f"{word[outcome]} {asked}{because}", refs)


def _why(hops: Sequence[Hop]) -> str:
    hop = next((hop for hop in hops if hop.outcome is not Outcome.WORKS), None)
    return f" ({hop.text})" if hop is not None else ""


def where_asked(context: Context, service: str) -> Where | Unknown:
    """The addresses at which the cluster's pods ask a service, by its name as in an endpoint's (``sqs``, ``ecr.api``)."""
    snapshot = context.world.snapshot
    missing = snapshot.missing(kinds.VPC_ENDPOINTS)
    vpcs = {subnet.vpc_id for subnet in snapshot.objects(kinds.SUBNETS)}
    for eks in snapshot.objects(kinds.CLUSTERS):
        vpcs = {eks.resources_vpc_config.vpc_id} if eks.resources_vpc_config.vpc_id else vpcs
    interface = next(
        (
            endpoint
            for endpoint in snapshot.objects(kinds.VPC_ENDPOINTS)
            if endpoint.vpc_endpoint_type == "Interface"
            and endpoint.private_dns_enabled
            and endpoint.state == "available"
            and endpoint.vpc_id in vpcs
            and endpoint.service_name.endswith(f".{service}")
        ),
        None,
    )
    if interface is not None:
        cidrs = [
            found.cidr_block
            for subnet in interface.subnet_ids
            if (found := snapshot.get(kinds.SUBNETS, subnet)) is not None
        ]
        ref = Ref(kinds.VPC_ENDPOINTS.name, interface.vpc_endpoint_id, "SubnetIds", ", ".join(interface.subnet_ids))
        if not cidrs or len(cidrs) < len(interface.subnet_ids):
            what = (
                f"the subnets of endpoint {interface.vpc_endpoint_id}, at which {service} is asked, were not all read"
            )
            return Unknown(Cause.NOT_COLLECTED, what, f"run: {kinds.SUBNETS.command} > subnets.json")
        text = f"the addresses of its endpoint {interface.vpc_endpoint_id}"
        return Where(AddressSet.of(*cidrs), text, some=True, refs=(ref,))
    if missing is not None:
        what = f"whether {service} is asked at an endpoint of the VPC is not known ({missing.detail})"
        return Unknown(missing.cause, what, missing.remedy)
    if (listed := _prefix_list(context, service)) is not None:
        return listed
    return Where(_PUBLIC[context.world.family], "public addresses", some=True)


def _prefix_list(context: Context, service: str) -> Where | None:
    snapshot = context.world.snapshot
    for listed in snapshot.objects(kinds.MANAGED_PREFIX_LISTS):
        if listed.prefix_list_name.startswith("com.amazonaws.") and listed.prefix_list_name.endswith(f".{service}"):
            entries = snapshot.get(kinds.PREFIX_LIST_ENTRIES, listed.prefix_list_id)
            if entries is not None and entries.entries:
                addresses = AddressSet.of(*(entry.cidr for entry in entries.entries)).family(context.world.family)
                ref = Ref(
                    kinds.MANAGED_PREFIX_LISTS.name, listed.prefix_list_id, "PrefixListName", listed.prefix_list_name
                )
                return Where(addresses, f"the addresses of {listed.prefix_list_name}", refs=(ref,))
    return None
