"""Write a fix in the language of the tool that will make it."""

from __future__ import annotations

from clusterproof.checks.finding import Fix
from clusterproof.errors import UsageError
from clusterproof.fixes import render_aws_cli, render_cloudformation, render_kubectl, render_terraform
from clusterproof.snapshot.snapshot import Snapshot

STYLES = ("aws-cli", "terraform", "kubectl", "cloudformation")


def render(fix: Fix, snapshot: Snapshot, style: str) -> str:
    """A fix, or a report's plan, as text.

    Args:
        fix: from :func:`clusterproof.fixes.propose.repair`.
        snapshot: the one that the fix is for (region, accounts).
        style: one of :data:`STYLES`.

    Raises:
        UsageError: there is no such style.
    """
    edits = fix.overlay.edits
    texts = [f"{change.text} (managed by {change.owner})" if change.owner else change.text for change in fix.changes]
    head = _head(fix)
    match style:
        case "aws-cli":
            return render_aws_cli.render(head, edits, texts, snapshot)
        case "terraform":
            return render_terraform.render(head, edits, texts)
        case "cloudformation":
            return render_cloudformation.render(fix, head, texts, snapshot)
        case "kubectl":
            return render_kubectl.render(head, edits, texts)
        case _:
            raise UsageError(f"there is no style {style!r}; there are: {', '.join(STYLES)}")


def _head(fix: Fix) -> list[str]:
    """What a reader must know before running any of it."""
    if fix.proven:
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
    return lines
