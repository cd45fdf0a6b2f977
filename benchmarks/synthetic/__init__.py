"""Synthetic clusters of any size: seeded, without a clock, shaped as kubectl and the AWS CLI print them."""
