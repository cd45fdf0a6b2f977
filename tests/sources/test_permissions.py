from __future__ import annotations

import contextlib
import json
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
import yaml

from clusterproof.profiles.checktypes import CHECKS
from clusterproof.profiles.model import (
    Access,
    Cel,
    Check,
    Covers,
    Each,
    Effective,
    Identity,
    Installed,
    Mend,
    Parameter,
    PodSecurity,
    Principal,
    Reach,
    Scope,
    Subject,
    Subnets,
)
from clusterproof.snapshot import kinds
from clusterproof.snapshot.fields import Cause
from clusterproof.snapshot.kinds import Kind
from clusterproof.sources import asking, permissions
from clusterproof.sources.aws_api import AccountOptions, Needed
from clusterproof.sources.aws_api.account import read_account
from clusterproof.sources.aws_api.records import AccountRead, Asked, Named
from clusterproof.sources.kubernetes_api import ClusterOptions, read_cluster
from tests.e2e.moto_account import environment
from tests.sources.aws_api.conftest import Demo, demo_account, tenant_account  # noqa: F401 - fixtures
from tests.sources.aws_api.faults import Proxy
from tests.sources.aws_api.motoserver import REGION, post
from tests.sources.aws_api.tenant import CLUSTER as TENANT
from tests.sources.aws_api.tenant import OTHER, Tenant, client
from tests.sources.kubernetes_api.stub import Stub

CLUSTER = "demo-gpu"
AWS = [kind for kind in kinds.ALL if kind.origin == "aws"]
ADDONS = {kinds.ADDONS, kinds.ADDON_NAMES}


class _Requirement(msgspec.Struct):
    check: Check
    mends: tuple[Mend, ...] = ()


class _Profile(msgspec.Struct):
    requirements: tuple[_Requirement, ...]
    parameters: dict[str, Parameter] = {}


def added(check: Check) -> set[Any]:
    """The kinds that a check brings, beside those that every profile reads."""
    plain = set(permissions.needed_kinds(_Profile((_Requirement(Check()),))))
    return set(permissions.needed_kinds(_Profile((_Requirement(check),)))) - plain


def test_a_profile_adds_the_kinds_that_it_names() -> None:
    """Everything that the engine rests on, and what the profile's own expressions read besides."""
    plain = set(permissions.needed_kinds())
    assert kinds.CONFIG_MAPS not in plain
    assert {kind.name for kind in AWS} <= {kind.name for kind in plain}
    rested = plain - set(permissions.ON_REQUEST)
    profile = _Profile((_Requirement(Check(cel=Cel(("configmaps",), "true"))), _Requirement(Check())))
    assert set(permissions.needed_kinds(profile)) == {*rested, kinds.CONFIG_MAPS}


@pytest.mark.parametrize(
    ("named", "more"),
    [
        ("addons", {kinds.ADDONS, kinds.ADDON_NAMES}),
        ("addon-names", {kinds.ADDON_NAMES}),
        (
            "pod-identity-associations",
            {kinds.POD_IDENTITY_ASSOCIATIONS, kinds.POD_IDENTITY_ASSOCIATION_IDS},
        ),
    ],
)
def test_what_no_rule_rests_on_is_read_for_expressions_only(named: str, more: set[Any]) -> None:
    """Add-ons and pod identity need no right for the shipped profile; an expression brings the kind and its list."""
    import clusterproof

    shipped = set(permissions.needed_kinds(clusterproof.load_profile("dynamo")))
    assert not shipped & set(permissions.ON_REQUEST)
    assert "Addon" not in permissions.iam(shipped)
    profile = _Profile((_Requirement(Check(cel=Cel((named,), "true"))),))
    assert set(permissions.needed_kinds(profile)) == shipped | more


