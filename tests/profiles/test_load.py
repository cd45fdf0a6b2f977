from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import msgspec
import pytest

from clusterproof.errors import NotFoundError, ProfileError
from clusterproof.profiles.load import SHOWN, builtin_names, load, parse, validate
from tests.profiles.example import VALUES, parsed, spoilt

REACH = ("requirements", 0, "check", "reach")


def test_builtin_profiles_are_listed_and_valid() -> None:
    """Every built-in profile loads by its name, has that name, and breaks no rule."""
    assert "dynamo" in builtin_names()
    for name in builtin_names():
        profile = load(name)
        assert profile.name == name
        assert validate(profile) == []


def test_a_users_file_has_the_same_shape(tmp_path: Path) -> None:
    """A copy of a built-in profile, as YAML or as JSON, loads from a path to the same record."""
    shipped = Path(__file__).resolve().parents[2] / "src/clusterproof/profiles/dynamo.yaml"
    copy = tmp_path / "mine.yml"
    copy.write_bytes(shipped.read_bytes())
    assert load(copy) == load("dynamo")
    as_json = tmp_path / "mine.json"
    as_json.write_bytes(msgspec.json.encode(load("dynamo")))
    assert load(str(as_json)) == load("dynamo")


def test_the_example_is_valid() -> None:
    """What the tests below spoil is right before."""
    assert validate(parsed(VALUES)) == []


def test_unknown_names_are_told(tmp_path: Path) -> None:
    """A name that is neither built in nor a file is not found, with the nearest name or the way to give a file."""
    with pytest.raises(NotFoundError, match="there is no profile dynmo; did you mean dynamo"):
        load("dynmo")
    with pytest.raises(NotFoundError, match=r"built-in profiles: .*dynamo.*give a file's path"):
        load(tmp_path / "no.yaml")
    with pytest.raises(ProfileError, match=r"cannot be read \(it is a directory\)"):
        load(tmp_path)


def test_an_unknown_key_is_an_error_with_path_line_and_nearest_key() -> None:
    """The message names the file, the path inside it, the key, what was probably meant, and the line."""
    text = "name: mine\nrequirements:\n- id: one\n- id: two\n- check:\n    reach:\n      prot: 1/TCP\n"
    with pytest.raises(ProfileError) as caught:
        parse(text.encode(), "my.yaml")
    lines = str(caught.value).split("\n")
    assert lines[0] == "my.yaml: requirements[2].check.reach: unknown key 'prot'; did you mean 'port'? (line 7)"
    assert "my.yaml: the key 'title' is missing" in lines
    assert all(line.startswith("my.yaml: ") for line in lines)
    assert caught.value.where == "my.yaml"


@pytest.mark.parametrize(
    ("path", "value", "said"),
    [
        (("level",), "MUST", "unknown key 'level'"),
        (("titel",), "x", "unknown key 'titel'; did you mean 'title'?"),
        (("name",), 5, "name: expected a text, found a number (5); put it in quotes"),
        (("name",), None, "name: expected a text, found nothing"),
        (("title",), ["x"], "title: expected a text, found a list"),
        (("requirements",), {}, "requirements: expected a list, found a mapping"),
        (("requirements", 1), "x", "requirements[1]: expected a mapping with id, "),
        (("requirements", 0, "level"), "Must", "requirements[0].level: unknown value 'Must'; did you mean 'MUST'?"),
        (("requirements", 0, "level"), "often", "write one of MUST, SHOULD, MAY"),
        (("document", "version"), 1.5, "document.version: expected a text, found a number (1.5)"),
        (("workloads", "client", "templates", "a", "image_bytes"), True, "expected a whole number, found true"),
        (("node_sets", "gpu", "find", 0, "every"), "yes", "find[0].every: expected true or false, found a text"),
        (("workloads",), [], "workloads: expected a mapping, found a list"),
        (("passages", 0, "became"), "lost", "passages[0].became: unknown value 'lost'"),
        ((*REACH, "from", "workloads"), "x", "check.reach.from: unknown key 'workloads'; did you mean 'workload'?"),
    ],
)
def test_wrong_shapes_are_told_with_their_paths(path: tuple[str | int, ...], value: Any, said: str) -> None:
    """Unknown keys and wrong types anywhere are errors that name the place."""
    with pytest.raises(ProfileError) as caught:
        parsed(spoilt(*path, value=value))
    assert said in str(caught.value)


