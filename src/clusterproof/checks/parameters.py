"""A profile's parameters: what was chosen, what is installed, or the default, each with where it came from."""

from __future__ import annotations

from collections.abc import Mapping

from clusterproof.checks.head import ParameterLine
from clusterproof.errors import UsageError
from clusterproof.profiles.functions import is_version
from clusterproof.profiles.model import Profile
from clusterproof.snapshot import kinds
from clusterproof.snapshot.fields import Unknown
from clusterproof.snapshot.snapshot import Snapshot


def parameter(name: str, profile: Profile, chosen: Mapping[str, str], snapshot: Snapshot) -> ParameterLine:
    """A parameter's value: what ``--set`` says, else the installed chart's version, else the default.

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
    found = _installed(definition.helm, snapshot) if definition.helm else None
    if found is None:
        return ParameterLine(name, definition.default, (definition.helm and definition.unreadable) or "default")
    version, where = found
    if definition.unreadable and not is_version(version):
        return ParameterLine(name, definition.default, f"{where} says {version!r}: {definition.unreadable}")
    return ParameterLine(name, version, where)


def unsettled(line: ParameterLine, profile: Profile, snapshot: Snapshot) -> Unknown | None:
    """Why a default stands for an installed version that was not looked for everywhere; None where it does not."""
    definition = profile.parameters[line.name]
    if not definition.helm or line.origin != (definition.unreadable or "default"):
        return None
    missing = snapshot.missing(kinds.HELM_RELEASES)
    if missing is None:
        return None
    what = f"which version of {definition.helm} is installed, which {line.name} follows ({missing.detail})"
    return Unknown(missing.cause, what, missing.remedy or f"give it: --set {line.name}=VERSION")


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
