"""Files about what is read in pieces: merged member by member, unknown where no piece or an error was given."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from clusterproof.errors import InputError
from clusterproof.snapshot import kinds, writer
from clusterproof.snapshot.fields import Cause
from clusterproof.snapshot.kinds import Kind
from clusterproof.snapshot.snapshot import Snapshot
from clusterproof.sources import load_snapshot, pieces

Load = Callable[..., Snapshot]
ROLE: dict[str, Any] = {
    "RoleName": "actor",
    "Arn": "arn:aws:iam::111122223333:role/actor",
    "AssumeRolePolicyDocument": {},
    "RolePolicyList": [],
    "AttachedManagedPolicies": [],
}
MANAGED: dict[str, Any] = {
    "PolicyName": "P",
    "Arn": "arn:aws:iam::aws:policy/P",
    "PolicyVersionList": [{"VersionId": "v1"}],
}
URL = "https://sqs.us-west-2.amazonaws.com/111122223333/asya-one"
ATTRIBUTES = {"QueueArn": "arn:aws:sqs:us-west-2:111122223333:asya-one", "CreatedTimestamp": "1"}

AES = {"KeyState": "Enabled", "Origin": "AWS_KMS", "KeySpec": "SYMMETRIC_DEFAULT"}


@pytest.fixture
def load(tmp_path: Path) -> Load:
    """Loads a directory of files: JSON from values, text as it is."""

    def make(files: dict[str, Any], **options: Any) -> Snapshot:
        root = tmp_path / "dump"
        root.mkdir(exist_ok=True)
        for name, content in files.items():
            (root / f"{name}.json").write_text(content if isinstance(content, str) else json.dumps(content))
        return load_snapshot([root], **options)

    return make


def failed(code: str, operation: str) -> str:
    """What the AWS CLI prints when a call fails."""
    return f"\nAn error occurred ({code}) when calling the {operation} operation: no\n"


def unknown(snapshot: Snapshot, kind: Kind[Any], key: str) -> dict[str, str]:
    """The unknown members of an object, with why."""
    table = snapshot.tables[kind.name]
    return {item.path: str(item.unknown) for item in table.unknown_by_key.get(key, ())}


def details(roles: list[Any], policies: list[Any], **more: Any) -> dict[str, Any]:
    """What get-account-authorization-details prints."""
    return {"UserDetailList": [], "GroupDetailList": [], "RoleDetailList": roles, "Policies": policies, **more}


# --- buckets, keys, queues ---


def test_pieces_of_one_bucket_become_one_object(load: Load) -> None:
    """Whatever the files are called; what is null is none."""
    snapshot = load(
        {
            "buckets": {"Buckets": [{"Name": "b", "CreationDate": "2026-01-01T00:00:00Z"}], "Owner": {"ID": "1"}},
            "one": {"Name": "b", "Region": "us-west-2"},
            "two": {"Name": "b", "Versioning": {"Status": "Enabled"}},
            "three": {"Name": "b", "Policy": None, "Lifecycle": None},
            "four": {"Name": "b", "Encryption": {"ServerSideEncryptionConfiguration": {"Rules": []}}},
            "five": {"Name": "b", "PublicAccessBlock": {"BlockPublicAcls": True}, "IntelligentTiering": None},
        }
    )
    (bucket,) = snapshot.objects(kinds.BUCKETS)
    assert snapshot.missing(kinds.BUCKETS) is None
    assert unknown(snapshot, kinds.BUCKETS, "b") == {}
    assert (bucket.region, bucket.policy, bucket.lifecycle, bucket.intelligent_tiering) == ("us-west-2", None, None, ())
    assert bucket.versioning is not None
    assert bucket.versioning.status == "Enabled"


def test_pieces_that_were_not_given_are_unknown_with_the_command(load: Load) -> None:
    """Each with the very command that gives it, and the file to put it into."""
    snapshot = load({"buckets": {"Buckets": [{"Name": "b.1"}]}, "bucket": {"Name": "b.1", "Versioning": {}}})
    found = unknown(snapshot, kinds.BUCKETS, "b.1")
    assert found.keys() == {"Region", "Encryption", "Lifecycle", "Policy", "PublicAccessBlock", "IntelligentTiering"}
    command = "aws s3api get-bucket-lifecycle-configuration --bucket b.1"
    assert (
        f"{command} --query \"{{Name:'b.1',Lifecycle:@}}\" --output json > bucket-b.1-lifecycle.json"
        in found["Lifecycle"]
    )
    why = snapshot.unknown_field(kinds.BUCKETS, "b.1", "Lifecycle.Rules")
    assert why is not None
    assert why.cause is Cause.NOT_COLLECTED


@pytest.mark.parametrize("piece", [piece for piece in pieces.of(kinds.BUCKETS) if piece.absent], ids=lambda p: p.name)
def test_an_error_that_says_none_is_an_answer(load: Load, piece: pieces.Piece) -> None:
    """The codes by which S3 says that nothing is configured; refusals are something else."""
    (code,) = piece.absent
    files = {"buckets": {"Buckets": [{"Name": "b"}]}, f"bucket-b-{piece.word}": failed(code, piece.operation)}
    snapshot = load(files)
    assert piece.members[0] not in unknown(snapshot, kinds.BUCKETS, "b")
    assert snapshot.raw(kinds.BUCKETS, "b") == {"Name": "b"}


@pytest.mark.parametrize(
    "piece", [piece for piece in pieces.PIECES if piece.value], ids=lambda p: f"{p.name}-{p.operation}"
)
def test_a_refused_piece_names_its_permission(load: Load, piece: pieces.Piece) -> None:
    """An error in a piece's file makes that member unknown, denied, with the action to grant."""
    lists: dict[str, Any] = {
        "buckets": {"Buckets": [{"Name": "k"}]},
        "keys": {"Keys": [{"KeyId": "k", "KeyArn": "arn:aws:kms:us-west-2:111122223333:key/k"}]},
        "queue": {"QueueUrl": "https://sqs/1/k", ("Tags" if piece.name == "attributes" else "Attributes"): ATTRIBUTES},
    }
    if piece.name == "attributes":
        lists["queue"]["Tags"] = {}
    else:
        lists["queue"]["Attributes"] = {**ATTRIBUTES, "QueueArn": "arn:aws:sqs:us-west-2:111122223333:k"}
    noun = pieces.NOUNS[piece.kind.name]
    snapshot = load({**lists, f"{noun}-k-{piece.word}": failed("AccessDenied", piece.operation)})
    why = snapshot.unknown_field(piece.kind, "k", piece.members[0])
    assert why is not None
    assert why.cause is Cause.DENIED
    assert piece.permission in why.remedy


