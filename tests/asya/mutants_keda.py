"""Mutants of KEDA and of Asya's own installation."""

# Edits stand in tuples, so that one expression makes several.
# mypy: disable-error-code="func-returns-value"

from __future__ import annotations

from collections.abc import Callable

from tests.asya.breaking import deleted, release, scaled_to_zero, unavailable
from tests.asya.world import ACCOUNT, PROD, Edits, Mutant, Raw, m

OPERATOR = "keda/keda-operator"
METRICS = "keda/keda-operator-metrics-apiserver"
WEBHOOKS = "keda/keda-admission-webhooks"
API = "v1beta1.external.metrics.k8s.io"
LLM = f"{PROD}/llm"
ASYA = "asya-system/asya-operator"
GATEWAY = f"{PROD}/asya-gateway"


def trigger(**metadata: str) -> Callable[[Edits], object]:
    """Other metadata of one actor's trigger."""
    return lambda e: e.change("scaledobjects", LLM, lambda raw: raw["spec"]["triggers"][0]["metadata"].update(metadata))


def by_reference(
    reference: Raw, *authentications: Raw, kind: str = "triggerauthentications"
) -> Callable[[Edits], object]:
    """A trigger that names a TriggerAuthentication, and some of these."""

    def how(e: Edits) -> None:
        def change(raw: Raw) -> None:
            one = raw["spec"]["triggers"][0]
            del one["metadata"]["identityOwner"]
            one["authenticationRef"] = reference

        e.change("scaledobjects", LLM, change)
        for item in authentications:
            e.put(kind, item)

    return how


def authentication(name: str = "aws", namespace: str = PROD, **spec: object) -> Raw:
    """A TriggerAuthentication."""
    return {
        "apiVersion": "keda.sh/v1alpha1",
        "kind": "TriggerAuthentication",
        "metadata": {"name": name, "namespace": namespace},
        "spec": spec,
    }


def condition(kind: str, key: str, name: str, status: str) -> Callable[[Edits], object]:
    """Another status of one condition."""

    def how(raw: Raw) -> None:
        next(item for item in raw["status"]["conditions"] if item["type"] == name).update(status=status)

    return lambda e: e.change(kind, key, how)


AWS = {"provider": "aws"}