@pytest.mark.parametrize(
    ("client", "server", "by", "more"),
    [
        (Subject(control_plane=True), Subject(hosts="all"), "address", set()),
        (Subject(control_plane=True), Subject(services_of=("apiservices",)), "name", {kinds.API_SERVICES}),
        (Subject(load_balancer="app/server"), Subject(workload="deploy/app/server"), "name", set(kinds.BALANCERS)),
    ],
)
def test_ends_of_a_path_bring_their_kinds(client: Subject, server: Subject, by: str, more: set[Any]) -> None:
    """Webhooks, aggregated APIs and load balancers are read only for a profile whose paths begin or end there."""
    plain = set(permissions.needed_kinds(_Profile((_Requirement(Check()),))))
    assert not plain & {*kinds.CALLERS, *kinds.BALANCERS}
    profile = _Profile((_Requirement(Check(reach=Reach(client, server, "443/TCP", by))),))
    assert set(permissions.needed_kinds(profile)) == plain | more
    assert {*kinds.CALLERS, *kinds.BALANCERS} <= set(permissions.needed_kinds())


WHO = Principal(workload="server")
IDENTITIES = {kind for kind in asking.IDENTITIES if kind is not kinds.SERVICE_ACCOUNTS} | {
    kinds.POD_IDENTITY_ASSOCIATION_IDS
}
STORES = {kinds.QUEUES, kinds.QUEUE_URLS, kinds.BUCKETS, kinds.KEYS}


@pytest.mark.parametrize(
    ("check", "more"),
    [
        (Check(each=Each("queues", "true", using=("keys",))), STORES - {kinds.BUCKETS}),
        (Check(each=Each("keys", "true")), STORES),
        (Check(each=Each("pods", "true")), set()),
        (Check(each=Each("scaledobjects", "true", using=("addons",))), {*ADDONS, kinds.SCALED_OBJECTS}),
        (Check(installed=Installed("server", using=("csidrivers",))), {*ADDONS, kinds.CSI_DRIVERS}),
        (Check(covers=Covers("server", "all")), set()),
        (Check(identity=Identity(WHO)), IDENTITIES),
        (Check(scope=Scope(WHO, "sqs", ("*",))), IDENTITIES),
        (Check(effective=Effective(WHO, ("sqs:ListQueues",))), IDENTITIES),
        (Check(access=Access(WHO, ("ec2:RunInstances",))), IDENTITIES | {kinds.VPC_ENDPOINTS}),
        (
            Check(access=Access(WHO, ("sqs:SendMessage", "S3:GetObject"))),
            IDENTITIES | {kinds.VPC_ENDPOINTS} | STORES - {kinds.KEYS},
        ),
        (Check(access=Access(WHO, ("kms:Decrypt",))), IDENTITIES | {kinds.VPC_ENDPOINTS} | STORES),
        (Check(subnets=Subnets("nodes", "way-out")), {kinds.NAT_GATEWAYS, kinds.VPC_ENDPOINTS}),
        (Check(pod_security=PodSecurity("server")), set()),
    ],
    ids=lambda item: next((name for name in CHECKS if getattr(item, name, None)), ""),
)
def test_checks_bring_their_kinds(check: Check, more: set[Any]) -> None:
    """Each kind of check brings what it is decided by, with what lists that, and nothing else."""
    assert added(check) == more


def test_parameters_bring_theirs_and_mends_none() -> None:
    """A parameter that is found in objects needs them; what a repair would make need not be read."""
    mend = Mend("make it", put=({"kind": "buckets", "object": {}},))
    profile = _Profile(
        (_Requirement(Check(), (mend,)),), {"role": Parameter("a role", "", find="x", using=("configmaps",))}
    )
    plain = set(permissions.needed_kinds(_Profile((_Requirement(Check()),))))
    assert set(permissions.needed_kinds(profile)) == plain | {kinds.CONFIG_MAPS}


