"""The configuration's shape. An unknown key is an error; the published JSON Schema is made from this struct."""

from __future__ import annotations

import msgspec
from msgspec import field

from clusterproof.profiles.model import Level


class Record(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """Base: immutable, unknown keys refused."""


class WaiverEntry(Record, frozen=True):
    """A failure that somebody answers for until a day.

    Attributes:
        id: the finding as reports print it: `profile/requirement`.
        reason: why the failure is accepted; a ticket's number alone tells nobody.
        owner: who answers for it: a team or a person.
        expires: the last day on which it holds, `YYYY-MM-DD` (UTC).
        groups: node groups it is limited to: only broken pairs with one of them at either end are covered.
    """

    id: str
    reason: str
    owner: str
    expires: str
    groups: tuple[str, ...] = ()


class Config(Record, frozen=True):
    """What the command line need not say each time. The command line wins over everything here.

    Attributes:
        profile: the profile that is checked: a built-in one's name, or a file's path.
        parameters: values of that profile's parameters, as `--set` gives them.
        nodes: node groups by the profile's node set names, as `--nodes` gives them.
        workloads: `kind/namespace/name` by the profile's workload names, as `--workload` gives them.
        fail_on: the level at and above which a failing requirement makes the exit status 1.
        inputs: files and directories to read when the command line names none; none at all: the live cluster.
        with: rendered manifests that are judged as if they were applied, as `--with` gives them.
        namespace: of rendered objects that name none.
        cluster: the cluster meant, where an input holds several.
        collected: kinds that were asked for: one that no file shows is then empty, not unknown.
        context: the kubeconfig's context, for live reading.
        kubeconfig: the kubeconfig's path, for live reading.
        aws_profiles: AWS profiles, for live reading; several where VPCs are shared or peered.
        region: the AWS region, for live reading.
        output: formats as `-o` takes them: `table`, `json=report.json`.
        baseline: a JSON report: what fails in it already does not count.
        waivers: failures that somebody answers for until a day.
    """

    profile: str = ""
    parameters: dict[str, str] = field(default_factory=dict)
    nodes: dict[str, tuple[str, ...]] = field(default_factory=dict)
    workloads: dict[str, str] = field(default_factory=dict)
    fail_on: Level = Level.MUST
    inputs: tuple[str, ...] = ()
    with_: tuple[str, ...] = field(default=(), name="with")
    namespace: str = ""
    cluster: str = ""
    collected: tuple[str, ...] = ()
    context: str = ""
    kubeconfig: str = ""
    aws_profiles: tuple[str, ...] = ()
    region: str = ""
    output: tuple[str, ...] = ()
    baseline: str = ""
    waivers: tuple[WaiverEntry, ...] = ()


PATHS = ("inputs", "with", "kubeconfig", "baseline")
"""Keys that hold paths; they are relative to the configuration's own directory."""
EXAMPLE = """\
# clusterproof.yaml
profile: dynamo
inputs: [dump]
parameters: {dynamo.version: 1.1.0}
nodes: {gpu: [gpu]}
fail_on: MUST
output: [table, json=report.json]
waivers:
  - id: dynamo/prometheus-from-validator
    reason: port 9090 opens with change CHG-4711
    owner: platform-team
    expires: 2026-09-01
"""
"""A small configuration: the documentation shows it, and a test reads it."""
