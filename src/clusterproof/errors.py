"""Every error a user can meet, as one small tree.

A message is one sentence or two: what is wrong, where, and what to do next.
The command line prints it after ``clusterproof: `` and exits with the class's
``exit_status``; nothing else of an exception ever reaches a user.
"""

from __future__ import annotations


class ClusterproofError(Exception):
    """Base of all errors raised on purpose; ``str(error)`` is the whole message."""

    exit_status: int = 2


class UsageError(ClusterproofError):
    """The command, an option or an argument is wrong."""


class InputError(ClusterproofError):
    """A file, directory or stream given as input cannot be used.

    Attributes:
        where: the file (with line and column where known), as the user named it.
    """

    def __init__(self, message: str, *, where: str = "") -> None:
        super().__init__(f"{where}: {message}" if where else message)
        self.where = where


class SnapshotFormatError(InputError):
    """A snapshot file is truncated, foreign, damaged, or of a newer format."""


class ProfileError(InputError):
    """A profile has an unknown key, a wrong type, or names something that is not there."""


class ConfigError(InputError):
    """A configuration file has an unknown key, a wrong type, or cannot be read."""


class NotFoundError(UsageError):
    """A workload, service, requirement or profile that was named does not exist."""


class UnknownNameError(NotFoundError):
    """Whether there is what was named is not known: objects of its kind were not all read."""

    exit_status = 3


class UnreadableClusterError(ClusterproofError):
    """Neither the cluster nor the account could be read at all."""

    exit_status = 4