KEDA: tuple[Mutant, ...] = (
    m("keda-release", "none", lambda e: (e.delete("deployments", OPERATOR), e.delete("helmreleases", "keda/keda"))),
    m("keda-release", "zero", scaled_to_zero(OPERATOR)),
    m("keda-release", "unavailable", unavailable(OPERATOR)),
    m("keda-release", "2.15.0", release("keda/keda", "2.15.0")),
    m("keda-release", "2.9-is-less-than-2.15", release("keda/keda", "2.9.4")),
    m("keda-release", "candidate-of-2.15.1", release("keda/keda", "2.15.1-rc.1")),
    m("keda-release", "no-definition", deleted("customresourcedefinitions", "triggerauthentications.keda.sh")),
    m(
        "keda-release",
        "definition-not-established",
        condition("customresourcedefinitions", "scaledobjects.keda.sh", "Established", "False"),
    ),
    m("keda-metrics-server", "none", deleted("deployments", METRICS)),
    m("keda-metrics-server", "zero", scaled_to_zero(METRICS)),
    m("keda-metrics-server", "unavailable", unavailable(METRICS)),
    m("keda-admission-webhooks", "none", deleted("deployments", WEBHOOKS)),
    m("keda-admission-webhooks", "zero", scaled_to_zero(WEBHOOKS)),
    m("keda-admission-webhooks", "unavailable", unavailable(WEBHOOKS)),
    m("keda-metrics-api", "none", deleted("apiservices", API)),
    m("keda-metrics-api", "not-available", condition("apiservices", API, "Available", "False")),
    m("keda-metrics-api", "not-known-to-be-available", condition("apiservices", API, "Available", "Unknown")),
    m("keda-metrics-api", "says-nothing", lambda e: e.set("apiservices", API, "status", {})),
    m(
        "keda-metrics-api",
        "taken-by-another-adapter",
        lambda e: e.set(
            "apiservices",
            API,
            "spec/service",
            {"name": "datadog-cluster-agent-metrics-api", "namespace": "datadog", "port": 8443},
        ),
    ),
    m("keda-authentication", "pod", trigger(identityOwner="pod")),
    m(
        "keda-authentication",
        "not-said",
        lambda e: e.change(
            "scaledobjects", LLM, lambda raw: raw["spec"]["triggers"][0]["metadata"].pop("identityOwner")
        ),
    ),
    m("keda-authentication", "in-another-case", trigger(identityOwner="Operator")),
    m(
        "keda-authentication",
        "second-trigger",
        lambda e: e.change(
            "scaledobjects",
            LLM,
            lambda raw: raw["spec"]["triggers"].append(
                {
                    "type": "aws-sqs-queue",
                    "metadata": {"queueURL": "https://sqs.eu-west-1.amazonaws.com/111122223333/asya-extra"},
                }
            ),
        ),
    ),
    m("keda-authentication", "reference-to-none", by_reference({"name": "aws"})),
    m(
        "keda-authentication",
        "reference-to-another-namespace",
        by_reference({"name": "aws"}, authentication(namespace="keda", podIdentity=AWS)),
    ),
    m(
        "keda-authentication",
        "reference-to-azure",
        by_reference({"name": "aws"}, authentication(podIdentity={"provider": "azure-workload"})),
    ),
    m(
        "keda-authentication",
        "reference-of-another-kind",
        by_reference({"name": "aws", "kind": "ClusterTriggerAuthentication"}, authentication(podIdentity=AWS)),
    ),
    m(
        "keda-authentication",
        "secrets-of-something-else",
        by_reference(
            {"name": "aws"},
            authentication(secretTargetRef=[{"parameter": "connection", "name": "rabbit", "key": "uri"}]),
        ),
    ),
    m("keda-authentication", "empty-reference", by_reference({"name": "aws"}, authentication())),
    m("scaled-objects-ready", "not-ready", condition("scaledobjects", LLM, "Ready", "False")),
    m("scaled-objects-ready", "not-known-to-be-ready", condition("scaledobjects", LLM, "Ready", "Unknown")),
    m("scaled-objects-ready", "says-nothing", lambda e: e.drop("scaledobjects", LLM, "status")),
    m("actor-scaling", "off", lambda e: e.set("asyncactors", LLM, "spec/scaling/enabled", value=False)),
    m("actor-scaling", "not-said", lambda e: e.drop("asyncactors", LLM, "spec/scaling")),
    m("scaled-objects-to-zero", "one", lambda e: e.set("scaledobjects", LLM, "spec/minReplicaCount", 1)),
)

