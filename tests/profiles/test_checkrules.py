"""Faults of the kinds of check: names, expressions, templates and options, each told with its path."""

from __future__ import annotations

from typing import Any

import jsonschema
import pytest

from clusterproof.errors import ProfileError
from clusterproof.profiles import schema
from clusterproof.profiles.checktext import check_text
from clusterproof.profiles.checktypes import CHECKS
from clusterproof.profiles.model import Check
from tests.profiles.example import VALUES, parsed, spoilt

WHO = {"workload": "server"}
GOOD: dict[str, dict[str, Any]] = {
    "each": {
        "of": "nodegroups",
        "that": "it.a == my.version && pods.size() > 0 && cluster.name == ''",
        "where": "has(it.a)",
        "on": "gpu",
        "using": ["pods"],
        "show": ["a.b[0]", 'tags["x.y"]'],
        "none": "fail",
        "says": "it is ${it.a}",
    },
    "installed": {
        "workload": "server",
        "at_least": "v1.2",
        "chart": "server",
        "image": "server:(.*)",
        "instead": "nodepools.size() > 0",
        "instead_says": "Karpenter stands for it",
        "using": ["nodepools"],
    },
    "covers": {"workload": "server", "on": "gpu", "once": True},
    "isolated": {"workload": "server", "direction": "ingress"},
    "lets_out": {"workload": "server", "services": ["sqs", "s3"]},
    "identity": {"who": WHO, "that": "trust", "by": "irsa"},
    "access": {
        "who": {"service_account": "n/s"},
        "actions": ["sqs:SendMessage", "${mode}"],
        "resources": ["arn:${cluster.partition}:sqs:*:${cluster.account}:a-*"],
        "given": {"aws:x": "${mode}"},
    },
    "scope": {"who": {"nodes": "gpu"}, "service": "sqs", "within": ["arn:aws:sqs:*:*:a-*"]},
    "effective": {"who": {"role": "${mode}"}, "actions": ["sqs:ListQueues"]},
    "subnets": {"of": "nodes", "that": "way-out", "on": "gpu", "services": ["sqs"]},
    "pod_security": {"workload": "server", "level": "baseline", "that": "admitted"},
}
TEXTS = {
    "each": "each of nodegroups of gpu where has(it.a): it.a == my.version && pods.size() > 0 && cluster.name == ''",
    "installed": "server is installed, chart v1.2 or later, and available, or Karpenter stands for it",
    "covers": "server runs on every node of gpu, once",
    "isolated": "every pod of server is selected by an enforced policy for ingress",
    "lets_out": "policies let server out to sqs, s3 on 443/TCP",
    "identity": "the pods of server get a role that lets itself be assumed so by IRSA",
    "access": "pods of service account n/s may sqs:SendMessage, ${mode} on arn:${cluster.partition}:sqs:*:${cluster.account}:a-*",
    "scope": "what the nodes of gpu may do in sqs stays within arn:aws:sqs:*:*:a-*",
    "effective": "grants of sqs:ListQueues to role ${mode} take effect",
    "subnets": "the subnets of the nodes of gpu have a way out to sqs",
    "pod_security": "the pods of server keep the Pod Security Standard baseline",
}


def values(kind: str, **changes: Any) -> dict[str, Any]:
    """The small profile whose second requirement has a check of a kind, with some options changed."""
    check = {key: value for key, value in {**GOOD[kind], **changes}.items() if value is not None}
    return spoilt("requirements", 1, "check", value={kind: check})


def mended(mend: dict[str, Any], kind: str = "each") -> dict[str, Any]:
    """The same with one mend."""
    made = values(kind)
    made["requirements"][1]["mends"] = [mend]
    return made


def refused(made: dict[str, Any]) -> str:
    """What is said of a profile."""
    with pytest.raises(ProfileError) as caught:
        parsed(made)
    return str(caught.value)


@pytest.mark.parametrize("kind", sorted(GOOD))
def test_every_kind_is_taken_and_said(kind: str) -> None:
    """A check with all options breaks no rule, conforms to the schema, and is told in a clause."""
    made = values(kind)
    profile = parsed(made)
    jsonschema.Draft202012Validator(schema.schema()).validate(made)
    assert check_text(profile.requirements[1].check) == TEXTS[kind]


def test_no_kind_is_left_without_a_clause() -> None:
    """Each kind of check is one that a check may have, and is told."""
    told = set(GOOD) | {"reach", "schedulable", "cel"}
    assert told == set(CHECKS) == set(Check.__struct_fields__)


