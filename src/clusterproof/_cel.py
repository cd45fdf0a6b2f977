"""The CEL library, loaded when an expression is first compiled.

CEL (https://github.com/google/cel-spec) is evaluated by ``common-expression-language``. Two rooms use it: profiles for
their conditions, placement for the selectors of devices.
"""

from __future__ import annotations

import functools
from typing import Any


@functools.lru_cache(maxsize=1)
def library() -> Any:
    """The extension module ``cel.cel``: the package around it imports its own command line, which takes 0.25 s."""
    import importlib.machinery
    import importlib.util
    import logging
    import sys

    logging.getLogger("cel").setLevel(logging.CRITICAL + 1)  # it logs each error that we turn into an Unknown
    package = importlib.util.find_spec("cel")
    places = package.submodule_search_locations if package is not None else None
    spec = importlib.machinery.PathFinder.find_spec("cel.cel", places)
    if "cel.cel" in sys.modules or spec is None or spec.loader is None:
        import cel

        return cel
    module = importlib.util.module_from_spec(spec)
    sys.modules["cel.cel"] = module  # it can be initialised once in a process: a later `import cel` finds this one
    spec.loader.exec_module(module)
    return module