def test_rbac_is_what_kubernetes_takes() -> None:
    """One ClusterRole that lists each resource in its own group and nothing else, and its binding."""
    needed = permissions.needed_kinds()
    role, binding = yaml.safe_load_all(permissions.rbac(needed))
    granted = {
        (f"{verb} {resource}.{group}" if group else f"{verb} {resource}")
        for rule in role["rules"]
        for group in rule["apiGroups"]
        for resource in rule["resources"]
        for verb in rule["verbs"]
    }
    assert granted == {kind.permission for kind in needed if kind.origin == "kubernetes"}
    assert (role["kind"], binding["kind"]) == ("ClusterRole", "ClusterRoleBinding")
    assert binding["roleRef"]["name"] == role["metadata"]["name"]
    assert binding["subjects"] == [
        {"apiGroup": "rbac.authorization.k8s.io", "kind": "Group", "name": "clusterproof-readers"}
    ]


def test_rbac_of_few_kinds() -> None:
    """Without Helm releases no Secrets may be read; with logs, pods' logs may; kinds of AWS are left out."""
    text = permissions.rbac([kinds.PODS, kinds.SUBNETS], logs=True, group="auditors")
    role, binding = yaml.safe_load_all(text)
    assert role["rules"] == [
        {"apiGroups": [""], "resources": ["pods"], "verbs": ["list"]},
        {"apiGroups": [""], "resources": ["pods/log"], "verbs": ["get"]},
    ]
    assert binding["subjects"][0]["name"] == "auditors"
    assert next(yaml.safe_load_all(permissions.rbac([kinds.SUBNETS])))["rules"] == []
    secrets = permissions.rbac([kinds.HELM_RELEASES])
    assert "Helm keeps its releases in Secrets" in secrets
    assert next(yaml.safe_load_all(secrets))["rules"][0]["resources"] == ["secrets"]


def test_iam_is_each_action_once() -> None:
    """One statement per service, actions sorted, nothing but what the registry names."""
    policy = json.loads(permissions.iam(permissions.needed_kinds()))
    actions = [action for statement in policy["Statement"] for action in statement["Action"]]
    assert sorted(actions) == sorted({action for kind in AWS for action in (kind.permission, *kind.also)})
    assert {"s3:GetEncryptionConfiguration", "iam:GetRolePolicy", "kms:ListGrants"} <= set(actions)
    assert all(item["Effect"] == "Allow" and item["Resource"] == "*" for item in policy["Statement"])
    assert policy["Version"] == "2012-10-17"


ALWAYS = [kind for kind in permissions.needed_kinds() if kind not in kinds.REQUESTED]
"""Kinds of the demo's account; those that only some profiles name are the tenant's."""


def _read() -> AccountRead:
    return read_account(AccountOptions(cluster=CLUSTER, attempts=2, deadline=20.0), kinds=ALWAYS)


def _missing(given: AccountRead) -> dict[str, Any]:
    return {a.kind.name: a.coverage[0].missing for a in given.answers if a.coverage[0].missing is not None}


@contextlib.contextmanager
def _enforced(url: str, proxy: Proxy, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[str], None]]:
    """An account with IAM enforced, read as a user; gives what sets the user's policy."""
    proxy.reset()
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    admin = client(url, "iam")
    admin.create_user(UserName="reader")
    key = admin.create_access_key(UserName="reader")["AccessKey"]
    everything = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}]}
    admin.create_user(UserName="root")
    admin.put_user_policy(UserName="root", PolicyName="all", PolicyDocument=json.dumps(everything))
    root = admin.create_access_key(UserName="root")["AccessKey"]
    ruler = client(url, "iam", root["AccessKeyId"], root["SecretAccessKey"])
    for name, value in environment(proxy.url, REGION).items():
        if name.startswith("AWS_"):
            monkeypatch.setenv(name, value)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", key["AccessKeyId"])
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", key["SecretAccessKey"])
    post(url, "/moto-api/reset-auth", "0")
    try:
        yield lambda policy: ruler.put_user_policy(UserName="reader", PolicyName="read", PolicyDocument=policy)
    finally:
        post(url, "/moto-api/reset-auth", "inf")
        for user, policy, held in (("reader", "read", key), ("root", "all", root)):
            admin.delete_user_policy(UserName=user, PolicyName=policy)
            admin.delete_access_key(UserName=user, AccessKeyId=held["AccessKeyId"])
            admin.delete_user(UserName=user)