@pytest.mark.parametrize(
    ("path", "value", "said"),
    [
        (("name",), "My Profile", "name: 'My Profile' is no slug"),
        (("requirements",), [], "requirements: the list is empty"),
        (("requirements", 0, "id"), "Etcd_1", "requirements[0].id: 'Etcd_1' is no slug"),
        (("requirements", 1, "id"), "one", "requirements[1].id: 'one' is the id of requirements[0] too"),
        (("requirements", 0, "remedy"), " ", "requirements[0].remedy: the text is empty"),
        (("requirements", 0, "absent"), "pass", "absent: unknown value 'pass'; write unknown or not-applicable"),
        ((*REACH, "port"), "80", "check.reach.port: '80' is no port"),
        (
            (*REACH, "by"),
            "magic",
            "check.reach.by: unknown value 'magic'; write name, address, node-port or load-balancer",
        ),
        (
            (*REACH, "from"),
            {"workload": "clinet"},
            "from.workload: there is no workload 'clinet'; did you mean 'client'?",
        ),
        ((*REACH, "from"), {"workload": "client", "on": "cpu"}, "from.on: there is no node set 'cpu'; "),
        ((*REACH, "from"), {"hosts": "cpu"}, "from.hosts: there is no node set 'cpu'; did you mean 'gpu'?"),
        ((*REACH, "from"), {}, "address must be set, found nothing"),
        ((*REACH, "to"), {"workload": "server", "hosts": "gpu"}, "check.reach.to: exactly one of workload (a pod), "),
        ((*REACH, "from"), {"workload": "client", "address": "10.0.0.0/8"}, "found workload and address"),
        ((*REACH, "from"), {"address": "10.0.0.1/8"}, "check.reach.from.address: '10.0.0.1/8' is no CIDR block"),
        ((*REACH, "from"), {"control_plane": True, "on": "gpu"}, "on goes with workload; leave on out"),
        ((*REACH, "from"), {"load_balancer": "server"}, "'server' is no Service; write namespace/name"),
        ((*REACH, "to"), {"control_plane": True}, "to.control_plane: control_plane is a client; write it under from"),
        ((*REACH, "to"), {"load_balancer": "app/server"}, "load_balancer is a client; write it under from"),
        ((*REACH, "from"), {"services_of": ["apiservices"]}, "services_of are servers; write it under to"),
        ((*REACH, "to"), {"services_of": ["pods"]}, "to.services_of[0]: there is no such kind 'pods'; there are: "),
        ((*REACH, "to"), {"services_of": ["apiservices"]}, "write from: {control_plane: true}"),
        ((*REACH, "to"), {"services_of": ["apiservices"]}, "each object names its own port; leave port out"),
        (REACH, {"from": {"address": "10.0.0.0/8"}, "to": {"address": "::/0"}, "port": "1/TCP"}, "one end must be in"),
        (
            REACH,
            {"from": {"load_balancer": "app/server"}, "to": {"hosts": "gpu"}, "port": "1/TCP"},
            "a load balancer's targets are pods",
        ),
        (REACH, {"from": {"workload": "client"}, "to": {"workload": "server"}}, "check.reach.port: '' is no port"),
        ((*REACH, "to"), {"hosts": "gpu", "on": "gpu"}, "hosts names a node set already"),
        (("requirements", 0, "check"), {}, "pod_security must be set, found nothing"),
        (("requirements", 2, "check", "cel"), {"kinds": ["pods"], "that": "true"}, "found schedulable and cel"),
        (("requirements", 2, "check", "schedulable", "workload"), "thing", "there is no workload 'thing'"),
        (("requirements", 0, "applies"), "semver(", "requirements[0].applies: it is not CEL"),
        (
            ("requirements", 0, "applies"),
            "my.verison == '1'",
            "there is no parameter 'my.verison'; did you mean 'my.version'",
        ),
        (("applies",), "semvr(my.version)", "applies: there is no function 'semvr'; did you mean 'semver'?"),
        (("requirements", 1, "check", "cel", "kinds"), ["security-group"], "did you mean 'security-groups'?"),
        (("requirements", 1, "check", "cel", "kinds"), [], "kinds: the list is empty"),
        (("requirements", 1, "check", "cel", "that"), "pods.all(p, true)", "there is no parameter or kind 'pods'"),
        (("parameters", "my"), {"title": "x", "default": ""}, "parameters.my: 'my.version' stands below it"),
        (("parameters", "My-Name"), {"title": "x", "default": ""}, "is no name that CEL can read"),
        (("parameters", "mode", "default"), "c", "parameters.mode.default: 'c' is not among values"),
        (("node_sets", "gpu", "find", 0), {"every": True, "label": "a"}, "find[0]: exactly one of allocatable, "),
        (("node_sets", "gpu", "find", 0), {}, "find[0]: exactly one of allocatable, "),
        (("node_sets", "gpu", "find", 0), {"runs": ["servre"]}, "find[0].runs: there is no workload 'servre'"),
        (("node_sets", "gpu", "find", 0), {"instance_type": "(p"}, "instance_type: '(p' is no regular expression"),
        (("node_sets", "G P U"), {"title": "x", "find": []}, "node_sets.G P U: 'G P U' is no slug"),
        (("workloads", "server", "find", 0), {}, "workloads.server.find[0]: nothing is set"),
        (("workloads", "server", "find", 0), {"service_port": 80}, "service_port goes with service_labels"),
        (("workloads", "server", "find", 0), {"image": "["}, "find[0].image: '[' is no regular expression"),
        (("workloads", "server", "find"), [], "workloads.server: nothing says what it is"),
        (("workloads", "client", "choose"), "mood", "workloads.client.choose: there is no parameter 'mood'"),
        (("workloads", "client", "choose"), "", "templates and choose go together"),
        (("workloads", "client", "choose"), "my.version", "takes any text; list its values"),
        (("workloads", "client", "templates", "a", "spec"), {"containers": []}, "templates.a.spec: has no containers"),
        (
            ("workloads", "client", "templates", "a", "spec"),
            {"containers": 5},
            "templates.a.spec.containers: is no pod template",
        ),
        (
            ("workloads", "client", "templates", "a", "metadata"),
            {"labels": ["x"]},
            "metadata.labels: is no pod template",
        ),
        (("workloads", "client", "templates", "a", "image_bytes"), -1, "image_bytes: is less than 0"),
        (
            ("passages", 0, "at"),
            ["onee"],
            "passages[0].at: there is no requirement or name 'onee'; did you mean 'one'?",
        ),
    ],
)
def test_broken_rules_are_told_with_their_paths(path: tuple[str | int, ...], value: Any, said: str) -> None:
    """What the shape cannot say - names, choices, ports, expressions, templates - is judged too."""
    with pytest.raises(ProfileError) as caught:
        parsed(spoilt(*path, value=value))
    assert said in str(caught.value)


def test_a_value_of_the_choice_without_template_is_told() -> None:
    """Every value of the choosing parameter needs its template."""
    with pytest.raises(ProfileError, match=r"workloads.client.templates: none for the value 'b' of mode"):
        parsed(spoilt("workloads", "client", "templates", "b", delete=True))


def test_many_faults_are_counted() -> None:
    """All faults are listed together; of very many the first and the number of the rest."""
    values = spoilt("requirements", value=[{"id": str(n)} for n in range(10)])
    with pytest.raises(ProfileError) as caught:
        parsed(values)
    lines = str(caught.value).split("\n")
    assert len(lines) == SHOWN + 1
    assert lines[-1] == f"my.json: and {10 * 9 - SHOWN} more"


def test_lines_are_those_of_the_member() -> None:
    """A fault's line is that of the member, or of the nearest one around it."""
    text = json.dumps(spoilt(*REACH, "port", value="80"), indent=1)
    expected = 1 + next(n for n, line in enumerate(text.splitlines()) if '"port"' in line)
    with pytest.raises(ProfileError, match=rf"\(line {expected}\)"):
        parse(text.encode(), "my.json")
