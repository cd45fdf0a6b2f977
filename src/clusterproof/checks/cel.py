"""CEL for checks: conditions of requirements and expressions over raw objects, with three answers.

The engine itself stands in the profiles' room, which needs it to validate what it
loads; what CEL can do here is described there (:mod:`clusterproof.profiles.expression`,
:mod:`clusterproof.profiles.functions`).
"""

from __future__ import annotations

from clusterproof.profiles.conditions import applies
from clusterproof.profiles.expression import conjunction, evaluate, nest, parse_check

__all__ = ["applies", "conjunction", "evaluate", "nest", "parse_check"]
