"""A fix as kubectl takes it: manifests of NetworkPolicies, and in comments what kubectl cannot do."""

from __future__ import annotations

from collections.abc import Iterable

from clusterproof.fixes.plain import Step, comment
from clusterproof.snapshot.overlay import Edit, Put

_APPLY, _END = "kubectl apply -f - <<'EOF'\n", "EOF"


def manifest(edit: Put) -> str:
    """One object as YAML, members in the order of Kubernetes' own examples."""
    import yaml

    text: str = yaml.safe_dump(edit.object, sort_keys=False, default_flow_style=False, width=4096, allow_unicode=False)
    return text


def apply_command(*edits: Put) -> str:
    """``kubectl apply`` with the manifests on its standard input, to be pasted as it is."""
    return _APPLY + "---\n".join(manifest(edit) for edit in edits) + _END


def manifests_in(command: str) -> str | None:
    """The manifests of what :func:`apply_command` gave; None for any other command."""
    if command.startswith(_APPLY) and command.endswith(_END):
        return command.removeprefix(_APPLY).removesuffix(_END)
    return None


def render(head: list[str], edits: Iterable[Edit], texts: Iterable[str], made: Iterable[Step] = ()) -> str:
    """The manifests, with a comment for each change that kubectl cannot make.

    Where a change is made by another command than ``kubectl apply``, all of it is commands for bash instead.

    Args:
        head: what a reader must know first, line by line.
        edits: those that every style writes.
        texts: each of these edits in a sentence.
        made: further changes.
    """
    steps = [
        Step(text, {"kubectl": apply_command(edit)} if isinstance(edit, Put) else {})
        for edit, text in zip(edits, texts, strict=True)
    ]
    steps += made
    lines = [comment(text) for text in head]
    rest = [step.text for step in steps if "kubectl" not in step.made_by]
    if rest:
        lines.append("# kubectl cannot make these changes; see --as aws-cli or --as terraform:")
        lines += [comment(f"  {text}") for text in rest]
    able = [("\n".join(step.comments), step.made_by["kubectl"]) for step in steps if "kubectl" in step.made_by]
    bodies = [(above, manifests_in(command)) for above, command in able]
    if all(body is not None for _, body in bodies):
        return "\n".join(lines) + "\n" + "".join(f"---\n{above}\n{body}" for above, body in bodies)
    return "\n".join([*lines, *(f"\n{above}\n{command}" for above, command in able)]) + "\n"
