"""The engine against its brute-force twin, and laws that hold whatever the policies are."""

from __future__ import annotations

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from clusterproof.access.decide import Answer
from tests.access.drawing import Dice, asked, cases
from tests.access.twin import ROLE, UNREAD, Case, Raw, certain, truth, without
from tests.conftest import SEED, Oracle

FAST, SLOW = 3_000, 30_000


def judge(case: Case) -> str:
    """Whether the engine says what the twin found: ``same``, ``careful`` (unknown where it is certain), or it fails."""
    allowed, refused = truth(case)
    found = asked(case)
    if found.answer is Answer.ALLOWED:
        assert allowed, (case, found.why)
    elif found.answer is Answer.DENIED:
        assert refused, (case, found.why)
    else:
        assert found.unknowns, case
        assert not certain(case), (case, found.why)
        return "careful" if allowed or refused else "same"
    return "same"


def compare(seeds: range) -> dict[str, int]:
    """Cases drawn from seeds: how many agree, and in how many the engine is more careful than need be."""
    counts = {"cases": 0, "same": 0, "careful": 0}
    for seed in seeds:
        counts["cases"] += 1
        counts[judge(Dice(random.Random(seed)).case())] += 1
    return counts


def test_the_twin_agrees(oracle: Oracle) -> None:
    """Allowed is allowed, and denied is denied, in every world; what is fully known is never unknown (access rule 1)."""
    seeds = range(SEED, SEED + FAST)
    counts = compare(seeds)
    assert counts["careful"] < FAST / 20
    oracle("access twin", counts, seeds=(seeds[0], seeds[-1]))


@pytest.mark.slow
def test_the_twin_agrees_at_length(oracle: Oracle) -> None:
    """The same on many more cases."""
    seeds = range(SEED + FAST, SEED + FAST + SLOW)
    counts = compare(seeds)
    oracle("access twin", counts, seeds=(seeds[0], seeds[-1]))


@settings(max_examples=150)
@given(cases)
def test_the_twin_agrees_on_what_hypothesis_draws(case: Case) -> None:
    """The same, with cases that hypothesis makes smaller where they differ."""
    judge(case)


ORDER = {Answer.DENIED: 0, Answer.UNKNOWN: 1, Answer.ALLOWED: 2}


@settings(max_examples=150)
@given(cases, st.randoms(use_true_random=False))
def test_adding_an_allow_never_takes_away(case: Case, source: random.Random) -> None:
    """A further policy of the identity that only allows makes no request less allowed (access rule 2)."""
    more = Dice(source).policy()
    more["Statement"] = [{**one, "Effect": "Allow"} for one in more["Statement"]]
    after = asked(without(case, identity=(*case.identity, more)))
    assert ORDER[after.answer] >= ORDER[asked(case).answer]


@settings(max_examples=150)
@given(cases, st.randoms(use_true_random=False), st.sampled_from(["identity", "boundary", "resource"]))
def test_adding_a_deny_never_gives(case: Case, source: random.Random, where: str) -> None:
    """A Deny in any policy makes no request more allowed (access rule 2)."""
    deny = {**Dice(source).statement(principals=where == "resource", everyone=False), "Effect": "Deny"}
    if where == "identity":
        after = without(case, identity=(*case.identity, {"Version": "2012-10-17", "Statement": deny}))
    else:
        held: Raw | None = getattr(case, where)
        if held is None or held is UNREAD:
            return
        after = without(case, **{where: {**held, "Statement": [*held["Statement"], deny]}})
    assert ORDER[asked(after).answer] <= ORDER[asked(case).answer]


@settings(max_examples=150)
@given(cases, st.randoms(use_true_random=False))
def test_a_further_limit_never_gives(case: Case, source: random.Random) -> None:
    """A boundary or a level of control policies that is added makes no request more allowed (access rule 4)."""
    limit = Dice(source).policy()
    before = ORDER[asked(case).answer]
    if case.boundary is None:
        assert ORDER[asked(without(case, boundary=limit)).answer] <= before
    assert ORDER[asked(without(case, levels=(*case.levels, (limit,)))).answer] <= before


@settings(max_examples=150)
@given(cases, st.randoms(use_true_random=False))
def test_order_does_not_matter(case: Case, source: random.Random) -> None:
    """Neither the order of policies nor that of statements and values changes an answer (access rule 2)."""

    def shuffled(policy: Raw) -> Raw:
        if policy is UNREAD:
            return policy
        held = [
            {key: source.sample(value, len(value)) if isinstance(value, list) else value for key, value in one.items()}
            for one in policy["Statement"]
        ]
        return {**policy, "Statement": source.sample(held, len(held))}

    identity = [shuffled(policy) for policy in case.identity]
    other = without(
        case,
        identity=tuple(source.sample(identity, len(identity))),
        resource=None if case.resource is None else shuffled(case.resource),
    )
    assert asked(other).answer is asked(case).answer


@settings(max_examples=150)
@given(cases)
def test_what_is_not_read_never_allows(case: Case) -> None:
    """With an identity policy that was not read nothing is allowed (access rule 3)."""
    assert asked(without(case, identity=(*case.identity, UNREAD))).answer is not Answer.ALLOWED


def test_the_twin_can_disagree() -> None:
    """A case that the engine answered wrongly would be seen: the twin tells both answers apart."""
    allow = {"Version": "2012-10-17", "Statement": {"Effect": "Allow", "Action": "*", "Resource": "*"}}
    assert truth(Case("q:Get", "a", ROLE, identity=(allow,))) == (True, False)
    assert truth(Case("q:Get", "a", ROLE)) == (False, True)
    assert truth(Case("q:Get", "a", ROLE, identity=(UNREAD,))) == (False, False)
