"""Makes the worlds that ship with clusterproof: files as kubectl and the AWS CLI print them, byte for byte the same."""