@pytest.fixture
def enforced(demo_account: Demo, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[str], None]]:  # noqa: F811
    """The demo's account with IAM enforced."""
    with _enforced(demo_account.url, demo_account.proxy, monkeypatch) as allow:
        yield allow


@pytest.fixture
def strict(tenant_account: Tenant, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[str], None]]:  # noqa: F811
    """The tenant's account with IAM enforced."""
    with _enforced(tenant_account.url, tenant_account.proxy, monkeypatch) as allow:
        yield allow


@pytest.mark.slow
def test_the_least_policy_is_exactly_what_is_called(demo_account: Demo, enforced: Any) -> None:  # noqa: F811
    """With IAM enforced the policy reads everything, and every action in it is called: none is too many."""
    enforced(permissions.iam(ALWAYS))
    given = _read()
    assert _missing(given) == {}
    assert given.identities[0].arn == f"arn:aws:iam::{given.account}:user/reader"
    assert demo_account.proxy.actions == {*permissions.actions(ALWAYS), "sts:GetCallerIdentity"}


@pytest.mark.slow
def test_each_action_taken_away_is_named(enforced: Any) -> None:
    """Without one action of the policy its kind is unknown, denied, and names that action."""
    for kind in ALWAYS:
        if kind.origin == "kubernetes":
            continue
        enforced(permissions.iam([other for other in ALWAYS if other is not kind]))
        why = _missing(_read())[kind.name]
        assert why.cause is Cause.DENIED, why
        assert why.remedy == f"grant {kind.permission}"
        assert kind.permission in why.detail


@pytest.mark.slow
def test_no_rights_at_all(enforced: Any) -> None:
    """A user who may do nothing reads nothing; every kind is denied and names what it needs."""
    enforced('{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"sqs:*","Resource":"*"}]}')
    given = _read()
    assert given.nothing_read
    assert {why.cause for why in _missing(given).values()} == {Cause.DENIED}


_NAMED = Named(asked=Asked(queues=("asya-",), buckets=("results",)), values=frozenset({"plain"}), instances=frozenset())
_OURS: list[Kind[Any]] = [kind for kind in kinds.REQUESTED if kind.origin == "aws"]
_WANTED: list[Kind[Any]] = [
    *(kinds.CLUSTERS, kinds.NODEGROUPS, kinds.NODEGROUP_NAMES, kinds.VPCS, kinds.SUBNETS),
    *(kinds.POD_IDENTITY_ASSOCIATIONS, kinds.POD_IDENTITY_ASSOCIATION_IDS),
    *_OURS,
]


def _read_requested() -> dict[str, Any]:
    """Why something of the tenant's account is not known, by what would make it known; all kinds and fields."""
    names = msgspec.structs.replace(_NAMED, profiles=("machines",))
    options = AccountOptions(cluster=TENANT, attempts=2, deadline=20.0)
    given = read_account(options, kinds=_WANTED, needed=Needed(names=names))
    fields = [field.unknown for answer in given.answers for field in answer.unknown]
    return {why.remedy: why for why in (*_missing(given).values(), *fields)}


_BESIDE = f"add --aws-profile with a profile of account {OTHER}"
"""The tenant has an association with another account's role."""


_NAMELESS = {
    *("s3:GetEncryptionConfiguration", "s3:GetBucketPublicAccessBlock", "s3:GetIntelligentTieringConfiguration")
}
"""Actions that the server does not know: it asks for ``s3:ListBucket`` instead."""


def _policy(actions: Iterable[str]) -> str:
    statement = {"Effect": "Allow", "Action": [*actions, "s3:ListBucket"], "Resource": "*"}
    return json.dumps({"Version": "2012-10-17", "Statement": [statement]})


