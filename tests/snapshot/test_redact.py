"""What must never enter a snapshot."""

from __future__ import annotations

import base64
import gzip
import json
from typing import Any

import pytest

from clusterproof.snapshot import redact
from clusterproof.snapshot.fields import Cause


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("DB_PASSWORD", "hunter2hunter2"),
        ("NGC_API_KEY", "abcdefgh12345678"),
        ("password", "correct horse"),
        ("dbPassword", "correct-horse"),
        ("HF_TOKEN", "hf_abcdefghijklmnopqrstuvwx"),
        ("ANYTHING", "AKIAIOSFODNN7EXAMPLE"),
        ("DATABASE_URL", "postgres://user:s3cret@db:5432/x"),
        ("KEY", "-----BEGIN RSA PRIVATE KEY-----\nMII"),
        ("X", "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0In0.abc"),
        ("AWS_SECRET_ACCESS_KEY", "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"),
    ],
)
def test_credentials_are_recognised(name: str, value: str) -> None:
    """By name or by the form of the value."""
    assert redact.is_credential(name, value)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("ETCD_ENDPOINTS", "http://etcd.dynamo.svc:2379"),
        ("NATS_SERVER", "nats://nats.dynamo.svc.cluster.local:4222"),
        ("MAX_TOKENS", "4096"),
        ("TOKENIZERS_PARALLELISM", "false"),
        ("AWS_WEB_IDENTITY_TOKEN_FILE", "/var/run/secrets/eks.amazonaws.com/serviceaccount/token"),
        ("ENABLE_TOKEN", "true"),
        ("DB_PASSWORD", "$(FROM_SECRET)"),
        ("AWS_VPC_K8S_CNI_EXTERNALSNAT", "false"),
        ("POD_SECURITY_GROUP_ENFORCING_MODE", "standard"),
    ],
)
def test_settings_that_rules_read_stay(name: str, value: str) -> None:
    """Addresses, switches, limits and paths are no credentials."""
    assert not redact.is_credential(name, value)


def test_kubernetes_objects() -> None:
    """Managed fields and last-applied go; credentials in pods and templates are replaced and said to be unknown."""
    container: dict[str, Any] = {
        "env": [{"name": "A", "value": "1"}, {"name": "API_TOKEN", "value": "0123456789abcdef"}],
        "args": ["--port=1", "--token=0123456789abcdef", "--password", "letmein!", "--dsn", "x://a:bcd@h"],
    }
    raw: dict[str, Any] = {
        "kind": "CronJob",
        "metadata": {"managedFields": [1], "annotations": {redact.LAST_APPLIED: "{}", "keep": "me"}},
        "spec": {"jobTemplate": {"spec": {"template": {"spec": {"containers": [container]}}}}},
    }
    found = redact.kubernetes_object(raw)
    assert raw["metadata"] == {"annotations": {"keep": "me"}}
    at = "spec.jobTemplate.spec.template.spec.containers.0"
    assert [path for path, _ in found] == [f"{at}.env.1.value", f"{at}.args.1", f"{at}.args.3", f"{at}.args.5"]
    assert all(unknown.cause is Cause.REDACTED for _, unknown in found)
    text = json.dumps(raw)
    assert "0123456789abcdef" not in text
    assert "letmein" not in text
    assert "bcd@" not in text
    assert container["args"][0] == "--port=1"


def test_config_maps() -> None:
    """A credential in a ConfigMap goes, the rest of its data stays."""
    raw: dict[str, Any] = {
        "kind": "ConfigMap",
        "metadata": {"name": "x"},
        "data": {"db.password": "letmein!", "Corefile": ".:53 {}"},
    }
    assert [path for path, _ in redact.kubernetes_object(raw)] == ["data.db.password"]
    assert raw["data"] == {"db.password": "REDACTED", "Corefile": ".:53 {}"}


def test_odd_shapes_pass_through() -> None:
    """Redaction does not fail on wrong types: judging them is another's task."""
    for odd in ({"metadata": 5, "spec": []}, {"spec": {"containers": 5}}, {"spec": {"containers": [5, {"env": [5]}]}}):
        assert redact.kubernetes_object(dict(odd)) == []


def test_user_data_goes() -> None:
    """EC2 user data leaves launch templates, and is recorded as unknown."""
    raw: dict[str, Any] = {"LaunchTemplateData": {"UserData": "c2VjcmV0", "InstanceType": "p5.48xlarge"}}
    assert [path for path, _ in redact.aws_object(raw)] == ["LaunchTemplateData.UserData"]
    assert raw == {"LaunchTemplateData": {"InstanceType": "p5.48xlarge"}}


