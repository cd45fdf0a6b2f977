"""How much of a fix each style makes: what the output of one tool alone leaves to others."""

from __future__ import annotations

import msgspec

from clusterproof.checks.mended import Change, Fix
from clusterproof.checks.nouns import noun
from clusterproof.fixes import render_aws_cli, render_cloudformation, render_terraform
from clusterproof.fixes.plain import does
from clusterproof.fixes.render import STYLES
from clusterproof.snapshot.overlay import AddAclEntry, AddPermission, Edit, Put
from clusterproof.snapshot.snapshot import Snapshot

_NAMES: dict[type[Edit], str] = {
    AddPermission: "security group rules",
    AddAclEntry: "network ACL entries",
    Put: "NetworkPolicies",
}


class Part(msgspec.Struct, frozen=True):
    """What one style makes of a fix.

    Attributes:
        made: how many changes.
        rest: what the others are, each kind once: ``security group rules``, ``changes of roles``.
        instead: the style that makes most of these others, the first of :data:`STYLES` where several do; empty where
            none makes any.
    """

    made: int
    rest: tuple[str, ...] = ()
    instead: str = ""


def part(fix: Fix, snapshot: Snapshot, style: str) -> Part:
    """What a style makes of a fix: a change that its output only tells in a comment is not made.

    Args:
        fix: as for :func:`clusterproof.fixes.render.render`.
        snapshot: likewise.
        style: one of :data:`STYLES`.
    """
    made = _made(fix, snapshot, style)
    edits = fix.overlay.edits[: fix.plain]
    rest = [
        _NAMES.get(type(edit), "changes of other objects")
        for edit, done in zip(edits, made[: fix.plain], strict=True)
        if not done
    ]
    kinds = [
        noun(change.object.kind, 2)
        for change, done in zip(fix.changes[fix.plain :], made[fix.plain :], strict=True)
        if not done
    ]
    # A new policy and a changed one are both "NetworkPolicies" to who reads the list.
    rest += [f"changes of {kind}" for kind in kinds if kind not in rest]
    if not rest:
        return Part(sum(made))
    gain = {other: _gain(made, _made(fix, snapshot, other)) for other in STYLES if other != style}
    best = max(gain, key=lambda other: gain[other])
    return Part(sum(made), tuple(dict.fromkeys(rest)), best if gain[best] else "")


def _gain(made: list[bool], other: list[bool]) -> int:
    return sum(not one and two for one, two in zip(made, other, strict=True))


def _made(fix: Fix, snapshot: Snapshot, style: str) -> list[bool]:
    """Whether a style makes each change, in the fix's order: first those that are an edit each."""
    edits = [_edit(edit, snapshot, style) for edit in fix.overlay.edits[: fix.plain]]
    return edits + [_change(change, style) for change in fix.changes[fix.plain :]]


def _edit(edit: Edit, snapshot: Snapshot, style: str) -> bool:
    match style:
        case "aws-cli":
            return render_aws_cli.makes(edit)
        case "terraform":
            return render_terraform.makes(edit)
        case "kubectl":
            return isinstance(edit, Put)
        case "cloudformation":
            return not render_cloudformation.cannot(edit, snapshot)
        case _:
            return False


def _change(change: Change, style: str) -> bool:
    command = render_aws_cli.any_shell(change.made_by) if style == "aws-cli" else change.made_by.get(style, "")
    return does(command)