def test_a_piece_that_was_given_counts_before_an_error(load: Load) -> None:
    """A command that was run again leaves its first error behind."""
    snapshot = load(
        {
            "bucket-b-versioning": failed("AccessDenied", "GetBucketVersioning"),
            "again": {"Name": "b", "Versioning": {"Status": "Suspended"}},
        }
    )
    assert "Versioning" not in unknown(snapshot, kinds.BUCKETS, "b")


def test_pieces_that_contradict_each_other_are_an_error(load: Load) -> None:
    """Two answers about one member of one bucket, with both files."""
    with pytest.raises(InputError, match=r"b differs from the one in .*one\.json"):
        load({"one": {"Name": "b", "Region": "us-west-2"}, "two": {"Name": "b", "Region": "eu-west-1"}})


def test_queues_are_complete_when_each_listed_one_has_attributes(load: Load) -> None:
    """Attributes get their URL from the list; tags that were not given are unknown."""
    files: dict[str, Any] = {"urls": {"QueueUrls": [URL]}, "one": {"Attributes": ATTRIBUTES}}
    snapshot = load(files)
    (queue,) = snapshot.objects(kinds.QUEUES)
    assert snapshot.missing(kinds.QUEUES) is None
    assert queue.queue_url == URL
    found = unknown(snapshot, kinds.QUEUES, "asya-one")
    assert found.keys() == {"Tags"}
    assert f"--queue-url {URL}" in found["Tags"]
    snapshot = load({**files, "urls": {"QueueUrls": [URL, URL.replace("one", "two")]}})
    why = snapshot.missing(kinds.QUEUES)
    assert why is not None
    assert "asya-two" in why.detail
    assert "asya-two" in why.remedy


def test_an_account_without_queues(load: Load) -> None:
    """list-queues leaves QueueUrls out, or prints null with --query: there are none, of either kind."""
    answers: tuple[dict[str, Any], ...] = ({"queue-urls": {}}, {"anything": {"QueueUrls": None}})
    for files in answers:
        snapshot = load(files)
        assert [snapshot.missing(kind) for kind in (kinds.QUEUES, kinds.QUEUE_URLS)] == [None, None]
        assert not snapshot.objects(kinds.QUEUES)
        (Path(snapshot.meta.sources[0]) / "queue-urls.json").unlink(missing_ok=True)


