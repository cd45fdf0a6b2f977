"""``clusterproof fix``: the proven change, in the language of the tool that will make it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from clusterproof.cli import live, options
from clusterproof.cli.output import placeable, say, write
from clusterproof.errors import UsageError

if TYPE_CHECKING:
    from clusterproof.checks.finding import Report
    from clusterproof.checks.mended import Fix
    from clusterproof.snapshot.snapshot import Snapshot

STYLES = ("aws-cli", "terraform", "kubectl", "helm", "cloudformation")
FORMATS = ("table", "json", "markdown", "yaml", "csv", "dot")
"""What ``-o`` takes elsewhere; here it takes a file, and a file of such a name is nobody's wish."""
SHOWN_REMEDIES = 8
_ORDER = ("MUST", "SHOULD", "MAY")


@click.command(
    short_help="Print the proven change that makes failing requirements pass.",
    epilog="Exit status: 0 nothing that is required fails, or would with the proven fix that is printed; 1 something "
    "does still, or the style cannot make all of the fix; 3 nothing fails but something required could not be decided.",
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
    What was proven, what it opens, and what it does not mend stand in it as
    comments.

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
    snapshot = options.read(inputs, quiet=quiet, profile=profile, parameters=judging["parameters"])
    report = api.check(snapshot, profile, **judging)
    plan = report.plan
    if plan is None:
        say(_nothing(report), lines=True)
        return report.exit_status
    text = clean(api.render_fix(report, snapshot, style, profile=options.own(profile)), newlines=True)
    if path is not None:
        write(path, text)
    else:
        click.echo(text, nl=not text.endswith("\n"), color=True)
    left = _left(plan, snapshot, style)
    if left:
        say(left)
    if not quiet:
        if not left:
            said = words.plan_sentence(report).rstrip(":") or "advice only: nothing here is proven"
            say(
                f"{said}; not mended: {len(plan.left)}, each with why at its head" if plan.mends and plan.left else said
            )
        if path is not None:
            say(f"wrote {path}")
    if left:
        return 1
    return 0 if plan.proven and not _required(report, plan) else report.exit_status


def _required(report: Report, plan: Fix) -> bool:
    """Whether something that a plan does not mend counts as failing."""
    left = {item.id for item in plan.left}
    levels = list(type(report.fail_on))
    return any(
        finding.id in left and finding.counted and levels.index(finding.level) <= levels.index(report.fail_on)
        for finding in report.findings
    )


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


def _left(plan: Fix, snapshot: Snapshot, style: str) -> str:
    """What of a plan one style cannot make, in a sentence; empty when it can make all of it."""
    from clusterproof.fixes.render_part import part
    from clusterproof.reports.text import listing, plural

    found = part(plan, snapshot, style)
    if not found.rest:
        return ""
    who = "the others" if found.made else "they"
    instead = f"; use --as {found.instead}" if found.instead else ""
    changes = plural(len(plan.changes), "change")
    return f"{found.made} of {changes} can be made with {style}: {who} are {listing(found.rest)}{instead}"