def test_nulls_go() -> None:
    """Null members are absent members; positions in lists stay."""
    assert redact.without_nulls({"a": None, "b": [None, {"c": None}], "d": 0}) == {"b": [None, {}], "d": 0}


def release_secret(name: str = "dynamo", revision: int = 1, status: str = "deployed", **change: Any) -> dict[str, Any]:
    """A Secret as Helm 3 writes it."""
    release = {
        "name": name,
        "info": {"status": status},
        "chart": {"metadata": {"name": "dynamo-platform", "version": "1.1.0", "appVersion": "1.1"}},
        "config": {"password": "letmein!"},
    }
    payload = base64.b64encode(base64.b64encode(gzip.compress(json.dumps(release).encode()))).decode()
    secret = {
        "apiVersion": "v1",
        "kind": "Secret",
        "type": "helm.sh/release.v1",
        "metadata": {
            "name": f"sh.helm.release.v1.{name}.v{revision}",
            "namespace": "dynamo",
            "labels": {"name": name, "owner": "helm", "status": status, "version": str(revision)},
        },
        "data": {"release": payload},
    }
    return secret | change


def test_helm_release_facts() -> None:
    """Of a Helm release Secret only name, chart, versions and status remain."""
    read = redact.helm_release(release_secret())
    assert read is not None
    release, unknown = read
    assert (release["chart"], release["version"], release["appVersion"], release["status"]) == (
        "dynamo-platform",
        "1.1.0",
        "1.1",
        "deployed",
    )
    assert release["metadata"]["name"] == "dynamo"
    assert unknown == []
    assert "letmein" not in json.dumps(release)


@pytest.mark.parametrize(
    "data",
    [
        {},
        {"release": "***HIDDEN***"},
        {"release": "!!!"},
        {"release": base64.b64encode(base64.b64encode(gzip.compress(b"{}")[:-4])).decode()},
        {"release": base64.b64encode(base64.b64encode(gzip.compress(b"[]"))).decode()},
        {"release": base64.b64encode(base64.b64encode(gzip.compress(b" " * 80_000_000, 9))).decode()},
    ],
    ids=["none", "hidden", "not base64", "truncated", "not a release", "bomb"],
)
def test_an_unreadable_release_is_unknown(data: dict[str, str]) -> None:
    """Its name and status stay; chart and version are unknown, and never taken for absent."""
    read = redact.helm_release(release_secret(data=data))
    assert read is not None
    release, unknown = read
    assert release["status"] == "deployed"
    assert {path for path, _ in unknown} == {"chart", "version", "appVersion"}
    assert "chart" not in release


def test_other_secrets_are_not_releases() -> None:
    """Any other Secret gives nothing at all."""
    assert redact.helm_release({"kind": "Secret", "type": "Opaque", "data": {"a": "b"}}) is None


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        ('{"env":{"ENABLE_POD_ENI":"true"}}', '{"env":{"ENABLE_POD_ENI":"true"}}'),
        ('{"env":{"A":"b","DB_PASSWORD":"hunter22"}}', '{"env":{"A":"b","DB_PASSWORD":"REDACTED"}}'),
        (
            '{"env":[{"name":"API_KEY","value":"zzzz"},{"name":"A","value":"b"}]}',
            '{"env":[{"name":"API_KEY","value":"REDACTED"},{"name":"A","value":"b"}]}',
        ),
        ('{"tokens":["hf_abcdefghijklmnopqrstuvwx"]}', '{"tokens":["REDACTED"]}'),
        ("env:\n  ENABLE_POD_ENI: 'true'\n", "env:\n  ENABLE_POD_ENI: 'true'\n"),
        ("env:\n  DB_PASSWORD: hunter22\n", "REDACTED"),
        ("env:\n- name: DB_PASSWORD\n  value: x1y2\n", "REDACTED"),
        ('a: {b: c, password: "x1y2"}', "REDACTED"),
        ("password: |\n  x1y2\n", "REDACTED"),
        ("key: AKIAIOSFODNN7EXAMPLE", "REDACTED"),
        ("", ""),
    ],
)
def test_settings_of_add_ons(text: str, kept: str) -> None:
    """Of JSON only the credentials go, of YAML all where one is in it; what went is said to be unknown."""
    raw = {"addonName": "x", "configurationValues": text}
    found = redact.aws_object(raw)
    assert raw["configurationValues"] == kept
    assert [(path, why.cause) for path, why in found] == (
        [] if kept == text else [("configurationValues", Cause.REDACTED)]
    )


