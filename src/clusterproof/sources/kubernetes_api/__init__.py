"""The Kubernetes API as a source: one kubeconfig context, read-only, kind by kind.

    from clusterproof.sources.kubernetes_api import ClusterOptions, read_cluster

    read = read_cluster(ClusterOptions(context="prod"))
    snapshot = assemble(read.answers, kubernetes_version=read.identity.version)

What cannot be read is recorded per kind and scope; only where nothing at all could be
read is there an error (:class:`~clusterproof.errors.UnreadableClusterError`).
"""

from clusterproof.sources.kubernetes_api.options import READ, ClusterOptions, ClusterRead, Identity
from clusterproof.sources.kubernetes_api.reader import read_cluster, who_am_i

__all__ = ["READ", "ClusterOptions", "ClusterRead", "Identity", "read_cluster", "who_am_i"]