def test_some_attributes_are_not_all(load: Load) -> None:
    """Attributes asked for by name say nothing of the others."""
    snapshot = load({"one": {"Attributes": {"QueueArn": ATTRIBUTES["QueueArn"], "VisibilityTimeout": "30"}}})
    assert "Attributes" in unknown(snapshot, kinds.QUEUES, "asya-one")


def test_keys_are_named_by_id_and_arn(load: Load) -> None:
    """A key's ARN is its id; an alias is refused with a note, for it may move."""
    arn = "arn:aws:kms:us-west-2:111122223333:key/k-1"
    snapshot = load(
        {
            "list": {"Keys": [{"KeyId": "k-1", "KeyArn": arn}]},
            "one": {"KeyMetadata": {"KeyId": "k-1", "Arn": arn, "KeyManager": "AWS", **AES}},
            "two": {"KeyId": arn, "RotationEnabled": True},
            "three": {"KeyId": "alias/k", "Policy": "{}"},
        }
    )
    (key,) = snapshot.objects(kinds.KEYS)
    assert (key.key_manager, key.rotation_enabled, key.policy) == ("AWS", True, None)
    assert unknown(snapshot, kinds.KEYS, "k-1").keys() == {"Policy", "Grants", "Aliases"}
    assert any("alias/k" in note for note in snapshot.meta.notes)


def test_a_key_that_cannot_rotate_does_not(load: Load) -> None:
    """KMS refuses to say whether an asymmetric key rotates: it never does."""
    refused = failed("UnsupportedOperationException", "GetKeyRotationStatus")
    snapshot = load({"keys": {"Keys": [{"KeyId": "k"}]}, "key-k-rotation": refused})
    assert snapshot.objects(kinds.KEYS)[0].rotation_enabled is False
    assert "RotationEnabled" not in unknown(snapshot, kinds.KEYS, "k")


def test_a_key_put_together_by_the_user(load: Load) -> None:
    """All members in one object, those of its metadata among them."""
    arn = "arn:aws:kms:us-west-2:111122223333:key/k-1"
    metadata = {"KeyId": "k-1", "Arn": arn, "KeyManager": "CUSTOMER", "KeyState": "Enabled", "Origin": "AWS_KMS"}
    rest = {"KeySpec": "SYMMETRIC_DEFAULT", "RotationEnabled": True, "Policy": "{}", "Grants": [], "Aliases": []}
    snapshot = load({"one": {**metadata, **rest}})
    assert snapshot.objects(kinds.KEYS)[0].arn == arn
    assert unknown(snapshot, kinds.KEYS, "k-1") == {}


# --- IAM and Organizations ---


def test_roles_that_are_there_are_all_roles_and_an_empty_list_proves_nothing(load: Load) -> None:
    """With --filter Role policies are not read; without roles, roles are not."""
    snapshot = load({"roles": details([ROLE], [])})
    assert snapshot.missing(kinds.ROLES) is None
    assert snapshot.missing(kinds.POLICIES) is None  # the one role has none
    attached = {**ROLE, "AttachedManagedPolicies": [{"PolicyName": "P", "PolicyArn": MANAGED["Arn"]}]}
    snapshot = load({"roles": details([attached], [])})
    why = snapshot.missing(kinds.POLICIES)
    assert why is not None
    assert MANAGED["Arn"] in why.detail
    snapshot = load({"roles": details([attached], []), "policies": details([], [MANAGED])})
    assert snapshot.missing(kinds.POLICIES) is None
    (Path(snapshot.meta.sources[0]) / "roles.json").unlink()
    snapshot = load({"policies": details([], [MANAGED])})
    assert snapshot.missing(kinds.ROLES) is not None
    assert snapshot.missing(kinds.POLICIES) is not None


def test_a_boundary_must_be_among_the_policies(load: Load) -> None:
    """A role's permissions boundary is a policy that counts."""
    bound = {"PermissionsBoundaryType": "Policy", "PermissionsBoundaryArn": "arn:aws:iam::1:policy/bound"}
    snapshot = load({"roles": details([{**ROLE, "PermissionsBoundary": bound}], [MANAGED])})
    assert "policy/bound" in str(snapshot.missing(kinds.POLICIES))


def test_one_page_of_roles_is_not_all(load: Load) -> None:
    """IsTruncated says that there is more."""
    why = load({"roles": details([ROLE], [MANAGED], IsTruncated=True)}).missing(kinds.ROLES)
    assert why is not None
    assert why.cause is Cause.INCOMPLETE


