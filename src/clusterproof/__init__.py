"""clusterproof: is this Kubernetes cluster really ready for the AI platform you want to run on it?

The public API is :func:`load`, :func:`load_live`, :func:`load_world`, :func:`load_profile`, :func:`check`, :func:`why`,
:func:`place` and :func:`connections`; see :mod:`clusterproof.api`.
"""

from clusterproof._version import __version__
from clusterproof.api import check, connections, load, load_live, load_profile, load_world, place, why

__all__ = ["__version__", "check", "connections", "load", "load_live", "load_profile", "load_world", "place", "why"]
