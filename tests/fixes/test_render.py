"""A fix in each language: it parses, it means what the overlay means, and nothing in a cluster can break out of it."""

from __future__ import annotations

import io
import json
import shutil
import subprocess
from typing import Any

import hcl2
import pytest
import yaml

from clusterproof.checks.mended import Change, Fix
from clusterproof.errors import UsageError
from clusterproof.fixes import owners
from clusterproof.fixes.plain import comment
from clusterproof.fixes.policies import policy_name, stable
from clusterproof.fixes.render import STYLES, render
from clusterproof.fixes.render_aws_cli import commands
from clusterproof.reach.vpc import VpcView
from clusterproof.snapshot.overlay import AddAclEntry, AddPermission, Edit, Overlay, Put
from clusterproof.snapshot.snapshot import Snapshot
from tests.conftest import Require
from tests.fixes.build import acl, cluster, deny, deployment, group, place, reach, repaired, rule, service

NAME = 'gpu "nodes"\n$(touch x) `id` ${a} %{b} \u2028rm'
POLICY: dict[str, Any] = {
    "apiVersion": "networking.k8s.io/v1",
    "kind": "NetworkPolicy",
    "metadata": {
        "labels": {"app.kubernetes.io/managed-by": "clusterproof"},
        "name": "clusterproof-allow-a",
        "namespace": "dynamo",
    },
    "spec": {
        "podSelector": {"matchLabels": {"app": "etcd", "yes": "true"}},
        "policyTypes": ["Ingress"],
        "ingress": [
            {
                "from": [
                    {
                        "namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "dynamo"}},
                        "podSelector": {},
                    },
                    {"ipBlock": {"cidr": "10.0.1.0/24"}},
                ],
                "ports": [{"protocol": "TCP", "port": 2379, "endPort": 2380}],
            }
        ],
    },
}
EDITS: tuple[Edit, ...] = (
    AddPermission("sg-a", egress=False, permission=rule(2379, group="sg-b")),
    AddPermission("sg-a", egress=False, permission=rule(2379, group="sg-a")),
    AddPermission("sg-b", egress=True, permission=rule((2379, 2380), cidr="10.0.1.0/24")),
    AddPermission(
        "sg-a",
        egress=False,
        permission={"IpProtocol": "tcp", "FromPort": 5, "ToPort": 5, "Ipv6Ranges": [{"CidrIpv6": "fd00::/64"}]},
    ),
    AddAclEntry(
        "acl-a",
        {
            "CidrBlock": "10.0.2.0/24",
            "Egress": True,
            "PortRange": {"From": 32768, "To": 60999},
            "Protocol": "6",
            "RuleAction": "allow",
            "RuleNumber": 110,
        },
    ),
    Put("networkpolicies", POLICY),
)


def world() -> Snapshot:
    """Groups and an ACL that the edits change; one group has a hostile name."""
    return cluster([], [group("sg-a", name=NAME), group("sg-b")], [], acls=[acl("acl-a", [])])


def fix(*edits: Edit) -> Fix:
    """A proven fix of these edits."""
    view = VpcView(world())
    changes = tuple(Change(owners.text_of(view, edit), owners.object_of(edit)) for edit in edits)
    return Fix(proven=True, changes=changes, commands=commands(Overlay(edits), world()), overlay=Overlay(edits))


