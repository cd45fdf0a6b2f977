"""``clusterproof fix``: the proven change, in the language of the tool that will make it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from clusterproof.cli import live, options
from clusterproof.cli.output import placeable, say, write
from clusterproof.errors import UsageError

if TYPE_CHECKING:
    from clusterproof.checks.finding import Fix, Report

STYLES = ("aws-cli", "terraform", "kubectl", "cloudformation")
FORMATS = ("table", "json", "markdown", "yaml", "csv", "dot")
"""What ``-o`` takes elsewhere; here it takes a file, and a file of such a name is nobody's wish."""
SHOWN_REMEDIES = 8
_ORDER = ("MUST", "SHOULD", "MAY")


@click.command(
    short_help="Print the proven change that makes failing requirements pass.",
    epilog="Exit status: 0 nothing fails, or the fix printed is proven and whole; 1 something fails and no proven "
    "fix was found, or kubectl cannot make all of it; 3 nothing fails but something required could not be decided.",
)
@options.sources
@live.live("--as-user")
@options.overlays
@options.profile
@click.option(
    "--as", "style", type=click.Choice(STYLES), default="aws-cli", show_default=True, help="In which language."
)
@click.option("-o", "--output", "file", metavar="FILE", type=click.Path(), help="Write into FILE instead of stdout.")
@options.quiet
def command(
    inputs: options.Inputs,
    profile: str,
    adjusted: options.Adjusted,
    style: str,
    file: str | None,
    quiet: bool,
) -> int:
    """Print the proven change that makes failing requirements pass.

    Nothing is run and nothing is changed: the output is yours to read first.
    What was proven, and what it opens, stands in it as comments.

    Without SRC the live cluster and account are read.

    \b
      clusterproof fix prod.snapshot --profile dynamo --as terraform -o fix.tf
    """  # noqa: D301 - click reads the backspace: keep these lines as they are
    from clusterproof import api
    from clusterproof.reports import words

    if file in (*FORMATS, *STYLES):
        other = f"--as {file}" if file in STYLES else f"clusterproof check … -o {file}"
        raise UsageError(f"-o {file}: here -o names a file, not a format; write -o ./{file} for a file, or {other}")
    from clusterproof.reports.text import clean

    path = None if file in (None, "-") else Path(str(file))
    if path is not None:
        placeable(path)
    judging = options.adjustments(adjusted)
    snapshot = options.read(inputs, quiet=quiet, profile=profile)
    report = api.check(snapshot, profile, **judging)
    plan = report.plan
    if plan is None:
        say(_nothing(report), lines=True)
        return report.exit_status
    text = clean(api.render_fix(report, snapshot, style), newlines=True)
    if path is not None:
        write(path, text)
    else:
        click.echo(text, nl=not text.endswith("\n"), color=True)
    left = _left(plan) if style == "kubectl" else ""
    if left:
        say(left)
    if not quiet:
        if not left:
            say(words.plan_sentence(report).rstrip(":") or "advice only: nothing here is proven")
        if path is not None:
            say(f"wrote {path}")
    if left:
        return 1
    return 0 if plan.proven else report.exit_status


def _nothing(report: Report) -> str:
    """Why there is no change to print: nothing fails, nothing mends it, or too little is known."""
    from clusterproof.reports import words
    from clusterproof.reports.text import clean, listing
    from clusterproof.verdict.algebra import Verdict

    if report.counts.fail + report.counts.depends:
        return "no change was found that mends what fails"
    if not report.counts.unknown:
        return "nothing fails: there is nothing to mend"
    levels = [finding.level.value for finding in report.findings if finding.verdict is Verdict.UNKNOWN]
    counted = listing(f"{levels.count(level)} {level}" for level in dict.fromkeys(sorted(levels, key=_ORDER.index)))
    noun = "requirement" if len(levels) == 1 else "requirements"
    lines = [f"nothing fails, but {counted} {noun} could not be decided"]
    remedies = [clean(remedy) for remedy in words.remedies(words.named(report))]
    if remedies:
        lines[0] += "; to decide what is unknown:"
        lines += [f"  {remedy}" for remedy in remedies[:SHOWN_REMEDIES]]
    if len(remedies) > SHOWN_REMEDIES:
        lines.append(f"  and {len(remedies) - SHOWN_REMEDIES} more: clusterproof check lists them")
    return "\n".join(lines)


def _left(plan: Fix) -> str:
    """What of a plan kubectl cannot make, in a sentence; empty when it can make all of it."""
    from clusterproof.reports.text import listing, plural
    from clusterproof.snapshot.overlay import AddAclEntry, AddPermission, Put

    edits = plan.overlay.edits
    rest = [edit for edit in edits if not isinstance(edit, Put)]
    if not rest:
        return ""
    names = {AddPermission: "security group rules", AddAclEntry: "network ACL entries"}
    what = listing(dict.fromkeys(names.get(type(edit), "changes of other objects") for edit in rest))
    made = len(edits) - len(rest)
    who = "they" if not made else "the others"
    return f"{made} of {plural(len(edits), 'change')} can be made with kubectl: {who} are {what}; use --as aws-cli"
