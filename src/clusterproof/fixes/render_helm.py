"""A fix as Helm takes it: commands for bash, and in comments what Helm cannot do."""

from __future__ import annotations

from collections.abc import Iterable

from clusterproof.fixes.plain import Step, comment


def render(head: list[str], texts: Iterable[str], made: Iterable[Step]) -> str:
    """The commands of Helm, with a comment for each change that Helm cannot make.

    Args:
        head: what a reader must know first, line by line.
        texts: each change that is an edit of AWS or Kubernetes objects, in a sentence.
        made: further changes.
    """
    changes = list(made)
    rest = [*texts, *(step.text for step in changes if "helm" not in step.made_by)]
    lines = [comment(text) for text in head]
    if rest:
        lines.append("# Helm cannot make these changes; see --as aws-cli or --as terraform:")
        lines += [comment(f"  {text}") for text in rest]
    for step in changes:
        if "helm" in step.made_by:
            lines += ["", *step.comments, step.made_by["helm"]]
    return "\n".join(lines) + "\n"
