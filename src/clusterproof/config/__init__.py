"""``clusterproof.yaml``: what a team keeps beside its manifests, so that the command line stays short."""