def test_commands_are_the_documents_short_form() -> None:
    """Each edit is one command; groups and CIDR blocks use the options that the source document uses."""
    assert [command.replace(" \\\n  ", " ") for command in fix(*EDITS).commands[:5]] == [
        (
            "aws ec2 authorize-security-group-ingress --group-id sg-a "
            "--protocol tcp --port 2379 --source-group sg-b --region us-west-2"
        ),
        (
            "aws ec2 authorize-security-group-ingress --group-id sg-a "
            "--protocol tcp --port 2379 --source-group sg-a --region us-west-2"
        ),
        (
            "aws ec2 authorize-security-group-egress --group-id sg-b "
            "--protocol tcp --port 2379-2380 --cidr 10.0.1.0/24 --region us-west-2"
        ),
        (
            "aws ec2 authorize-security-group-ingress --group-id sg-a "
            '--ip-permissions \'[{"FromPort":5,"IpProtocol":"tcp","Ipv6Ranges":[{"CidrIpv6":"fd00::/64"}],"ToPort":5}]\' '
            "--region us-west-2"
        ),
        (
            "aws ec2 create-network-acl-entry --network-acl-id acl-a --egress --rule-number 110 --rule-action allow "
            "--protocol 6 --port-range From=32768,To=60999 --cidr-block 10.0.2.0/24 --region us-west-2"
        ),
    ]


def test_the_shell_reads_back_what_was_meant() -> None:
    """Run by bash with the tools replaced by one that prints its arguments, the script gives the edits and nothing else."""
    script = 'aws() { printf \'aws:%s\\n\' "$*"; }; kubectl() { echo "kubectl:$*"; cat; }\n'
    script += render(fix(*EDITS), world(), "aws-cli")
    done = subprocess.run(["bash", "-eu", "-c", script], capture_output=True, text=True, check=True)
    assert done.stderr == ""
    head, _, body = done.stdout.partition("kubectl:apply -f -\n")
    assert len(head.splitlines()) == 5
    assert all(line.startswith("aws:ec2 ") for line in head.splitlines())
    assert yaml.safe_load(body) == POLICY


def test_terraform_parses_and_says_the_same() -> None:
    """python-hcl2 reads one resource per edit, with the values of the edit."""
    found = hcl2.load(io.StringIO(render(fix(*EDITS), world(), "terraform")))
    resources = [
        (_plain(kind), body) for item in found["resource"] for kind, named in item.items() for body in named.values()
    ]
    assert [kind for kind, _ in resources] == [
        "aws_vpc_security_group_ingress_rule",
        "aws_vpc_security_group_ingress_rule",
        "aws_vpc_security_group_egress_rule",
        "aws_vpc_security_group_ingress_rule",
        "aws_network_acl_rule",
        "kubernetes_network_policy_v1",
    ]
    names = [_plain(name) for item in found["resource"] for named in item.values() for name in named]
    assert len(set(names)) == len(names)
    first = resources[0][1]
    assert _plain(first["referenced_security_group_id"]) == "sg-b"
    assert (first["from_port"], first["to_port"]) == (2379, 2379)
    assert _plain(resources[3][1]["cidr_ipv6"]) == "fd00::/64"
    assert resources[4][1]["egress"] is True
    spec = resources[5][1]["spec"][0]
    assert len(spec["ingress"][0]["from"]) == 2
    assert spec["ingress"][0]["ports"][0]["end_port"] == 2380


def _plain(text: str) -> str:
    """A string as python-hcl2 gives it, with or without the quotes of the source."""
    return text.strip('"')