@pytest.mark.slow
def test_the_least_policy_for_what_profiles_ask(tenant_account: Tenant, strict: Any) -> None:  # noqa: F811
    """The same of identities, queues, buckets and keys: with all their actions all is read, and each of them is called."""
    strict(_policy(permissions.actions(_WANTED)))
    assert set(_read_requested()) == {_BESIDE}
    assert tenant_account.proxy.actions == {*permissions.actions(_WANTED), "sts:GetCallerIdentity"}


@pytest.mark.slow
def test_each_action_for_what_profiles_ask_is_named(strict: Any) -> None:
    """Without one of their actions a kind, or one field of an object, is denied and names that action."""
    granted = permissions.actions(_WANTED)
    for action in sorted({*permissions.actions(_OURS)} - _NAMELESS):
        strict(_policy(each for each in granted if each != action))
        found = _read_requested()
        assert f"grant {action}" in found, (action, found)
        assert all(why.cause is Cause.DENIED for remedy, why in found.items() if remedy != _BESIDE)
        assert {remedy for remedy in found if remedy != _BESIDE} == {f"grant {action}"}


# --- RBAC against the stub of the Kubernetes API -----------------------------------------------


def _granted(text: str) -> list[str]:
    """What a ClusterRole lets be listed, as ``resource.group``."""
    role = next(yaml.safe_load_all(text))
    return [
        f"{resource}.{group}" if group else resource
        for rule in role["rules"]
        for group in rule["apiGroups"]
        for resource in rule["resources"]
    ]


def test_the_least_role_is_exactly_what_is_listed(tmp_path: Path) -> None:
    """With the ClusterRole's rules alone everything is read, and each resource that is served is asked for."""
    needed = [kind for kind in permissions.needed_kinds() if kind.origin == "kubernetes"]
    with Stub("demo").serve() as stub:
        granted = _granted(permissions.rbac(needed))
        stub.grant(*granted)
        read = read_cluster(ClusterOptions(kubeconfig=stub.kubeconfig(tmp_path), backoff=0.001), kinds=needed)
        missing = {a.kind.name: item.missing for a in read.answers for item in a.coverage if item.missing is not None}
        assert missing == {}
        served = {
            f"{name}.{group}" if group else name: f"/api{'s' if group else ''}/{version}/{name}"
            for version, names in stub.resources.items()
            for group in [version.rpartition("/")[0]]
            for name in names
        }
        asked = {resource for resource, path in served.items() if path in stub.paths()}
        assert asked == served.keys() & set(granted)
        assert len(asked) > 15


def test_each_rule_taken_away_is_named(tmp_path: Path) -> None:
    """Without one rule its kind is denied, and the reason names the rule."""
    needed = [kind for kind in permissions.needed_kinds() if kind.origin == "kubernetes"]
    granted = _granted(permissions.rbac(needed))
    denied = 0
    with Stub("demo").serve() as stub:
        options = ClusterOptions(kubeconfig=stub.kubeconfig(tmp_path), backoff=0.001)
        for kind in needed:
            resource = kind.permission.removeprefix("list ")
            if not any(version.rpartition("/")[0] == resource.partition(".")[2] for version in stub.resources):
                continue  # the API group is not there: none can exist, whatever the rights
            stub.grant(*(right for right in granted if right != resource))
            other = kinds.SERVICES if kind is kinds.NODES else kinds.NODES  # so that something can be read
            answers = read_cluster(options, kinds=[kind, other]).answers
            answer = next(answer for answer in answers if answer.kind is kind)
            whys = [item.missing for item in answer.coverage if item.missing is not None]
            if not whys:
                assert not any(path.endswith(f"/{resource.partition('.')[0]}") for path in stub.paths()), kind.name
                continue  # its resource is not served
            assert whys[0].cause is Cause.DENIED, (kind.name, whys)
            assert kind.permission in str(whys[0]), (kind.name, whys)
            denied += 1
            stub.clear()
    assert denied > 15
