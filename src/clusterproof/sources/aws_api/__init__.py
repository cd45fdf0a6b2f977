"""The AWS APIs, read by boto3: one EKS cluster's account, and accounts that share or peer its VPC.

boto3 is loaded when reading begins, not when this package is imported.
"""

from clusterproof.sources.aws_api.match import KubeconfigSays, check_match
from clusterproof.sources.aws_api.records import AccountOptions, AccountRead, Identity, Needed

__all__ = [
    "AccountOptions",
    "AccountRead",
    "Identity",
    "KubeconfigSays",
    "Needed",
    "check_match",
    "read_account",
]


def __getattr__(name: str) -> object:
    """``read_account`` is loaded when it is asked for."""
    if name == "read_account":
        from clusterproof.sources.aws_api.account import read_account

        return read_account
    raise AttributeError(name)