def test_terraform_is_formatted_as_terraform_does(require: Require) -> None:
    """``terraform fmt`` accepts the text and changes nothing."""
    tool = shutil.which("terraform")
    require(tool, "terraform on the PATH")
    text = render(fix(*EDITS), world(), "terraform")
    done = subprocess.run([str(tool), "fmt", "-"], input=text, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout == text


def test_kubectl_gets_manifests_and_hears_of_the_rest() -> None:
    """The YAML stream holds the policies; what kubectl cannot do stands in comments."""
    text = render(fix(*EDITS), world(), "kubectl")
    assert [item for item in yaml.safe_load_all(text) if item] == [POLICY]
    assert "# kubectl cannot make these changes; see --as aws-cli or --as terraform:" in text
    assert text.count("# admit tcp 2379") == 2


@pytest.mark.parametrize("style", [style for style in STYLES if style != "cloudformation"])  # test_cloudformation.py
def test_a_hostile_name_stays_in_its_comment(style: str) -> None:
    """A group's name with line ends, quotes and templates cannot leave the comment or string that it stands in."""
    text = render(fix(*EDITS), world(), style)
    assert "\u2028" not in text
    for line in text.splitlines():
        if "touch x" in line:
            assert line.startswith("#") or line.lstrip().startswith("description")
            assert "${a}" not in line.replace("$${", "") or line.startswith("#")


def test_every_style_says_what_must_be_known_first() -> None:
    """Proof, owner, quota and advice stand above the first change; an unproven one says so in capitals."""
    done = Fix(
        proven=False,
        changes=(Change("admit it", owners.object_of(EDITS[0]), "EKS"),),
        advice=("look",),
        quota=("full",),
        overlay=Overlay(EDITS[:1]),
    )
    for style in STYLES:
        text = render(done, world(), style)
        assert text.startswith("# clusterproof: NOT PROVEN")
        assert "# Managed by EKS: a change made beside the owner may be undone by it." in text
        assert "# Quota: full" in text
        assert "# Advice: look" in text
    assert render(Fix(proven=False, advice=("look",)), world(), "kubectl").startswith("# clusterproof: advice only")


def test_an_unknown_style_is_an_error() -> None:
    """The styles that exist are named."""
    with pytest.raises(UsageError, match="aws-cli, terraform, kubectl"):
        render(fix(), world(), "pulumi")


def test_the_same_input_gives_the_same_bytes() -> None:
    """Objects in another order are another snapshot of the same cluster: the fix is the same, byte for byte."""
    places = [
        place("system", "sg-system", "subnet-a"),
        place("gpu", "sg-gpu", "subnet-b"),
        place("more", "sg-more", "subnet-c"),
    ]
    groups = [group("sg-system", [rule(None, group="sg-system")]), group("sg-gpu"), group("sg-more")]
    work = [deployment("dynamo/etcd", "system"), deployment("dynamo/worker")]
    found = []
    for turn in (1, -1):
        snapshot = cluster(
            places, groups[::turn], work[::turn], [service("dynamo/etcd", 2379)], policies=[deny("dynamo", "Ingress")]
        )
        report = repaired(snapshot, reach("etcd", "deploy/dynamo/worker", "deploy/dynamo/etcd", "2379/TCP"))
        assert report.plan is not None
        found.append([render(report.plan, snapshot, style) for style in STYLES])
    assert found[0] == found[1]


def test_comments_are_one_line() -> None:
    """Whatever ends a line, moves the cursor or turns the direction of writing becomes a space."""
    assert comment("a\nb\r\x1b[31mc\u202ed\u2029e") == "# a b [31mc d e"


def test_policy_names_are_labels() -> None:
    """Names are DNS-1123 labels of at most 63 characters; long ones stay apart by a digest."""
    assert policy_name("clusterproof-allow-Etcd_x.y-") == "clusterproof-allow-etcd-x-y"
    long = [policy_name("clusterproof-allow-" + "a" * 70 + end) for end in ("1", "2")]
    assert all(len(name) == 63 for name in long)
    assert long[0] != long[1]


def test_selectors_use_labels_that_last() -> None:
    """Labels that change with a rollout, a run or a release are left out, unless there are no others."""
    assert stable({"pod-template-hash": "1", "app": "a", "helm.sh/chart": "c-1"}) == {"app": "a"}
    assert stable({"job-name": "x"}) == {"job-name": "x"}


def test_manifests_are_valid_json_too() -> None:
    """The overlay of a fix survives being written and read, so that a report can be applied later."""
    import msgspec

    text = msgspec.json.encode(fix(*EDITS))
    assert msgspec.json.decode(text, type=Fix).overlay == Overlay(EDITS)
    assert json.loads(text)["overlay"]["edits"][0]["type"] == "AddPermission"
