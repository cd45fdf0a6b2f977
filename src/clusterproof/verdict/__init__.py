"""Verdicts over cells: the algebra of docs/design.md, and nothing else."""
