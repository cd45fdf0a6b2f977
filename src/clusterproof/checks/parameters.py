"""A profile's parameters: what was chosen, what is installed, or the default, each with where it came from."""

from __future__ import annotations

from collections.abc import Mapping

from clusterproof.checks.filled import tables
from clusterproof.checks.head import ParameterLine
from clusterproof.errors import UsageError
from clusterproof.profiles.expression import value
from clusterproof.profiles.functions import is_version
from clusterproof.profiles.model import Parameter, Profile
from clusterproof.snapshot import kinds
from clusterproof.snapshot.fields import Cause, Unknown
from clusterproof.snapshot.kinds import BY_NAME
from clusterproof.snapshot.snapshot import Snapshot

_MOST = 3
"""Answers that are kept for one expression; the oldest goes first."""


def parameter(name: str, profile: Profile, chosen: Mapping[str, str], snapshot: Snapshot) -> ParameterLine:
    """A parameter's value: what ``--set`` says, else the installed chart's version or what is found, else the default.

    Raises:
        UsageError: ``--set`` gives a value that the profile does not list.
    """
    definition = profile.parameters[name]
    if name in chosen:
        value = chosen[name]
        if definition.values and value not in definition.values:
            raise UsageError(f"--set {name}={value}: the values are {', '.join(definition.values)}")
        odd = definition.helm and definition.unreadable and value != definition.default and not is_version(value)
        said = f"chosen by --set, which is no version, so as {definition.default!r}" if odd else "chosen by --set"
        return ParameterLine(name, value, said)
    if definition.find:
        return _read(name, definition, snapshot)
    found = _installed(definition.helm, snapshot) if definition.helm else None
    if found is None:
        return ParameterLine(name, definition.default, (definition.helm and definition.unreadable) or "default")
    version, where = found
    if definition.unreadable and not is_version(version):
        return ParameterLine(name, definition.default, f"{where} says {version!r}: {definition.unreadable}")
    return ParameterLine(name, version, where)


def unsettled(line: ParameterLine, profile: Profile, snapshot: Snapshot) -> Unknown | None:
    """Why a default stands for what was not looked for everywhere; None where it does not."""
    definition = profile.parameters[line.name]
    if definition.find:
        found = _value(definition, snapshot)
        if line.origin != (definition.unreadable or "default") or not _unread(found, definition, snapshot):
            return None
        assert isinstance(found, Unknown)  # noqa: S101 - narrows the type
        what = f"what {line.name} is found by was not read ({found.detail})"
        return Unknown(found.cause, what, found.remedy or f"give it: --set {line.name}=VALUE")
    if not definition.helm or line.origin != (definition.unreadable or "default"):
        return None
    missing = snapshot.missing(kinds.HELM_RELEASES)
    if missing is None:
        return None
    what = f"which version of {definition.helm} is installed, which {line.name} follows ({missing.detail})"
    return Unknown(missing.cause, what, missing.remedy or f"give it: --set {line.name}=VERSION")


def _read(name: str, definition: Parameter, snapshot: Snapshot) -> ParameterLine:
    """A parameter that an expression finds; an error or an empty text finds nothing."""
    found = _value(definition, snapshot)
    if _unread(found, definition, snapshot):
        return ParameterLine(name, definition.default, definition.unreadable or "default")
    where = " and ".join(definition.using) or "the profile"
    if isinstance(found, bool) or not isinstance(found, (str, int)) or found == "":
        return ParameterLine(name, definition.default, "default")
    if definition.values and str(found) not in definition.values:
        said = f"in {where} it is {str(found)!r}, which is none of {', '.join(definition.values)}: default"
        return ParameterLine(name, definition.default, said)
    return ParameterLine(name, str(found), f"found in {where}")


def _value(definition: Parameter, snapshot: Snapshot) -> object:
    """What a parameter's expression gives; remembered for as long as the tables that it reads are the same."""
    read = tuple(snapshot.tables.get(name) for name in definition.using)
    # The tables stand beside the answer, so that no other is taken for one of them.
    kept: dict[str, list[tuple[tuple[object, ...], object]]] = snapshot.kept.setdefault("parameters", {})
    answers = kept.setdefault(definition.find, [])
    for known, answer in answers:
        if len(known) == len(read) and all(one is other for one, other in zip(known, read, strict=True)):
            return answer
    found: object = value(definition.find, tables(snapshot, definition.using))
    answers.append((read, found))
    del answers[:-_MOST]
    return found


def _unread(found: object, definition: Parameter, snapshot: Snapshot) -> bool:
    """Whether an expression gave nothing because something that it reads was not read."""
    if not isinstance(found, Unknown):
        return False
    return found.cause is not Cause.ERROR or any(snapshot.missing(BY_NAME[name]) for name in definition.using)


def _installed(chart: str, snapshot: Snapshot) -> tuple[str, str] | None:
    """The version of an installed Helm chart and where it was read: a release, else the chart label of a controller."""
    for release in snapshot.objects(kinds.HELM_RELEASES):
        if release.chart == chart and release.version:
            key = f"{release.metadata.namespace}/{release.metadata.name}"
            return release.version, f"Helm release {key} ({chart}-{release.version})"
    for kind in (kinds.DEPLOYMENTS, kinds.STATEFUL_SETS):
        for obj in snapshot.objects(kind):
            label = obj.metadata.labels.get("helm.sh/chart", "")
            if label.startswith(f"{chart}-"):
                where = f"label helm.sh/chart of {kind.name} {obj.metadata.namespace}/{obj.metadata.name}"
                return label.removeprefix(f"{chart}-"), where
    return None
