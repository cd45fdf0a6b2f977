"""Write a fix in the language of the tool that will make it."""

from __future__ import annotations

import textwrap

import msgspec

from clusterproof.checks.mended import Fix
from clusterproof.errors import UsageError
from clusterproof.fixes import render_aws_cli, render_cloudformation, render_helm, render_kubectl, render_terraform
from clusterproof.fixes.plain import Step
from clusterproof.snapshot.snapshot import Snapshot

_ALONE = ("kubectl", "helm")
"""Styles that show what they make themselves, and of the rest only its sentence."""
_WIDTH = 100
"""Columns of what is no command."""
STYLES = ("aws-cli", "terraform", "kubectl", "helm", "cloudformation")


def render(fix: Fix, snapshot: Snapshot, style: str, profile: str = "") -> str:
    """A fix, or a report's plan, as text.

    Args:
        fix: from :func:`clusterproof.fixes.propose.repair`.
        snapshot: the one that the fix is for (region, accounts).
        style: one of :data:`STYLES`.
        profile: a profile file as a shell takes it, for the commands in comments; empty for a built-in profile.

    Raises:
        UsageError: there is no such style.
    """
    edits = fix.overlay.edits[: fix.plain]
    texts = [f"{change.text} (managed by {change.owner})" if change.owner else change.text for change in fix.changes]
    own = texts[: fix.plain]
    made = _steps(fix, texts, style)
    head = _head(fix, f" --profile {profile}" if profile else "")
    match style:
        case "aws-cli":
            return render_aws_cli.render(head, edits, own, snapshot, made)
        case "terraform":
            return render_terraform.render(head, edits, own, made)
        case "cloudformation":
            return render_cloudformation.render(fix, head, own, snapshot, made)
        case "kubectl":
            return render_kubectl.render(head, edits, own, made)
        case "helm":
            return render_helm.render(head, own, made)
        case _:
            raise UsageError(f"there is no style {style!r}; there are: {', '.join(STYLES)}")


def _steps(fix: Fix, texts: list[str], style: str) -> list[Step]:
    """The changes that are made by commands of their own; what several have to say is said above the first shown."""
    said: set[str] = set()
    steps: list[Step] = []
    for text, change in zip(texts, fix.changes, strict=True):
        if change.commands is msgspec.UNSET:
            continue
        steps.append(Step(text, change.commands, tuple(note for note in change.before if note not in said)))
        if style not in _ALONE or style in change.commands:
            said |= set(change.before)
    return steps


def _head(fix: Fix, option: str) -> list[str]:
    """What a reader must know before running any of it, then what stays unmended; a line starts with no space."""
    if fix.proven and fix.left:
        many = len(fix.mends) + len(fix.left)
        lines = [f"clusterproof: proven: mends {len(fix.mends)} of {many} failing requirements, and breaks none."]
        names = ", ".join(name.partition("/")[2] for name in fix.mends)
        lines += textwrap.wrap(f"Mends {names}", _WIDTH, break_long_words=False, break_on_hyphens=False)
    elif fix.proven:
        lines = ["clusterproof: proven: with this change the failing requirements pass."]
    elif fix.changes:
        lines = ["clusterproof: NOT PROVEN: read why below before making this change."]
    else:
        lines = ["clusterproof: advice only: there is no change to make here."]
    lines += [
        f"Opens {opening.client} to {opening.server}, {opening.port}"
        + ("" if opening.wanted else " (no requirement asked for it)")
        for opening in fix.opens
    ]
    owned = sorted({change.owner for change in fix.changes if change.owner})
    if owned:
        lines.append(f"Managed by {', '.join(owned)}: a change made beside the owner may be undone by it.")
    lines += [f"Quota: {text}" for text in fix.quota]
    lines += [f"Advice: {text}" for text in fix.advice]
    return [*lines, *_unmended(fix, option)]


def _unmended(fix: Fix, option: str) -> list[str]:
    """Which failing findings stay, and why; those for the same reason in one line."""
    if not fix.left:
        return []
    why: dict[str, list[str]] = {}
    for item in fix.left:
        why.setdefault(item.why, []).append(item.name)
    return [
        f"Not mended{' by it' if fix.changes else ''}, {len(fix.left)}:",
        *(f"- {', '.join(names)}: {text}" for text, names in why.items()),
        f"More on each: clusterproof explain {fix.left[0].id}{option}",
    ]
