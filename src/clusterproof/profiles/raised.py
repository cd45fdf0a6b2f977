"""What a function of our CEL raises."""

from __future__ import annotations


class ExpressionError(ValueError):
    """A function was given what it cannot read; the message is one clause."""
