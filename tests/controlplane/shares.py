"""Do counts fit a distribution? Pearson's chi-square, without a statistics library."""

from __future__ import annotations

import math
from collections.abc import Mapping
from fractions import Fraction


def tail_of_chi_square(statistic: float, freedom: int) -> float:
    """The probability that a chi-square variable with so many degrees of freedom is at least this.

    The regularised upper incomplete gamma function Q(freedom/2, statistic/2), by its recursion in the first argument
    from Q(1/2, x) = erfc(sqrt x) and Q(1, x) = exp(-x) (Abramowitz and Stegun 6.5.21, 26.4.19).
    """
    x = statistic / 2
    if x <= 0:
        return 1.0
    order, value = (1.0, math.exp(-x)) if freedom % 2 == 0 else (0.5, math.erfc(math.sqrt(x)))
    while order < freedom / 2:
        value += math.exp(order * math.log(x) - x - math.lgamma(order + 1))
        order += 1
    return min(1.0, value)


def fit(seen: Mapping[str, int], expected: Mapping[str, Fraction]) -> float:
    """The probability of counts at least as far from the expected shares as these; 0 where something impossible was seen.

    Args:
        seen: how often each was.
        expected: the probability of each; those that are left out, or 0, may never be.
    """
    total = sum(seen.values())
    if any(count and not expected.get(name) for name, count in seen.items()):
        return 0.0
    likely = {name: chance for name, chance in expected.items() if chance}
    statistic = sum((seen.get(name, 0) - total * chance) ** 2 / (total * chance) for name, chance in likely.items())
    return tail_of_chi_square(float(statistic), len(likely) - 1) if len(likely) > 1 else 1.0
