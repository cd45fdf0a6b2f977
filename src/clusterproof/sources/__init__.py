"""Sources: files of kubectl and aws output, dumps, support bundles and snapshot files → Snapshot."""

from clusterproof.sources.load import load_snapshot

__all__ = ["load_snapshot"]
