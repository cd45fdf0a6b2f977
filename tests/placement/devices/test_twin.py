"""The search against every assignment there is, tried one by one."""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Iterator
from typing import Any

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st

from clusterproof.placement.claims import Claims, then
from clusterproof.placement.devices.demand import ClaimAsk, Demand, claim_ask
from clusterproof.placement.feasibility import FEASIBLE
from clusterproof.snapshot.kubernetes import ResourceClaim
from tests.placement.build import node
from tests.placement.devices.build import DRIVER, allocated, claim, device, exactly, inventory, published

MODELS = ("A100", "H100")
ROOTS = ("p0", "p1")
Plan = dict[str, Any]

devices = st.lists(
    st.fixed_dictionaries(
        {
            "model": st.sampled_from(MODELS),
            "root": st.sampled_from((*ROOTS, None)),
            "takes": st.integers(0, 3),
            "sick": st.booleans(),
            "taken": st.sampled_from((False, False, False, True)),
        }
    ),
    min_size=1,
    max_size=5,
)
choice = st.fixed_dictionaries(
    {
        "model": st.sampled_from((*MODELS, None)),
        "count": st.sampled_from((1, 1, 2, 3, 0)),  # 0: all
        "tolerates": st.booleans(),
        "admin": st.sampled_from((False, False, False, True)),
    }
)
claims = st.lists(
    st.fixed_dictionaries(
        {
            "requests": st.lists(st.lists(choice, min_size=1, max_size=2), min_size=1, max_size=2),
            "match": st.sampled_from((None, None, (), ("r0",))),
        }
    ),
    min_size=1,
    max_size=2,
)


def raw_choice(one: Plan, *, nested: bool) -> Plan:
    """A choice in the API's words."""
    expression = f'device.attributes["{DRIVER}"].model == "{one["model"]}"'
    made: Plan = exactly("", *([expression] if one["model"] else []))["exactly"]
    made |= {"count": one["count"]} if one["count"] else {"allocationMode": "All"}
    if one["tolerates"]:
        made["tolerations"] = [{"key": "sick", "operator": "Exists"}]
    if one["admin"] and not nested:
        made["adminAccess"] = True
    return made


def raw_claim(name: str, plan: Plan) -> Plan:
    """A claim in the API's words."""
    requests: list[Plan] = []
    for index, choices in enumerate(plan["requests"]):
        if len(choices) == 1:
            requests.append({"name": f"r{index}", "exactly": raw_choice(choices[0], nested=False)})
        else:
            some = [{"name": f"c{at}", **raw_choice(one, nested=True)} for at, one in enumerate(choices)]
            requests.append({"name": f"r{index}", "firstAvailable": some})
    constraints = []
    if plan["match"] is not None:
        constraints.append({"requests": list(plan["match"]), "matchAttribute": f"{DRIVER}/root"})
    more: Plan = {"constraints": constraints}
    return claim(name, *requests, **more)


def possible(there: list[Plan], pool: int, asked: list[Plan]) -> bool:
    """Is there any assignment that keeps every rule? All are tried."""
    picks = [list(ways(there, plan)) for plan in asked]
    return any(keeps(there, pool, asked, one) for one in itertools.product(*picks))


def ways(there: list[Plan], plan: Plan) -> Iterator[tuple[tuple[Plan, tuple[int, ...]], ...]]:
    """For each request a choice with the devices that it gets."""
    per_request = []
    for choices in plan["requests"]:
        options = []
        for asked in choices:
            one = asked | {"admin": asked["admin"] and len(choices) == 1}
            fit = [at for at, item in enumerate(there) if one["model"] in (None, item["model"])]
            if one["count"]:
                options += [(one, some) for some in itertools.combinations(fit, one["count"])]
            elif fit:
                options.append((one, tuple(fit)))
        per_request.append(options)
    yield from itertools.product(*per_request)


def keeps(there: list[Plan], pool: int, asked: list[Plan], given_: tuple[Any, ...]) -> bool:
    """Nothing twice, nothing taken, nothing sick, enough of the counter, constraints met."""
    holders: Counter[int] = Counter()
    used = sum(item["takes"] for item in there if item["taken"])
    for plan, requests in zip(asked, given_, strict=True):
        own = [at for _, some in requests for at in some]
        if len(own) != len(set(own)):
            return False
        for one, some in requests:
            for at in some:
                if not one["admin"]:
                    if there[at]["taken"]:
                        return False
                    holders[at] += 1
                if there[at]["sick"] and not one["tolerates"]:
                    return False
                used += there[at]["takes"]
        if plan["match"] is not None:
            held = [at for index, (_, some) in enumerate(requests) for at in some if not plan["match"] or index == 0]
            values = {there[at]["root"] for at in held}
            if len(values) > 1 or None in values:
                return False
    return used <= pool and max(holders.values(), default=0) <= 1


def simple(there: list[Plan], asked: list[Plan]) -> bool:
    """Whether the plain rules hold: no error, no admin access beside ordinary claims of the same device or counters."""
    admin = any(one["admin"] for plan in asked for choices in plan["requests"] for one in choices if len(choices) == 1)
    everything = any(not one["count"] for plan in asked for choices in plan["requests"] for one in choices)
    constrained = any(plan["match"] is not None for plan in asked)
    later = any(not one["count"] for plan in asked for choices in plan["requests"] for one in choices[1:])
    return (
        not (admin and (any(item["takes"] for item in there) or len(asked) > 1 or len(asked[0]["requests"]) > 1))
        and not (everything and constrained)
        and not later
    )


@settings(max_examples=150)
@given(there=devices, pool=st.integers(2, 8), asked=claims)
def test_the_search_finds_an_assignment_where_there_is_one(there: list[Plan], pool: int, asked: list[Plan]) -> None:
    """Claims can be allocated exactly where some assignment of devices keeps every rule (rule 9.1)."""
    if not simple(there, asked):
        asked = [
            {
                "match": None,
                "requests": [[one | {"admin": False} for one in choices[:1]] for choices in plan["requests"]],
            }
            for plan in asked
        ]
    offered = []
    for index, item in enumerate(there):
        attributes = {"model": item["model"]} | ({"root": item["root"]} if item["root"] else {})
        more: Plan = {}
        if item["takes"]:
            more["consumesCounters"] = [{"counterSet": "all", "counters": {"units": {"value": str(item["takes"])}}}]
        if item["sick"]:
            more["taints"] = [{"key": "sick", "effect": "NoSchedule"}]
        offered.append(device(f"d{index}", attributes=attributes, **more))
    taken = [f"d{index}" for index, item in enumerate(there) if item["taken"]]
    if sum(item["takes"] for item in there if item["taken"]) > pool:
        pool = 15  # no scheduler gives away more than there is
    shared = [{"name": "all", "counters": {"units": {"value": str(pool)}}}]
    raw = [raw_claim(f"c{index}", plan) for index, plan in enumerate(asked)]
    others = [claim("held", exactly(), allocation=allocated(*taken))] if taken else []
    known = inventory([published("s", offered, sharedCounters=shared)], [*raw, *others])
    asks = []
    for one in raw:
        ask = claim_ask(f"a/{one['metadata']['name']}", msgspec.convert(one, ResourceClaim).spec.devices, known)
        assert isinstance(ask, ClaimAsk)
        asks.append(ask)
    answer = then(FEASIBLE, Claims(Demand(tuple(asks)), known), node("n"))
    assert answer.ok is possible(there, pool, asked), answer
