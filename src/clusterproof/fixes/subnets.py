"""What makes subnets as a requirement wants them: tags are set; for routes, gateways and zones there is advice.

Source: AWS CLI Command Reference, ``ec2 create-tags``, ``create-nat-gateway``, ``create-route``, ``create-vpc-endpoint``;
AWS Load Balancer Controller, "Subnet auto-discovery".
"""

from __future__ import annotations

import re
import shlex

from clusterproof.checks.context import Context
from clusterproof.checks.finding import Finding
from clusterproof.checks.vpcsubnets import judgements, meant, wanted_tag
from clusterproof.fixes.draft import Draft, MadeBy
from clusterproof.fixes.quoted import hcl
from clusterproof.profiles.model import Requirement, Subnets
from clusterproof.reach.trace import Outcome
from clusterproof.reach.vpc import VpcView
from clusterproof.snapshot import kinds
from clusterproof.snapshot.aws import Subnet
from clusterproof.snapshot.fields import Ref, Unknown
from clusterproof.snapshot.overlay import SetField


def draft(context: Context, requirement: Requirement, _finding: Finding) -> Draft:
    """A tag for each subnet that lacks it; what else is wrong, with the commands that mend it."""
    check = requirement.check.subnets
    if check is None:
        return Draft()
    ids = meant(context, check).ids
    view = VpcView(context.world.snapshot)
    found = Draft()
    for name, judged in zip(ids, judgements(context, check, ids), strict=False):
        if judged.outcome is not Outcome.BLOCKED:
            continue
        subnet = view.subnet(name)
        if isinstance(subnet, Unknown):
            continue
        found += _tagged(context, view, subnet) if check.that == "tags" else Draft(advice=_advice(check, subnet))
    return found


def _tagged(context: Context, view: VpcView, subnet: Subnet) -> Draft:
    key = wanted_tag(view, subnet)
    if isinstance(key, Unknown):
        return Draft()
    name = subnet.subnet_id
    raw = context.world.snapshot.raw(kinds.SUBNETS, name) or {}
    kept = [tag for tag in raw.get("Tags") or [] if tag.get("Key") != key]
    edit = SetField(kinds.SUBNETS.name, name, "Tags", [*kept, {"Key": key, "Value": "1"}])
    region = context.world.snapshot.meta.region
    words = ["aws", "ec2", "create-tags", "--resources", name, "--tags", f"Key={key},Value=1"]
    command = shlex.join([*words, *(["--region", region] if region else [])])
    label = re.sub(r"[^A-Za-z0-9_]", "_", f"{name}_{key.rpartition('/')[2]}")
    terraform = f'resource "aws_ec2_tag" "{label}" {{\n  resource_id = {hcl(name)}\n  key         = {hcl(key)}\n  value       = "1"\n}}'
    change = MadeBy(
        f"tag {name} {key}=1",
        Ref(kinds.SUBNETS.name, name, "Tags", f"{key}=1"),
        {"aws-cli": command, "terraform": terraform},
    )
    return Draft((edit,), (change,))


def _advice(check: Subnets, subnet: Subnet) -> tuple[str, ...]:
    name = subnet.subnet_id
    match check.that:
        case "private":
            text = (
                f"{name}: give it a route table of its own whose 0.0.0.0/0 leads to a NAT gateway: "
                f"aws ec2 create-route-table --vpc-id {subnet.vpc_id or 'VPC'}; aws ec2 associate-route-table "
                f"--subnet-id {name} --route-table-id RTB; or move the nodes to a private subnet"
            )
        case "way-out":
            text = (
                f"{name}: aws ec2 create-nat-gateway --subnet-id PUBLIC_SUBNET --allocation-id EIPALLOC, then "
                "aws ec2 create-route --route-table-id RTB --destination-cidr-block 0.0.0.0/0 --nat-gateway-id NAT; or "
                "VPC endpoints for the services that are asked for: aws ec2 create-vpc-endpoint"
            )
        case "zones":
            text = "add a subnet in another Availability Zone; node groups take further subnets only when made anew"
        case _:
            text = f"{name} has no address left: add a subnet, or a secondary CIDR block for the pods"
    return (f"not proven: {text}",)