def test_get_role_says_nothing_of_policies(load: Load) -> None:
    """Its own and attached ones are unknown; what lists them fills them in."""
    own = {name: ROLE[name] for name in ("RoleName", "Arn", "AssumeRolePolicyDocument")}
    snapshot = load({"one": {"Role": own}})
    assert snapshot.missing(kinds.ROLES) is not None
    found = unknown(snapshot, kinds.ROLES, "actor")
    assert found.keys() == {"RolePolicyList", "AttachedManagedPolicies"}
    assert "get-account-authorization-details --filter Role" in found["RolePolicyList"]
    snapshot = load({"roles": details([ROLE], [])})
    assert unknown(snapshot, kinds.ROLES, "actor") == {}
    assert len(snapshot.objects(kinds.ROLES)) == 1


@pytest.mark.parametrize("member", ["RolePolicyList", "AttachedManagedPolicies", "AssumeRolePolicyDocument"])
@pytest.mark.parametrize("cut", [False, None], ids=["not there", "null"])
def test_a_member_that_a_role_lacks_was_not_read(load: Load, member: str, cut: object) -> None:
    """AWS prints all of them, also empty: one that is not there is unknown of that role, and of no other."""
    other = {**ROLE, "RoleName": "other", "Arn": "arn:aws:iam::111122223333:role/other"}
    part = {name: value for name, value in ROLE.items() if name != member}
    if cut is None:
        part[member] = None
    snapshot = load({"roles": details([other, part], [])})
    assert snapshot.missing(kinds.ROLES) is None
    found = unknown(snapshot, kinds.ROLES, "actor")
    assert found.keys() == {member}
    assert "aws iam get-account-authorization-details --filter Role" in found[member]
    assert unknown(snapshot, kinds.ROLES, "other") == {}
    snapshot = load({"roles": details([other, part], []), "again": details([ROLE], [])})
    assert unknown(snapshot, kinds.ROLES, "actor") == {}


@pytest.mark.parametrize("versions", [{}, {"PolicyVersionList": None}], ids=["not there", "null"])
def test_a_managed_policy_without_its_versions_was_not_read(load: Load, versions: dict[str, Any]) -> None:
    """What it allows is unknown of that policy, and of no other."""
    bare = {"PolicyName": "Q", "Arn": "arn:aws:iam::aws:policy/Q", **versions}
    snapshot = load({"all": details([ROLE], [MANAGED, bare])})
    found = unknown(snapshot, kinds.POLICIES, bare["Arn"])
    assert found.keys() == {"PolicyVersionList"}
    assert "aws iam get-account-authorization-details" in found["PolicyVersionList"]
    assert unknown(snapshot, kinds.POLICIES, MANAGED["Arn"]) == {}


@pytest.mark.parametrize("attributes", [{}, {"Attributes": None}, {"Attributes": {}}], ids=str)
def test_a_queue_without_attributes_was_not_read(load: Load, attributes: dict[str, Any]) -> None:
    """All attributes have the time of its making; without them all are unknown."""
    snapshot = load({"queue": {"QueueUrl": URL, "Tags": {}, **attributes}})
    found = unknown(snapshot, kinds.QUEUES, "asya-one")
    assert found.keys() == {"Attributes"}
    assert f"get-queue-attributes --attribute-names All --queue-url {URL}" in found["Attributes"]


@pytest.mark.parametrize("member", ["RotationEnabled", "Policy", "Grants", "Aliases"])
def test_null_says_nothing_of_a_key(load: Load, member: str) -> None:
    """Each call about a key prints its member; null is what --query makes of another answer."""
    snapshot = load({"key": {"KeyMetadata": {"KeyId": "k", **AES}}, "piece": {"KeyId": "k", member: None}})
    assert member in unknown(snapshot, kinds.KEYS, "k")
    assert "Region" in unknown(load({"b": {"Name": "b", "Region": None}}), kinds.BUCKETS, "b")


def test_what_a_description_lacks_was_not_read(load: Load) -> None:
    """Of a key and of an identity provider: each member that describe-key and get-open-id-connect-provider print."""
    snapshot = load(
        {
            "key": {"KeyMetadata": {"KeyId": "k", "Arn": "arn:aws:kms:us-west-2:1:key/k", "KeyManager": "CUSTOMER"}},
            "provider": {"Url": "oidc.example/id/A", "ThumbprintList": []},
        }
    )
    found = unknown(snapshot, kinds.KEYS, "k")
    assert {"KeyState", "Origin", "KeySpec"} <= found.keys()
    assert "KeyManager" not in found
    assert "describe-key --key-id" in found["KeyState"]
    assert unknown(snapshot, kinds.OIDC_PROVIDERS, "oidc.example/id/A").keys() == {"ClientIDList"}


