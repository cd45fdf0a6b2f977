"""What of a fix each style makes, and what it leaves to which other."""

from __future__ import annotations

import pytest

from clusterproof.checks.mended import Change, Fix
from clusterproof.fixes.render import STYLES
from clusterproof.fixes.render_part import Part, part
from clusterproof.snapshot.fields import Ref
from clusterproof.snapshot.overlay import AddPermission, Overlay
from tests.fixes.build import cluster, group, rule
from tests.fixes.test_render import EDITS, fix, world


def made(*commands: dict[str, str], kind: str = "roles") -> Fix:
    """A proven fix of changes that are made by these commands."""
    return Fix(proven=True, changes=tuple(Change("it", Ref(kind, "x"), commands=each) for each in commands))


@pytest.mark.parametrize(
    ("style", "expected"),
    [
        ("aws-cli", Part(6)),
        ("terraform", Part(6)),
        ("kubectl", Part(1, ("security group rules", "network ACL entries"), "aws-cli")),
        ("helm", Part(0, ("security group rules", "network ACL entries", "NetworkPolicies"), "aws-cli")),
        ("cloudformation", Part(5, ("NetworkPolicies",), "aws-cli")),
    ],
)
def test_edits_that_styles_write_by_themselves(style: str, expected: Part) -> None:
    """Each style makes the edits that it has a command or resource for."""
    assert part(fix(*EDITS), world(), style) == expected


def test_comments_make_nothing() -> None:
    """Terraform that only tells in comments what to write elsewhere is no change that Terraform makes."""
    told = {"aws-cli": "aws iam x", "terraform": "# in the aws_iam_role r set:\n#   assume_role_policy = 1"}
    written = {"aws-cli": "aws iam y", "terraform": '# first\nresource "a" "b" {\n}'}
    assert part(made(told, written), world(), "terraform") == Part(1, ("changes of roles",), "aws-cli")
    assert part(made(told, written), world(), "aws-cli") == Part(2)
    assert part(made(told, written), world(), "cloudformation") == Part(0, ("changes of roles",), "aws-cli")


def test_what_makes_the_others_is_named() -> None:
    """That is the style that makes most of them; none where nothing makes any."""
    assert part(made({"terraform": "x = 1"}), world(), "aws-cli").instead == "terraform"
    assert part(made({"helm": "helm upgrade"}), world(), "aws-cli") == Part(1)
    for style in STYLES:
        assert part(made({}, {}), world(), style) == Part(0, ("changes of roles",))


def test_each_kind_is_named_once() -> None:
    """New NetworkPolicies and changed ones are one item of the list."""
    changed = Change("it", Ref("networkpolicies", "a/b"), commands={"kubectl": "kubectl apply"})
    plain = fix(EDITS[5])
    both = Fix(proven=True, changes=(*plain.changes, changed, changed), overlay=Overlay((EDITS[5],)))
    assert part(both, world(), "helm") == Part(0, ("NetworkPolicies",), "aws-cli")
    assert part(both, world(), "kubectl") == Part(3)
    assert part(both, world(), "terraform") == Part(1, ("changes of NetworkPolicies",), "aws-cli")


def test_groups_of_another_account_are_nothing_for_cloudformation() -> None:
    """An outbound rule to one is counted as what CloudFormation does not make."""
    pair = {"GroupId": "sg-b", "UserId": "999988887777"}
    out = AddPermission("sg-a", egress=True, permission={**rule(1, group="sg-b"), "UserIdGroupPairs": [pair]})
    snapshot = cluster([], [{**group("sg-a"), "OwnerId": "111122223333"}], [])
    assert part(fix(out), snapshot, "cloudformation") == Part(0, ("security group rules",), "aws-cli")
    assert part(fix(out), snapshot, "terraform") == Part(1)
