"""docs/inputs.md follows the registry of kinds."""

from __future__ import annotations

import re
import stat
import subprocess
from pathlib import Path

import pytest

from clusterproof.snapshot import kinds
from clusterproof.sources import load_snapshot, manual

PAGE = Path(__file__).parents[2] / "docs" / "inputs.md"


def test_the_page_is_not_stale() -> None:
    """Script and table on the page are those that the registry gives; else print them anew."""
    assert f"```sh\n{manual.script()}```\n\n{manual.table()}" in PAGE.read_text()


def test_every_kind_is_in_the_script_and_has_its_cost() -> None:
    """No kind can be added without saying how it is dumped and what is unknown without it."""
    script = manual.script()
    for kind in kinds.ALL:
        words = re.sub(r" (CLUSTER|NAME|ID)\b.*", "", kind.command).split(" --")[0]
        assert words in script, kind.name
        assert f"| {kind.name} |" in manual.table()


ANSWERS = """#!/bin/sh
case "$*" in
  *list-nodegroups*text*) echo "gpu system" ;;
  *list-nodegroups*) echo '{"nodegroups": ["gpu", "system"]}' ;;
  *describe-nodegroup*) echo "{\\"nodegroup\\": {\\"nodegroupName\\": \\"$6\\", \\"clusterName\\": \\"$4\\"}}" ;;
  *list-fargate-profiles*text*) echo "serverless" ;;
  *list-fargate-profiles*) echo '{"fargateProfileNames": ["serverless"]}' ;;
  *describe-fargate-profile*) echo "{\\"fargateProfile\\": {\\"fargateProfileName\\": \\"$6\\", \\"clusterName\\": \\"$4\\"}}" ;;
  *list-addons*text*) echo "vpc-cni coredns" ;;
  *list-addons*) echo '{"addons": ["coredns", "vpc-cni"]}' ;;
  *describe-addon*) echo "{\\"addon\\": {\\"addonName\\": \\"$6\\", \\"clusterName\\": \\"$4\\"}}" ;;
  *list-pod-identity-associations*text*) echo a-1 ;;
  *list-pod-identity-associations*) echo '{"associations": [{"associationId": "a-1", "clusterName": "demo"}]}' ;;
  *describe-pod-identity-association*) echo "{\\"association\\": {\\"associationId\\": \\"$6\\", \\"roleArn\\": \\"r\\"}}" ;;
  *describe-cluster*) echo '{"cluster": {"name": "demo"}}' ;;
  *describe-managed-prefix-lists*text*) echo pl-1a2b3c4d ;;
  *describe-managed-prefix-lists*) echo '{"PrefixLists": [{"PrefixListId": "pl-1a2b3c4d"}]}' ;;
  *get-managed-prefix-list-entries*) echo '{"Entries": [{"Cidr": "10.0.0.0/8"}]}' ;;
  *describe-transit-gateway-attachments*text*) echo tgw-rtb-1a2b3c4d ;;
  *describe-transit-gateway-attachments*) echo '{"TransitGatewayAttachments": [{"TransitGatewayAttachmentId": "a", "Association": {"TransitGatewayRouteTableId": "tgw-rtb-1a2b3c4d"}}]}' ;;
  *search-transit-gateway-routes*) echo '{"Routes": [{"DestinationCidrBlock": "10.0.0.0/8", "State": "blackhole"}], "AdditionalRoutesAvailable": false}' ;;
  *describe-auto-scaling-groups*) echo '{"AutoScalingGroups": []}' ;;
  *describe-instances*) echo '{"Reservations": []}' ;;
  *describe-security-groups*) echo 'An error occurred (UnauthorizedOperation) when calling the DescribeSecurityGroups operation: no' >&2 ;;
  *describe-*) word=${2#describe-}
    name=$(echo "$word" | sed -e 's/\\b./\\u&/g' -e 's/-//g')
    echo "{\\"$name\\": []}" ;;
  *list\\ -A*) echo '[]' ;;
  *get*) echo '{"apiVersion": "v1", "kind": "List", "items": [], "metadata": {"resourceVersion": ""}}' ;;
esac
"""


def test_the_script_makes_a_dump_that_is_complete(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Run by a real shell with commands that answer "none", it leaves no kind uncollected; a refusal is named."""
    tools = tmp_path / "bin"
    tools.mkdir()
    for name in ("kubectl", "aws", "helm"):
        (tools / name).write_text(ANSWERS)
        (tools / name).chmod(0o755 | stat.S_IXUSR)
    monkeypatch.setenv("PATH", f"{tools}:/usr/bin:/bin")
    monkeypatch.setenv("CLUSTER", "demo")
    subprocess.run(["sh", "-e", "-c", manual.script()], cwd=tmp_path, check=True, capture_output=True)
    snapshot = load_snapshot([tmp_path / "dump"])
    missing = {kind.name: snapshot.missing(kind) for kind in kinds.ALL}
    unknown = {name: str(why) for name, why in missing.items() if why is not None}
    assert list(unknown) == ["security-groups"]
    assert "ec2:DescribeSecurityGroups" in unknown["security-groups"]
    assert len(snapshot.objects(kinds.NODEGROUPS)) == 2
    assert [item.fargate_profile_name for item in snapshot.objects(kinds.FARGATE_PROFILES)] == ["serverless"]
    assert sorted(item.addon_name for item in snapshot.objects(kinds.ADDONS)) == ["coredns", "vpc-cni"]
    (table,) = snapshot.objects(kinds.TRANSIT_GATEWAY_ROUTES)
    assert (table.transit_gateway_route_table_id, len(table.routes)) == ("tgw-rtb-1a2b3c4d", 1)
    assert [item.role_arn for item in snapshot.objects(kinds.POD_IDENTITY_ASSOCIATIONS)] == ["r"]