OPERATORS: tuple[Mutant, ...] = (
    m("asya-definition", "none", deleted("customresourcedefinitions", "asyncactors.asya.sh")),
    m(
        "asya-definition",
        "not-established",
        condition("customresourcedefinitions", "asyncactors.asya.sh", "Established", "False"),
    ),
    m("operator-release", "none", lambda e: (e.delete("deployments", ASYA), e.delete("helmreleases", ASYA))),
    m("operator-release", "zero", scaled_to_zero(ASYA)),
    m("operator-release", "unavailable", unavailable(ASYA)),
    m("operator-transport", "off", lambda e: e.transport(lambda t: t["sqs"].update(enabled=False))),
    m("operator-transport", "other-type", lambda e: e.transport(lambda t: t["sqs"].update(type="rabbitmq"))),
    m("operator-transport", "no-type", lambda e: e.transport(lambda t: t["sqs"].pop("type"))),
    m(
        "operator-transport",
        "null",
        lambda e: e.environment(ASYA, "manager", "ASYA_TRANSPORT_CONFIG", '{"transports":null}'),
    ),
    m("operator-transport", "not-set", lambda e: e.environment(ASYA, "manager", "ASYA_TRANSPORT_CONFIG", None)),
    m("operator-transport", "in-another-case", lambda e: e.transport(lambda t: t["sqs"].update(type="SQS"))),
    m("operator-region", "other", lambda e: e.transport(lambda t: t["sqs"]["config"].update(region="us-east-1"))),
    m("operator-region", "none", lambda e: e.transport(lambda t: t["sqs"]["config"].pop("region"))),
    m(
        "operator-account-id",
        "other",
        lambda e: e.transport(lambda t: t["sqs"]["config"].update(accountId="999999999999")),
    ),
    m("operator-account-id", "none", lambda e: e.transport(lambda t: t["sqs"]["config"].pop("accountId"))),
    m(
        "operator-account-id",
        "number",
        lambda e: e.transport(lambda t: t["sqs"]["config"].update(accountId=int(ACCOUNT))),
    ),
    m("operator-actor-role", "none", lambda e: e.transport(lambda t: t["sqs"]["config"].pop("actorRoleArn"))),
    m(
        "operator-actor-role",
        "gone",
        lambda e: e.transport(lambda t: t["sqs"]["config"].update(actorRoleArn=f"arn:aws:iam::{ACCOUNT}:role/gone")),
    ),
    m(
        "operator-actor-role",
        "name-alone",
        lambda e: e.transport(lambda t: t["sqs"]["config"].update(actorRoleArn="asya-actor")),
    ),
    m("actors-ready", "not-ready", condition("asyncactors", LLM, "ScalingReady", "False")),
    m("actors-ready", "not-known-to-be-ready", condition("asyncactors", LLM, "TransportReady", "Unknown")),
    m("actors-ready", "says-nothing", lambda e: e.drop("asyncactors", LLM, "status")),
    m("actors-ready", "no-conditions", lambda e: e.set("asyncactors", LLM, "status/conditions", [])),
    m("actor-queues", "none", lambda e: (e.delete("queues", "asya-llm"), e.delete("queue-urls", "asya-llm"))),
    m(
        "actor-queues",
        "other-name",
        lambda e: (
            e.delete("queues", "asya-llm"),
            e.delete("queue-urls", "asya-llm"),
            e.new_queue("asya-happy-end", "asya-other-llm"),
        ),
    ),
    m("gateway-namespace", "with-the-operator", lambda e: _moved(e, "asya-system")),
    m("gateway-namespace", "default", lambda e: _moved(e, "default")),
    m("gateway-namespace", "second-gateway", lambda e: _copied(e, "default")),
)


def _copied(e: Edits, namespace: str) -> None:
    """One more gateway in another namespace, with all that it needs."""
    raw = e.raw("deployments", GATEWAY)
    raw["metadata"].update(namespace=namespace, uid=f"uid-{namespace}")
    raw["spec"]["replicas"] = 1
    e.put("deployments", raw)
    e.put(
        "serviceaccounts",
        {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": "asya-gateway", "namespace": namespace}},
    )
    key = e.association(GATEWAY)
    own = {"namespace": namespace, "associationId": "a-second"}
    e.put("pod-identity-associations", {**e.raw("pod-identity-associations", key), **own})
    e.put("pod-identity-association-ids", {**e.raw("pod-identity-association-ids", key), **own})
    e.policy(
        "to-gateway",
        {
            "podSelector": {"matchExpressions": [{"key": "asya.sh/actor", "operator": "Exists"}]},
            "policyTypes": ["Egress"],
            "egress": [
                {
                    "to": [{"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": namespace}}}],
                    "ports": [{"protocol": "TCP", "port": 8080}],
                }
            ],
        },
    )


def _moved(e: Edits, namespace: str) -> None:
    """The gateway in another namespace, with all that it needs; its old pods and ReplicaSets are gone."""
    _copied(e, namespace)
    e.delete("deployments", GATEWAY)
    for kind in ("replicasets", "pods"):
        for key in e.keys(kind):
            if key.startswith(f"{GATEWAY}-"):
                e.delete(kind, key)


MUTANTS = (*KEDA, *OPERATORS)
