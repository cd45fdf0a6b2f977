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
        words = re.sub(r" (CLUSTER|NAME|ID|ARN|URL)\b.*", "", kind.command).split(" --")[0]
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
  *get-account*Role*) echo '{"UserDetailList": [], "RoleDetailList": [{"RoleName": "r", "AssumeRolePolicyDocument": {}, "RolePolicyList": [], "AttachedManagedPolicies": [{"PolicyArn": "arn:aws:iam::aws:policy/P"}]}], "Policies": []}' ;;
  *get-account*) echo '{"RoleDetailList": [], "Policies": [{"PolicyName": "P", "Arn": "arn:aws:iam::aws:policy/P", "PolicyVersionList": []}]}' ;;
  *list-instance-profiles*) echo '{"InstanceProfiles": []}' ;;
  *list-open-id*text*) echo arn:aws:iam::111122223333:oidc-provider/oidc.example/id/A1 ;;
  *list-open-id*) echo '{"OpenIDConnectProviderList": [{"Arn": "arn:aws:iam::111122223333:oidc-provider/oidc.example/id/A1"}]}' ;;
  *get-open-id*) echo '{"Url": "oidc.example/id/A1", "ClientIDList": ["sts.amazonaws.com"], "ThumbprintList": []}' ;;
  *describe-organization*) echo 'An error occurred (AWSOrganizationsNotInUseException) when calling the DescribeOrganization operation: no' >&2 ;;
  *list-queues*text*) echo https://sqs/111122223333/q ;;
  *list-queues*) echo '{"QueueUrls": ["https://sqs/111122223333/q"]}' ;;
  *get-queue-attributes*) echo '{"QueueUrl": "https://sqs/111122223333/q", "Attributes": {"QueueArn": "arn:aws:sqs:us-west-2:111122223333:q", "CreatedTimestamp": "1"}}' ;;
  *list-queue-tags*) echo '{"QueueUrl": "https://sqs/111122223333/q", "Tags": null}' ;;
  *list-buckets*text*) echo b.1 ;;
  *list-buckets*) echo '{"Buckets": [{"Name": "b.1"}]}' ;;
  *get-bucket-location*) echo '{"Name": "b.1", "Region": "us-west-2"}' ;;
  *get-bucket-encryption*) echo '{"Name": "b.1", "Encryption": {"ServerSideEncryptionConfiguration": {"Rules": []}}}' ;;
  *get-bucket-versioning*) echo '{"Name": "b.1", "Versioning": {}}' ;;
  *get-bucket-lifecycle*) echo 'An error occurred (NoSuchLifecycleConfiguration) when calling the GetBucketLifecycleConfiguration operation: no' >&2 ;;
  *get-bucket-policy*) echo 'An error occurred (AccessDenied) when calling the GetBucketPolicy operation: no' >&2 ;;
  *get-public-access*) echo '{"Name": "b.1", "PublicAccessBlock": {"BlockPublicAcls": true}}' ;;
  *list-bucket-intelligent*) echo '{"Name": "b.1", "IntelligentTiering": null}' ;;
  *list-keys*text*) echo k-1 ;;
  *list-keys*) echo '{"Keys": [{"KeyId": "k-1", "KeyArn": "arn:aws:kms:us-west-2:111122223333:key/k-1"}]}' ;;
  *describe-key*) echo '{"KeyMetadata": {"KeyId": "k-1", "Arn": "arn:aws:kms:us-west-2:111122223333:key/k-1", "KeyManager": "CUSTOMER", "KeyState": "Enabled", "Origin": "AWS_KMS", "KeySpec": "SYMMETRIC_DEFAULT"}}' ;;
  *get-key-rotation*) echo '{"KeyId": "k-1", "RotationEnabled": true}' ;;
  *get-key-policy*) echo '{"KeyId": "k-1", "Policy": "{}"}' ;;
  *list-grants*) echo '{"KeyId": "k-1", "Grants": []}' ;;
  *list-aliases*) echo '{"KeyId": "k-1", "Aliases": ["alias/k"]}' ;;
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
    (bucket,) = snapshot.objects(kinds.BUCKETS)
    assert bucket.lifecycle is None
    assert bucket.versioning is not None
    fields = [(item.key, item.path) for table in snapshot.tables.values() for item in table.unknown_fields]
    assert fields == [("b.1", "Policy")]
    assert "s3:GetBucketPolicy" in str(snapshot.unknown_field(kinds.BUCKETS, "b.1", "Policy"))
    (key,) = snapshot.objects(kinds.KEYS)
    assert (key.rotation_enabled, key.key_manager, key.aliases) == (True, "CUSTOMER", ("alias/k",))
    (provider,) = snapshot.objects(kinds.OIDC_PROVIDERS)
    assert provider.arn.endswith(provider.url)
    assert [item.name for item in snapshot.objects(kinds.QUEUES)] == ["q"]