def test_list_policies_says_nothing_of_what_they_allow(load: Load) -> None:
    """Versions are unknown; policies of other services are none of ours."""
    bare = {name: MANAGED[name] for name in ("PolicyName", "Arn")}
    snapshot = load({"policies": {"Policies": [bare]}})
    assert unknown(snapshot, kinds.POLICIES, MANAGED["Arn"]).keys() == {"PolicyVersionList"}
    guardrails = {"Policies": [{"Id": "p-1", "Name": "x", "Arn": "arn:aws:organizations::1:policy/o-1/p-1"}]}
    assert not load({"policies": guardrails, "nodes": {"kind": "NodeList", "items": []}}).objects(kinds.POLICIES)


def test_refused_account_details_are_named_for_both_kinds(load: Load) -> None:
    """Roles and managed policies come by one call."""
    snapshot = load({"roles": failed("AccessDenied", "GetAccountAuthorizationDetails")})
    for kind in (kinds.ROLES, kinds.POLICIES):
        why = snapshot.missing(kind)
        assert why is not None
        assert why.cause is Cause.DENIED
        assert "iam:GetAccountAuthorizationDetails" in why.remedy


def test_oidc_providers_are_listed_by_arn_and_described_by_url(load: Load) -> None:
    """One that is listed only has unknown audiences."""
    arns = [f"arn:aws:iam::111122223333:oidc-provider/oidc.example/id/{name}" for name in "AB"]
    snapshot = load(
        {
            "list": {"OpenIDConnectProviderList": [{"Arn": arn} for arn in arns]},
            "one": {"Url": "https://oidc.example/id/A", "ClientIDList": ["sts.amazonaws.com"], "ThumbprintList": []},
            "oidcprovider-B-description": failed("AccessDenied", "GetOpenIDConnectProvider"),
        }
    )
    assert snapshot.missing(kinds.OIDC_PROVIDERS) is None
    provider = snapshot.get(kinds.OIDC_PROVIDERS, "oidc.example/id/A")
    assert provider is not None
    assert (provider.arn, provider.client_ids) == (arns[0], ("sts.amazonaws.com",))
    assert unknown(snapshot, kinds.OIDC_PROVIDERS, "oidc.example/id/A") == {}
    assert (
        "iam:GetOpenIDConnectProvider" in unknown(snapshot, kinds.OIDC_PROVIDERS, "oidc.example/id/B")["ClientIDList"]
    )


def test_instance_profiles_one_and_all(load: Load) -> None:
    """get-instance-profile gives one, list-instance-profiles all."""
    one = {"InstanceProfileName": "nodes", "Roles": [{"RoleName": "actor"}]}
    assert load({"one": {"InstanceProfile": one}}).missing(kinds.INSTANCE_PROFILES) is not None
    snapshot = load({"one": {"InstanceProfile": one}, "all": {"InstanceProfiles": [one]}})
    assert snapshot.missing(kinds.INSTANCE_PROFILES) is None
    assert [item.instance_profile_name for item in snapshot.objects(kinds.INSTANCE_PROFILES)] == ["nodes"]


def test_an_account_in_no_organization(load: Load) -> None:
    """The error that says so is complete and empty; another error is not."""
    snapshot = load({"o": failed("AWSOrganizationsNotInUseException", "DescribeOrganization")})
    assert snapshot.missing(kinds.ORGANIZATIONS) is None
    assert not snapshot.objects(kinds.ORGANIZATIONS)
    why = load({"o": failed("AccessDeniedException", "DescribeOrganization")}).missing(kinds.ORGANIZATIONS)
    assert why is not None
    assert "organizations:DescribeOrganization" in why.remedy
    assert len(load({"o": {"Organization": {"Id": "o-1", "MasterAccountId": "1"}}}).objects(kinds.ORGANIZATIONS)) == 1


# --- together with others ---


