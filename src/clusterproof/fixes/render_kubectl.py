"""A fix as kubectl takes it: manifests of NetworkPolicies, and in comments what kubectl cannot do."""

from __future__ import annotations

from collections.abc import Iterable

from clusterproof.fixes.plain import comment
from clusterproof.snapshot.overlay import Edit, Put


def manifest(edit: Put) -> str:
    """One object as YAML, members in the order of Kubernetes' own examples."""
    import yaml

    text: str = yaml.safe_dump(edit.object, sort_keys=False, default_flow_style=False, width=4096, allow_unicode=False)
    return text


def apply_command(edit: Put) -> str:
    """``kubectl apply`` with the manifest on its standard input, to be pasted as it is."""
    return f"kubectl apply -f - <<'EOF'\n{manifest(edit)}EOF"


def render(head: list[str], edits: Iterable[Edit], texts: Iterable[str]) -> str:
    """The manifests, with a comment for each change that kubectl cannot make."""
    pairs = list(zip(edits, texts, strict=True))
    lines = [comment(text) for text in head]
    rest = [text for edit, text in pairs if not isinstance(edit, Put)]
    if rest:
        lines.append("# kubectl cannot make these changes; see --as aws-cli or --as terraform:")
        lines += [comment(f"  {text}") for text in rest]
    body = [f"{comment(text)}\n{manifest(edit)}" for edit, text in pairs if isinstance(edit, Put)]
    return "\n".join(lines) + "\n" + "".join(f"---\n{item}" for item in body)
