"""Texts with expressions in them, what expressions may name, and parameters that are found."""

from __future__ import annotations

from typing import Any

import pytest

from clusterproof.checks.context import Context
from clusterproof.checks.engine import findings
from clusterproof.checks.filled import filled, names
from clusterproof.checks.parameters import parameter, unsettled
from clusterproof.errors import UsageError
from clusterproof.profiles.expression import evaluate
from clusterproof.profiles.model import Check, Each, Parameter, Profile
from clusterproof.snapshot import kinds
from clusterproof.snapshot.fields import Cause, Unknown
from clusterproof.snapshot.overlay import Overlay, SetField, apply
from clusterproof.snapshot.snapshot import Snapshot
from clusterproof.verdict.algebra import Verdict
from tests.checks.ask import profile, requirement
from tests.world.build import Tiny

DENIED = Unknown(Cause.DENIED, "deployments may not be listed", "grant list deployments")
VALUES: dict[str, Any] = {"a": "x", "n": 3, "list": [1, "b"], "unread": DENIED}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("plain", "plain"),
        ("${a}", "x"),
        ("${n}", 3),
        ("${list}", [1, "b"]),
        ("arn:${a}:${n}", "arn:x:3"),
        ("-${list}-", '-[1,"b"]-'),
        ("$${a} ${'}' + a} ${{'k': a}.k}", "${a} }x x"),
        ({"k-${a}": ["${n}", {"deep": "${a}"}]}, {"k-x": [3, {"deep": "x"}]}),
        ("${a} is open ${", "x is open ${"),
        (7, 7),
        (None, None),
    ],
)
def test_texts_are_filled(text: object, expected: object) -> None:
    """Each expression becomes its value; one that stands alone keeps its type; braces and quotes inside are counted."""
    assert filled(text, VALUES) == expected


@pytest.mark.parametrize("text", ["${unread}", "a ${unread.b} c", ["x", "${unread}"], {"k": "${unread}"}, "${nothing}"])
def test_what_is_not_known_makes_the_whole_unknown(text: object) -> None:
    """One unknown part leaves nothing that could be taken for an answer."""
    assert isinstance(filled(text, VALUES), Unknown)


def test_the_clusters_facts() -> None:
    """Name, region, account, partition, version, issuer and time; each that was not read is unknown by itself."""
    tiny = Tiny()
    tiny.objects["clusters"][0] |= {
        "arn": "arn:aws-cn:eks:cn-north-1:111122223333:cluster/tiny",
        "identity": {"oidc": {"issuer": "https://oidc.eks/id/A"}},
    }
    bound = names(Context(tiny.snapshot(), profile()))
    assert bound["cluster"] == {
        "name": "tiny",
        "region": "cn-north-1",
        "account": "111122223333",
        "partition": "aws-cn",
        "version": "1.33",
        "issuer": "oidc.eks/id/A",
        "time": "2026-01-01T00:00:00Z",
    }
    bare = names(Context(Tiny().snapshot(), profile()))
    assert evaluate("cluster.name == 'tiny'", bare) is True
    said = evaluate("cluster.region == 'x' || has(cluster.region)", bare)
    assert isinstance(said, Unknown)
    assert said.detail == "the cluster's region was not read"
    none = names(Context(Tiny().drop(kinds.CLUSTERS).snapshot(), profile()))
    assert isinstance(evaluate("cluster.issuer == 'x'", none), Unknown)


def operator(region: str = "eu-west-1", name: str = "operator") -> dict[str, Any]:
    """A Deployment whose variable names a region."""
    own = {"app": name}
    container = {"name": "c", "image": "i", "env": [{"name": "REGION", "value": region}]}
    spec = {
        "selector": {"matchLabels": own},
        "template": {"metadata": {"labels": own}, "spec": {"containers": [container]}},
    }
    return {"metadata": {"name": name, "namespace": "app"}, "spec": spec}


FIND = Parameter(
    "the region",
    "document",
    find="env(deployments.filter(d, d.metadata.name == 'operator')[0].spec.template.spec, 'REGION')",
    using=("deployments",),
    unreadable="it could not be read; the document's is assumed",
)


def line(snapshot: Snapshot, definition: Parameter = FIND, **chosen: str) -> tuple[str, str, Unknown | None]:
    """A parameter's value, its origin, and why it is not settled."""
    own = Profile("t", "t", profile().document, (), parameters={"region": definition})
    found = parameter("region", own, chosen, snapshot)
    return found.value, found.origin, unsettled(found, own, snapshot)


def test_a_parameter_is_found_by_an_expression() -> None:
    """What the expression gives is the value, and its origin says in what; `--set` goes first."""
    snapshot = Tiny().put(kinds.DEPLOYMENTS, operator()).snapshot()
    assert line(snapshot) == ("eu-west-1", "found in deployments", None)
    assert line(snapshot, region="x")[:2] == ("x", "chosen by --set")


def test_nothing_found_is_the_default() -> None:
    """An error or an empty text finds nothing, and that is settled."""
    assert line(Tiny().snapshot()) == ("document", "default", None)
    assert line(Tiny().put(kinds.DEPLOYMENTS, operator("")).snapshot()) == ("document", "default", None)
    one_of = Parameter("r", "a", ("a", "b"), find="'c'")
    assert line(Tiny().snapshot(), one_of)[1] == "in the profile it is 'c', which is none of a, b: default"


def test_what_was_not_read_leaves_it_unsettled() -> None:
    """Where the kind was not read, or its value was not kept, the default stands and is not settled."""
    value, origin, why = line(Tiny().drop(kinds.DEPLOYMENTS).snapshot())
    assert (value, origin) == ("document", FIND.unreadable)
    assert why is not None
    assert "deployments not collected" in why.detail
    path = "spec.template.spec.containers.0.env.0.value"
    left_out = Unknown(Cause.REDACTED, "it looked like a credential")
    hidden = apply(
        Tiny().put(kinds.DEPLOYMENTS, operator("REDACTED")).snapshot(),
        Overlay((SetField("deployments", "app/operator", path, unknown=left_out),)),
    )
    assert line(hidden)[0] == "document"
    assert line(hidden)[2] is not None


def test_a_requirement_that_rests_on_an_unsettled_default_is_unknown() -> None:
    """Not applicable by a default that nobody could look up is unknown."""
    asked = requirement(Check(each=Each("nodes", "true", none="pass")), applies="region == 'eu-west-1'")
    own = Profile("t", "t", profile().document, (asked,), parameters={"region": FIND})
    (found,) = findings(Context(Tiny().drop(kinds.DEPLOYMENTS).snapshot(), own))
    assert found.verdict is Verdict.UNKNOWN
    (found,) = findings(Context(Tiny().put(kinds.DEPLOYMENTS, operator()).snapshot(), own))
    assert found.verdict is Verdict.PASS


def test_a_chosen_value_must_be_listed() -> None:
    """`--set` of a value that the profile does not list is an error."""
    with pytest.raises(UsageError, match="the values are a, b"):
        line(Tiny().snapshot(), Parameter("r", "a", ("a", "b"), find="'c'"), region="z")