def test_a_file_gives_what_a_snapshot_lacks(load: Load, tmp_path: Path) -> None:
    """Unknown members survive the snapshot file, and a later answer makes them known."""
    first = load({"buckets": {"Buckets": [{"Name": "b"}]}, "one": {"Name": "b", "Region": "us-west-2"}})
    path = tmp_path / "first.snapshot"
    writer.write(first, path)
    again = load_snapshot([path])
    assert unknown(again, kinds.BUCKETS, "b") == unknown(first, kinds.BUCKETS, "b")
    answer = tmp_path / "versioning.json"
    answer.write_text(json.dumps({"Name": "b", "Versioning": {"Status": "Enabled"}}))
    both = load_snapshot([path, answer])
    assert unknown(both, kinds.BUCKETS, "b").keys() == unknown(first, kinds.BUCKETS, "b").keys() - {"Versioning"}
    assert both.objects(kinds.BUCKETS)[0].versioning is not None


def test_kinds_that_no_crd_defines_have_no_objects(load: Load) -> None:
    """Of Asya and KEDA as of any other operator; kinds of Kubernetes itself are not assumed away."""
    snapshot = load(
        {"crds": {"kind": "CustomResourceDefinitionList", "apiVersion": "apiextensions.k8s.io/v1", "items": []}}
    )
    custom = (kinds.ASYNC_ACTORS, kinds.SCALED_OBJECTS, kinds.TRIGGER_AUTHENTICATIONS)
    for kind in (*custom, kinds.CLUSTER_TRIGGER_AUTHENTICATIONS):
        assert snapshot.missing(kind) is None
    for kind in (kinds.HORIZONTAL_POD_AUTOSCALERS, kinds.CSI_DRIVERS):
        assert snapshot.missing(kind) is not None


def test_ways_out_are_read_as_any_list_of_ec2(load: Load) -> None:
    """NAT gateways and endpoints, wrapped or by --query; neither is taken for subnets, which both name."""
    nat = {"NatGatewayId": "nat-1", "SubnetId": "subnet-1", "VpcId": "vpc-1"}
    endpoint = {"VpcEndpointId": "vpce-1", "VpcId": "vpc-1", "SubnetIds": []}
    for files in ({"n": {"NatGateways": [nat]}, "e": {"VpcEndpoints": [endpoint]}}, {"n": [nat], "e": [endpoint]}):
        snapshot = load(files)
        assert [snapshot.missing(kind) for kind in (kinds.NAT_GATEWAYS, kinds.VPC_ENDPOINTS)] == [None, None]
        assert not snapshot.objects(kinds.SUBNETS)


ODD: tuple[Any, ...] = (
    None,
    5,
    "x",
    True,
    [],
    {},
    [5],
    [None],
    [{}],
    {"a": 5},
    [{"Arn": 5}],
    [{"Name": 5}],
    [{"KeyId": []}],
)
SHAPES: tuple[dict[str, Any], ...] = (
    {"RoleDetailList": ...},
    {"Policies": ...},
    {"RoleDetailList": [ROLE], "Policies": ...},
    {"RoleDetailList": [{**ROLE, "RolePolicyList": ...}]},
    {"Organization": ...},
    {"QueueUrls": ...},
    {"Buckets": ...},
    {"Keys": ...},
    {"KeyMetadata": ...},
    {"Attributes": ...},
    {"Attributes": {"QueueArn": ...}},
    {"OpenIDConnectProviderList": ...},
    {"Url": ..., "ClientIDList": []},
    {"Url": "oidc.example", "ClientIDList": ...},
    {"Role": ...},
    {"InstanceProfile": ...},
    {"Name": ..., "Versioning": {}},
    {"Name": "b", "Versioning": ...},
    {"Name": "b", "Policy": ...},
    {"KeyId": "k", "Grants": ...},
    {"QueueUrl": ..., "Tags": {}},
    {"QueueUrl": URL, "Attributes": ...},
)


@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_odd_answers_are_refused_in_one_sentence_or_left_aside(tmp_path: Path, shape: dict[str, Any]) -> None:
    """Whatever stands where something else is expected: an error that names the file, never a crash."""

    def with_odd(value: Any, odd: Any) -> Any:
        if value is ...:
            return odd
        if isinstance(value, dict):
            return {name: with_odd(item, odd) for name, item in value.items()}
        return [with_odd(item, odd) for item in value] if isinstance(value, list) else value

    path = tmp_path / "odd.json"
    for odd in ODD:
        path.write_text(json.dumps(with_odd(shape, odd)))
        said = f"{path}: nothing is wrong"
        try:
            load_snapshot([path])
        except InputError as error:
            said = str(error)
        assert "odd.json" in said
        assert "\n" not in said
