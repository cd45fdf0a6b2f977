from __future__ import annotations

from typing import Any

import msgspec
import pytest

from clusterproof.checks.reads import asked
from clusterproof.errors import UsageError
from clusterproof.profiles.model import Access, Check, Parameter, Principal, Profile, Reads
from clusterproof.snapshot import kinds
from clusterproof.snapshot.fields import Cause, Unknown
from clusterproof.snapshot.snapshot import Coverage, Meta, Snapshot, table_of

ENV = {"name": "BUCKET", "value": "results"}
CREW: dict[str, Any] = {
    "metadata": {"name": "crew", "namespace": "asya"},
    "spec": {"template": {"spec": {"containers": [{"name": "c", "env": [ENV]}]}}},
}
FIND = "deployments[0].spec.template.spec.containers[0].env[0].value"


def profile(reads: Reads, *roles: str) -> Profile:
    """A profile with two parameters, and a check for each role."""
    import clusterproof

    plain = clusterproof.load_profile("dynamo")
    some = plain.requirements[0]
    access = [Check(access=Access(Principal(role=role), ("sqs:SendMessage",))) for role in roles]
    return msgspec.structs.replace(
        plain,
        reads=reads,
        parameters={
            "asya.prefix": Parameter("a prefix", "asya-", values=("asya-", "ml-")),
            "asya.bucket": Parameter("a bucket", "", find=FIND, using=("deployments",)),
            "asya.role": Parameter("a role", ""),
        },
        requirements=tuple(
            msgspec.structs.replace(some, id=f"r{number}", check=check) for number, check in enumerate(access)
        ),
    )


def cluster(*deployments: dict[str, Any], missing: Unknown | None = None) -> Snapshot:
    """What a cluster gave."""
    table = table_of(kinds.DEPLOYMENTS, deployments, (Coverage("", missing),))
    meta = Meta(cluster="prod", account="111122223333", region="cn-north-1")
    return Snapshot(meta, {"deployments": table})


READS = Reads(
    queues=("${asya.prefix}${cluster.name}-", "plain-"), buckets=("${asya.bucket}",), roles=("${asya.role}", "fixed")
)


def test_texts_are_filled() -> None:
    """With parameters that are given, found and by default, and the cluster's facts; empty texts name nothing."""
    found = asked(profile(READS), {"asya.prefix": "ml-"}, cluster(CREW))
    assert found.queues == ("ml-prod-", "plain-")
    assert found.buckets == ("results",)
    assert found.roles == ("fixed",)
    assert found.unsettled == {}
    assert asked(profile(READS), {"asya.bucket": "mine"}, cluster(CREW)).buckets == ("mine",)


def test_roles_of_checks_are_meant_too() -> None:
    """A role whose rights a check asks about need not be named twice."""
    role = "arn:${cluster.partition}:iam::${cluster.account}:role/${asya.role}"
    found = asked(profile(Reads(), role), {"asya.role": "actor"}, cluster())
    assert found.roles == ("arn:aws-cn:iam::111122223333:role/actor",)


def test_what_is_not_known_is_said() -> None:
    """Where objects were not read in which a parameter is found, or a fact comes later, the kind is not settled."""
    denied = Unknown(Cause.DENIED, "deployments could not be listed: RBAC refused it", "grant list deployments.apps")
    found = asked(profile(READS), {}, cluster(missing=denied))
    assert found.buckets == ()
    why = found.unsettled["buckets"]
    assert why.cause is Cause.DENIED
    assert why.detail.startswith("which buckets are meant by ${asya.bucket} is not known: ")
    assert why.remedy == denied.remedy
    later = asked(profile(Reads(queues=("${cluster.issuer}",))), {}, cluster(CREW))
    assert set(later.unsettled) == {"queues"}


def test_a_value_that_is_not_allowed() -> None:
    """It is refused at once, before anything is read."""
    with pytest.raises(UsageError, match=r"--set asya.prefix=x: the values are asya-, ml-"):
        asked(profile(READS), {"asya.prefix": "x"}, Snapshot(Meta(), {}))
