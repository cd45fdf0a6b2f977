"""What mends a finding, as data: a change, what it opens, whether it is proven, and what it leaves.

Part of a report, like :mod:`clusterproof.checks.finding`: the JSON Schema is generated from these structs.
"""

from __future__ import annotations

import msgspec

from clusterproof.snapshot.fields import Ref
from clusterproof.snapshot.overlay import Overlay


class Opening(msgspec.Struct, frozen=True):
    """Something that a fix lets through and that was not let through before.

    Attributes:
        client, server: classes in words: ``gpu (sg-0a1)``; first by name, with the count they stand for.
        port: ``2379/TCP`` or ``all``.
        wanted: whether a requirement of this profile asked for it.
    """

    client: str
    server: str
    port: str
    wanted: bool


class Change(msgspec.Struct, frozen=True):
    """One edit of a fix.

    Attributes:
        text: a plain sentence: ``admit tcp 2379 from sg-gpu to sg-system``.
        object: what is changed, as evidence.
        owner: who manages that object (``EKS``, ``Terraform``, ``CloudFormation``, ``Helm``, ``eksctl``); empty when
            no tag or label says so. A change made beside the owner may be undone by it.
        commands: what makes it, by style (``aws-cli``, ``kubectl``, ``helm``, ``terraform``), where the profile or the
            check says so; left out where the change is one edit that every style writes by itself.
        advice: what to know before making it; left out where there is nothing.
    """

    text: str
    object: Ref
    owner: str = ""
    commands: dict[str, str] | msgspec.UnsetType = msgspec.UNSET
    advice: tuple[str, ...] | msgspec.UnsetType = msgspec.UNSET

    @property
    def made_by(self) -> dict[str, str]:
        """What makes it, by style; empty for an edit that every style writes by itself."""
        return {} if self.commands is msgspec.UNSET else self.commands

    @property
    def before(self) -> tuple[str, ...]:
        """What to know before making it; mostly nothing."""
        return () if self.advice is msgspec.UNSET else self.advice


class Left(msgspec.Struct, frozen=True):
    """A failing finding that a fix does not mend.

    Attributes:
        id: the finding, ``profile/requirement``.
        why: one clause: why no change of it is in the fix, or what is to be done instead.
    """

    id: str
    why: str

    @property
    def name(self) -> str:
        """The requirement's id without the profile's name."""
        return self.id.partition("/")[2]


class Fix(msgspec.Struct, frozen=True):
    """The smallest change that was found, and whether it is proven.

    Attributes:
        proven: the world was rebuilt with the changes; everything in ``mends`` passed, and what passed before did still.
        changes: what is edited; first those that are one edit each.
        opens: everything that becomes reachable, wanted or not.
        commands: shell commands (AWS CLI, kubectl), in order, ready to paste.
        advice: what to know of it as a whole, what cannot be proven, and what only hides the fault (co-location by
            affinity), and says so. What to know of one change stands with that change.
        quota: sentences about rules per group that would be near or past the quota.
        overlay: the same as typed edits: ``snapshot.overlay.apply`` makes the changed snapshot from it.
        mends: ids of the failing findings that pass with it, of those that were judged with it; empty where it is not proven.
        left: of a report's plan, the failing findings that do not.
    """

    proven: bool
    changes: tuple[Change, ...] = ()
    opens: tuple[Opening, ...] = ()
    commands: tuple[str, ...] = ()
    advice: tuple[str, ...] = ()
    quota: tuple[str, ...] = ()
    overlay: Overlay = Overlay()
    mends: tuple[str, ...] = ()
    left: tuple[Left, ...] = ()

    @property
    def said(self) -> tuple[str, ...]:
        """All advice, each once: of the single changes in their order, then of the whole."""
        return tuple(dict.fromkeys([text for change in self.changes for text in change.before] + list(self.advice)))

    @property
    def plain(self) -> int:
        """How many changes are edits that every style writes: so many edits of the overlay, the first ones."""
        return sum(1 for change in self.changes if change.commands is msgspec.UNSET)
