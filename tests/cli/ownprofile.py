"""A profile of one's own that the Kubernetes API alone decides, for live reading without an account."""

from __future__ import annotations

from pathlib import Path

LOST = "lost my node"
_TEXT = f"""
name: own
title: A team's own rules
document: {{title: Runbook}}
parameters:
  selector: {{title: the label that no Deployment may ask for, default: "no"}}
  strict: {{title: whether it is asked at all, default: "yes", values: ["yes", "off"]}}
requirements:
  - id: free-of-labels
    title: No Deployment asks for the label
    level: MUST
    source: {{document: Runbook}}
    applies: strict == "yes"
    check:
      cel:
        kinds: [deployments]
        that: >-
          deployments.all(d, !has(d.spec.template.spec.nodeSelector) ||
          !(selector in d.spec.template.spec.nodeSelector))
    what: Whether a Deployment asks for a node that there is not.
    why: Its pods would be pending.
    how: Over the raw Deployments.
    unknown_when: They were not read.
    remedy: Remove the selector.
    symptoms: [{LOST}]
"""


def own_profile(directory: Path) -> str:
    """Writes the profile; gives its name for ``--profile``."""
    (directory / "own.yaml").write_text(_TEXT)
    return "own.yaml"