def test_settings_of_add_ons_that_are_very_deep_or_long() -> None:
    """Settings that no parser takes, or that are very long, are judged all the same, and soon."""
    for text in ('{"a":' * 5000 + '"AKIAIOSFODNN7EXAMPLE"' + "}" * 5000, "a: b " * 100_000 + "password: x1y2"):
        raw = {"addonName": "x", "configurationValues": text}
        redact.aws_object(raw)
        assert raw["configurationValues"] == "REDACTED"


def test_operators_objects_lose_credentials_wherever_they_are() -> None:
    """An AsyncActor's variables in its own places, and the settings of a ScaledObject's triggers; references stay."""
    actor: dict[str, Any] = {
        "apiVersion": "asya.sh/v1alpha1",
        "kind": "AsyncActor",
        "metadata": {"name": "a", "namespace": "n"},
        "spec": {
            "sidecar": {
                "env": [{"name": "API_TOKEN", "value": "abcdefgh12345678"}, {"name": "LEVEL", "value": "info"}]
            },
            "workload": {
                "template": {
                    "metadata": {"annotations": {redact.LAST_APPLIED: "{}"}},
                    "spec": {
                        "containers": [
                            {
                                "name": "runtime",
                                "args": ["--password", "hunter2hunter2"],
                                "env": [
                                    {"name": "DB_PASSWORD", "value": "hunter2hunter2"},
                                    {"name": "TOKEN", "valueFrom": {"secretKeyRef": {"name": "s", "key": "token"}}},
                                ],
                            }
                        ]
                    },
                }
            },
        },
    }
    found = redact.kubernetes_object(actor)
    container = "spec.workload.template.spec.containers.0"
    assert [path for path, _ in found] == [
        "spec.sidecar.env.0.value",
        f"{container}.env.0.value",
        f"{container}.args.1",
    ]
    text = json.dumps(actor)
    assert "hunter2" not in text
    assert "abcdefgh" not in text
    assert redact.LAST_APPLIED not in text
    assert '"secretKeyRef": {"name": "s", "key": "token"}' in text
    assert '"info"' in text


def test_settings_of_triggers_are_judged_one_by_one() -> None:
    """A queue's address and its numbers stay, a connection string with a password goes."""
    settings = {
        "queueURL": "https://sqs.us-west-2.amazonaws.com/111122223333/asya-a",
        "queueLength": "5",
        "host": "amqp://user:s3cretpass@rabbit:5672/v",
        "password": "correct horse",
        "passwordFromEnv": "REDIS_PASSWORD",
    }
    scaled: dict[str, Any] = {
        "apiVersion": "keda.sh/v1alpha1",
        "kind": "ScaledObject",
        "metadata": {"name": "a", "namespace": "n"},
        "spec": {"triggers": [{"type": "x", "metadata": settings, "authenticationRef": {"name": "keda"}}]},
    }
    found = redact.kubernetes_object(scaled)
    assert sorted(path for path, _ in found) == [
        "spec.triggers.0.metadata.host",
        "spec.triggers.0.metadata.password",
    ]
    kept = scaled["spec"]["triggers"][0]["metadata"]
    assert {name for name, value in kept.items() if value != redact.REDACTED} == {
        "queueURL",
        "queueLength",
        "passwordFromEnv",
    }


def test_references_of_a_trigger_authentication_stay() -> None:
    """What a Secret and its keys are called is no secret; a token that is written out is."""
    spec: dict[str, Any] = {
        "podIdentity": {"provider": "aws"},
        "secretTargetRef": [{"parameter": "password", "name": "redis", "key": "password"}],
        "hashiCorpVault": {"credential": {"token": "abcdefgh12345678"}},
    }
    raw = {"apiVersion": "keda.sh/v1alpha1", "kind": "TriggerAuthentication", "metadata": {"name": "t"}, "spec": spec}
    assert [path for path, _ in redact.kubernetes_object(raw)] == ["spec.hashiCorpVault.credential.token"]
    assert spec["secretTargetRef"] == [{"parameter": "password", "name": "redis", "key": "password"}]