@pytest.mark.parametrize(
    ("kind", "changes", "said"),
    [
        ("each", {"of": "nodegroup"}, "check.each.of: there is no kind 'nodegroup'; did you mean 'nodegroups'?"),
        (
            "each",
            {"using": ["pod"], "that": "true"},
            "check.each.using[0]: there is no kind 'pod'; did you mean 'pods'?",
        ),
        ("each", {"that": "it.a =="}, "check.each.that: it is not CEL"),
        ("each", {"that": "its.a == 1"}, "check.each.that: there is no parameter or kind 'its.a'; did you mean 'it'?"),
        ("each", {"that": "cluster.regoin == ''"}, "there is no member of cluster 'regoin'; did you mean 'region'?"),
        ("each", {"where": "sevmer(it.a).lt('1')"}, "check.each.where: there is no function 'sevmer'"),
        ("each", {"says": "a ${it.a"}, "check.each.says: a ${ is not closed"),
        ("each", {"says": "a ${}"}, "check.each.says: is empty"),
        ("each", {"says": "a ${nothing}"}, "check.each.says: there is no parameter or kind 'nothing'"),
        ("each", {"on": "gpus"}, "check.each.on: there is no node set 'gpus'; did you mean 'gpu'?"),
        ("each", {"of": "pods"}, "check.each.on: a node set limits nodes, nodegroups"),
        ("each", {"show": ["a..b"]}, "check.each.show[0]: 'a..b' is no path"),
        ("each", {"none": "ok"}, "check.each.none: unknown value 'ok'; write fail, pass, not-applicable or unknown"),
        ("installed", {"workload": "serve"}, "check.installed.workload: there is no workload 'serve'; did you mean"),
        ("installed", {"version": "tag"}, "check.installed.version: unknown value 'tag'; write chart, app or addon"),
        ("installed", {"version": "addon"}, "check.installed.addon: version: addon goes with the add-on's name"),
        ("installed", {"at_least": "new"}, "check.installed.at_least: 'new' is no version such as 1.2.0"),
        ("installed", {"image": "server:"}, "check.installed.image: it has no group"),
        ("installed", {"image": "server:("}, "check.installed.image: 'server:(' is no regular expression"),
        ("installed", {"instead": "its"}, "check.installed.instead: there is no parameter or kind 'its'"),
        ("installed", {"instead_says": ""}, "check.installed.instead_says: say what stands for it"),
        ("installed", {"instead": ""}, "check.installed.instead_says: it goes with instead"),
        ("covers", {"on": "gpus"}, "check.covers.on: there is no node set 'gpus'"),
        ("isolated", {"direction": "out"}, "check.isolated.direction: unknown value 'out'; write egress or ingress"),
        ("lets_out", {"services": []}, "check.lets_out.services: the list is empty"),
        ("lets_out", {"port": "443"}, "check.lets_out.port: "),
        ("each", {"remark": "${its}"}, "check.each.remark: there is no parameter or kind 'its'"),
        ("identity", {"who": {}}, "check.identity.who: exactly one of workload, service_account, nodes, role"),
        ("identity", {"who": {"nodes": "gpu"}}, "check.identity.who.nodes: nodes have no service account"),
        ("identity", {"that": "roles"}, "check.identity.that: unknown value 'roles'"),
        ("identity", {"by": "imds"}, "check.identity.by: unknown value 'imds'"),
        ("access", {"who": {"service_account": "s"}}, "check.access.who.service_account: 's' is not namespace/name"),
        ("access", {"actions": []}, "check.access.actions: the list is empty"),
        ("access", {"actions": ["SendMessage"]}, "check.access.actions[0]: 'SendMessage' is no action"),
        ("access", {"resources": []}, "check.access.resources: the list is empty"),
        ("access", {"resources": ["${cluster.x}"]}, "check.access.resources[0]: there is no member of cluster 'x'"),
        ("access", {"given": {"a": "${it}"}}, "check.access.given.a: there is no parameter or kind 'it'"),
        ("scope", {"service": "sqs:*"}, "check.scope.service: 'sqs:*' is no service's prefix"),
        ("scope", {"within": []}, "check.scope.within: the list is empty"),
        ("effective", {"who": {"role": "${x"}}, "check.effective.who.role: a ${ is not closed"),
        ("subnets", {"of": "node"}, "check.subnets.of: unknown value 'node'; write cluster or nodes"),
        ("subnets", {"of": "cluster"}, "check.subnets.on: a node set limits of: nodes"),
        ("subnets", {"that": "zones"}, "check.subnets.services: services go with that: way-out"),
        ("pod_security", {"level": "strict"}, "check.pod_security.level: unknown value 'strict'"),
        ("pod_security", {"that": "ok"}, "check.pod_security.that: unknown value 'ok'"),
    ],
)
def test_faults_are_told_with_their_paths(kind: str, changes: dict[str, Any], said: str) -> None:
    """Every fault of an option names where it is, what is wrong, and the name that was probably meant."""
    assert f"requirements[1].{said}" in refused(values(kind, **changes)) or said in refused(values(kind, **changes))


