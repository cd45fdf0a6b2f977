"""``python -m tests.controlplane.one FAMILY SEED``: one generated case again, made as small as still differs.

Prints what differs and the case as YAML, as it can be put into tests/data/scheduling. A third argument is a piece of text
that the difference must have.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from functools import partial

import msgspec
import yaml

from tests.controlplane.agree import Compared, compare
from tests.controlplane.binaries import find
from tests.controlplane.client import ApiError, Raw
from tests.controlplane.generate import Case
from tests.controlplane.plane import ControlPlane
from tests.controlplane.scheduling import Arena
from tests.controlplane.test_agreement import FAMILIES

Change = Callable[[Case], "Case | None"]
"""Takes something away from a case; None where it is gone already."""


def smaller(case: Case, differs: Callable[[Case], bool]) -> Case:
    """The case without every pod and object, and every member of their specs, that it differs without."""
    while True:
        before = case
        for change in list(_changes(case)):
            reduced = change(case)
            if reduced is not None and differs(reduced):
                case = reduced
        if case == before:
            return case


def _changes(case: Case) -> Iterator[Change]:
    for field in ("pods", "objects"):
        for one in reversed(getattr(case, field)):
            name, kind = one["metadata"]["name"], one["kind"]
            yield partial(_dropped, field=field, name=name, kind=kind)
            for key in [key for key in one.get("spec", ()) if key not in ("containers", "nodeName")]:
                yield partial(_thinned, field=field, name=name, kind=kind, key=key)


def _dropped(case: Case, field: str, name: str, kind: str) -> Case | None:
    left = tuple(one for one in getattr(case, field) if (one["metadata"]["name"], one["kind"]) != (name, kind))
    return msgspec.structs.replace(case, **{field: left}) if len(left) < len(getattr(case, field)) else None


def _thinned(case: Case, field: str, name: str, kind: str, key: str) -> Case | None:
    left: list[Raw] = []
    changed = False
    for one in getattr(case, field):
        if (one["metadata"]["name"], one["kind"]) == (name, kind) and key in one.get("spec", {}):
            changed = True
            left.append({**one, "spec": {inner: value for inner, value in one["spec"].items() if inner != key}})
        else:
            left.append(one)
    return msgspec.structs.replace(case, **{field: tuple(left)}) if changed else None


def main(family: str, seed: int, text: str = "") -> None:
    """Runs, shrinks and prints."""
    with ControlPlane.start(find()) as plane:
        arena = Arena(plane)
        said: list[str] = []

        def differs(case: Case) -> bool:
            into = Compared()
            try:
                compare(arena, case, into)
            except (ApiError, TimeoutError, KeyError):
                return False
            found = [one for one in into.differ if text in one]
            said[:] = found or said
            return bool(found)

        case = FAMILIES[family][0](seed)
        if not differs(case):
            sys.stdout.write("no difference\n")
            return
        case = smaller(case, differs)
        differs(case)
        for one in said:
            sys.stdout.write(f"# {one}\n")
        sys.stdout.write(yaml.safe_dump({"objects": list(case.objects), "pods": list(case.pods)}, sort_keys=False))


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), *sys.argv[3:])
