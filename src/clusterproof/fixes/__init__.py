"""Repairs: propose a change, prove it on a rebuilt world, say what else it opens, and write it down."""
