from __future__ import annotations

import boto3
import pytest

from clusterproof.snapshot import kinds
from clusterproof.sources.answers import assemble
from clusterproof.sources.aws_api import AccountOptions
from clusterproof.sources.aws_api.account import read_account
from tests.sources.aws_api.conftest import Demo
from tests.sources.aws_api.motoserver import REGION

pytestmark = pytest.mark.slow


def test_balancers_and_target_groups_are_read_page_by_page(demo: Demo) -> None:
    """Each has its own permission, and nothing else is called; what rules read of them is there (rule 11.2)."""
    subnets = [item["SubnetId"] for item in demo.account.file("subnets")["Subnets"][:2]]
    vpc = demo.account.file("vpcs")["Vpcs"][0]["VpcId"]
    elb = boto3.client(
        "elbv2", endpoint_url=demo.url, region_name=REGION, aws_access_key_id="x", aws_secret_access_key="x"
    )
    made, groups = [], []
    try:
        for number in range(3):
            answer = elb.create_load_balancer(Name=f"lb-{number}", Type="network", Scheme="internal", Subnets=subnets)
            made.append(answer["LoadBalancers"][0]["LoadBalancerArn"])
        answer = elb.create_target_group(Name="tg", Protocol="TCP", Port=30080, VpcId=vpc, TargetType="instance")
        groups.append(answer["TargetGroups"][0]["TargetGroupArn"])
        to = [{"Type": "forward", "TargetGroupArn": groups[0]}]
        elb.create_listener(LoadBalancerArn=made[0], Protocol="TCP", Port=80, DefaultActions=to)
        given = read_account(
            AccountOptions(cluster="demo-gpu", attempts=1, deadline=20.0, page_size=2),
            kinds=(kinds.CLUSTERS, *kinds.BALANCERS),
        )
        snapshot = assemble(given.answers, cluster=given.cluster)
    finally:
        for arn in made:
            elb.delete_load_balancer(LoadBalancerArn=arn)
        for arn in groups:
            elb.delete_target_group(TargetGroupArn=arn)
    assert [snapshot.missing(kind) for kind in kinds.BALANCERS] == [None, None]
    found = sorted(snapshot.objects(kinds.LOAD_BALANCERS), key=lambda item: item.load_balancer_name)
    assert [(item.load_balancer_name, item.type, item.scheme) for item in found] == [
        (f"lb-{number}", "network", "internal") for number in range(3)
    ]
    assert {zone.subnet_id for zone in found[0].availability_zones} == set(subnets)
    assert all(item.dns_name for item in found)
    (group,) = snapshot.objects(kinds.TARGET_GROUPS)
    assert (group.protocol, group.port, group.target_type) == ("TCP", 30080, "instance")
    assert group.load_balancer_arns == (made[0],)
    called = demo.proxy.actions - {"sts:GetCallerIdentity", "eks:DescribeCluster"}
    assert called == {kind.permission for kind in kinds.BALANCERS}
