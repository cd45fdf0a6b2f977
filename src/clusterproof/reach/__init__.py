"""Reach: can A reach B on P, hop by hop, each with the rule that allowed or refused it."""
