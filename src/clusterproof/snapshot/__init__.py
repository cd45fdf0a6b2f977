"""Snapshots: what was read of a cluster and its account, as data; file format, overlay, redaction, comparison."""
