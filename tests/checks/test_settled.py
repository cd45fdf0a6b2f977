from __future__ import annotations

import pytest

import clusterproof
from clusterproof.checks.settled import unsettled_in
from clusterproof.profiles.model import Access, Check, Each, Principal, Reach, Subject
from clusterproof.snapshot import kinds
from clusterproof.snapshot.fields import Cause, Unknown
from clusterproof.snapshot.snapshot import Snapshot
from clusterproof.verdict.algebra import Verdict

WHY = Unknown(Cause.DENIED, "deployments not read")
UNSETTLED = {"asya.bucket": WHY}


@pytest.mark.parametrize(
    ("check", "rests"),
    [
        (Check(access=Access(Principal(role="r"), ("s3:GetObject",), ("arn:aws:s3:::${asya.bucket}/*",))), True),
        (Check(access=Access(Principal(role="r"), ("s3:GetObject",), ("arn:aws:s3:::asya.bucket",))), False),
        (Check(access=Access(Principal(role="${asya.bucket}"), ("s3:GetObject",))), True),
        (Check(each=Each("buckets", "it.Name == asya.bucket")), True),
        (Check(each=Each("buckets", 'it.Name == "asya.bucket"')), False),
        (Check(each=Each("buckets", "true", where="it.Name == asya.bucket")), True),
        (Check(each=Each("buckets", "true", says="not ${asya.bucket}")), False),
        (Check(each=Each("buckets", "it.Name == asya.other")), False),
        (Check(reach=Reach(Subject(workload="a"), Subject(workload="b"), "80/TCP")), False),
    ],
)
def test_what_a_check_rests_on(check: Check, rests: bool) -> None:
    """A parameter in an expression or in ``${...}`` counts, one in plain text or in words for people does not."""
    assert unsettled_in(check, UNSETTLED) == (WHY if rests else None)
    assert unsettled_in(check, {}) is None


def test_a_default_that_stands_for_the_unread_decides_nothing() -> None:
    """Without Deployments the bucket's name is not known: what is asked of the bucket is unknown, until it is named."""
    whole = clusterproof.load_world("asya")
    snapshot = Snapshot(whole.meta, {n: t for n, t in whole.tables.items() if n != kinds.DEPLOYMENTS.name})
    found = {one.name: one for one in clusterproof.check(snapshot, "asya", fixes=False).findings}
    for name in ("bucket", "bucket-encryption", "actor-s3-scope", "actor-s3-objects"):
        assert found[name].verdict is Verdict.UNKNOWN, name
        assert "deployments" in found[name].unknowns[0].detail
    chosen = {"asya.bucket": "asya-results-111122223333"}
    found = {one.name: one for one in clusterproof.check(snapshot, "asya", fixes=False, parameters=chosen).findings}
    assert found["bucket-encryption"].verdict is Verdict.PASS
