"""Whether a requirement applies, from the values of the profile's parameters."""

from __future__ import annotations

from collections.abc import Mapping

from clusterproof.profiles.expression import conjunction, evaluate, nest
from clusterproof.profiles.model import Profile, Requirement
from clusterproof.snapshot.fields import Unknown


def applies(profile: Profile, requirement: Requirement, parameters: Mapping[str, object]) -> bool | Unknown:
    """Whether a requirement applies: the profile's condition and its own; an empty condition always holds.

    Args:
        profile: the profile that holds the requirement.
        requirement: the one asked about.
        parameters: values by the parameters' dotted names; a value may be an ``Unknown``. Parameters that are left out
            have their default.

    Returns:
        True, False, or an Unknown where a condition cannot be decided.
    """
    values: dict[str, object] = {name: parameter.default for name, parameter in profile.parameters.items()}
    activation = nest({**values, **parameters})
    conditions = [condition for condition in (profile.applies, requirement.applies) if condition]
    return conjunction(evaluate(condition, activation) for condition in conditions)