MEND = {
    "text": "change ${it.a}",
    "set": {"a.b": "${pods.size()}"},
    "put": [{"kind": "namespaces", "object": {"metadata": {"name": "${it.a}"}}}],
    "commands": {"aws-cli": "aws x ${cluster.name}", "terraform": "a = ${it.a}"},
}


def test_a_mend_is_taken() -> None:
    """One with all keys breaks no rule and conforms to the schema."""
    made = mended(MEND)
    parsed(made)
    jsonschema.Draft202012Validator(schema.schema()).validate(made)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"text": " "}, "mends[0].text: say what is changed"),
        ({"text": "${its}"}, "mends[0].text: there is no parameter or kind 'its'"),
        ({"set": {"a[": 1}}, "mends[0].set: 'a[' is no path"),
        ({"set": {"a": "${1 +}"}}, "mends[0].set.a: it is not CEL"),
        (
            {"put": [{"kind": "namespace", "object": {}}]},
            "mends[0].put[0].kind: there is no kind 'namespace'; did you mean",
        ),
        ({"put": [{"kind": "namespaces"}]}, "mends[0].put[0]: write {kind: KIND, object: {...}}"),
        ({"commands": {"aws": "x"}}, "mends[0].commands: there is no style 'aws'; did you mean 'aws-cli'?"),
        ({"commands": {"aws-cli": "cat <<EOF\nx\nEOF"}}, "mends[0].commands.aws-cli: it holds a here-document"),
        ({"commands": {"kubectl": "echo `id`"}}, "mends[0].commands.kubectl: it holds a command in backticks"),
        ({"commands": {"helm": "echo $(id)"}}, "mends[0].commands.helm: it holds a command in $(...)"),
        ({"commands": {"terraform": "x = <<EOT\nEOT"}}, "mends[0].commands.terraform: it holds a here-document"),
        ({"set": {}, "put": [], "commands": {}}, "mends[0]: nothing is changed; give set, put or commands"),
    ],
)
def test_faults_of_mends(changes: dict[str, Any], said: str) -> None:
    """What a mend names must be there, and values must be quotable in its commands."""
    assert f"requirements[1].{said}" in refused(mended({**MEND, **changes}))


def test_set_goes_with_each() -> None:
    """Only an each has objects whose fields can be set."""
    mend = {"text": "x", "set": {"a": 1}}
    assert "mends[0].set: set goes with an each" in refused(mended(mend, "covers"))


@pytest.mark.parametrize(
    ("path", "value", "said"),
    [
        (("parameters", "mode", "find"), "nodess.size()", "parameters.mode.find: there is no parameter 'nodess'"),
        (("parameters", "mode", "using"), ["nodes"], "parameters.mode.using: using goes with find"),
        (
            ("parameters", "mode"),
            {"title": "t", "default": "a", "helm": "x", "find": "'a'"},
            "leave one of the two out",
        ),
        (("parameters", "it.x"), {"title": "t", "default": "a"}, "parameters.it.x: 'it' means something else"),
        (("reads",), {"queues": ["${mod}"]}, "reads.queues[0]: there is no parameter 'mod'; did you mean 'mode'?"),
        (("no_guardrails",), "modes == ''", "no_guardrails: there is no parameter 'modes'; did you mean 'mode'?"),
        (
            ("checklist",),
            [{"title": "t", "boxes": [{"text": "b", "by": ["on"]}]}],
            "checklist[0].boxes[0].by: there is no requirement 'on'; did you mean 'one'?",
        ),
        (
            ("checklist",),
            [{"title": "t", "boxes": [{"text": "b", "by": []}]}],
            "checklist[0].boxes[0].by: the list is empty",
        ),
        (("commands",), [{"section": "s", "run": "r", "by": ["tow"]}], "commands[0].by: there is no requirement 'tow'"),
        (
            ("commands",),
            [{"section": "s", "run": "r", "by": [], "instead": "x"}],
            "commands[0]: instead and why go together",
        ),
    ],
)
def test_faults_beside_the_requirements(path: tuple[str, ...], value: Any, said: str) -> None:
    """Parameters that are found, what is read besides, the checklist and the commands."""
    assert said in refused(spoilt(*path, value=value))


@pytest.mark.parametrize(
    ("kind", "key"), [("each", "none"), ("installed", "version"), ("identity", "that"), ("subnets", "of")]
)
def test_the_schema_tells_the_choices(kind: str, key: str) -> None:
    """An editor refuses a word that the rules refuse."""
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.Draft202012Validator(schema.schema()).validate(values(kind, **{key: "other"}))
    assert VALUES["name"] == "mine"
