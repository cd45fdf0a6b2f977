"""What must never enter a snapshot, removed from one object at a time.

Design rule 9: Secrets' values never enter a snapshot; facts derived from them may
(a Helm release's chart and version). What is taken away from an object that stays
is recorded as an :class:`UnknownField`, so that no rule can read the gap as "empty".
"""

from __future__ import annotations

import base64
import binascii
import re
import zlib
from collections.abc import Iterable
from typing import Any

import msgspec

from clusterproof.snapshot.fields import Cause, Unknown

Raw = dict[str, Any]
Fields = list[tuple[str, Unknown]]
"""Paths inside one object, with why each is unknown."""

REDACTED = "REDACTED"
LAST_APPLIED = "kubectl.kubernetes.io/last-applied-configuration"
HIDDEN = "***HIDDEN***"
"""What a troubleshoot.sh support bundle writes in place of what it redacts."""

_MAX_RELEASE_BYTES = 64 * 1024 * 1024
"""A Helm release is at most 1 MiB compressed (the size of a Secret); its manifest does not exceed this."""

CREDENTIAL = Unknown(Cause.REDACTED, "the value looks like a credential and is not kept in snapshots")
USER_DATA = Unknown(Cause.REDACTED, "EC2 user data may hold secrets and is not kept in snapshots")
HEADERS = Unknown(Cause.REDACTED, "HTTP headers may hold credentials and are not kept in snapshots")
BUNDLE_HIDDEN = Unknown(
    Cause.REDACTED,
    "the support bundle's redaction removed the value",
    "give the object as kubectl get -o json prints it",
)

_SECRET_NAME = re.compile(
    r"(^|[_.\-])(password|passwd|passphrase|pwd|secret|token|credentials?|api_?key|apikey|access_?key(_?id)?|secret_?key"
    r"|private_?key|auth_?key|signing_?key|encryption_?key|license_?key|account_?key|client_?secret|connection_?string|dsn"
    r"|bearer|authorization|dockerconfigjson)([_.\-]?\d*)$",
    re.IGNORECASE,
)
_CAMEL_SECRET_NAME = re.compile(
    r"[a-z](Password|Passwd|Secret|Token|Credentials?|ApiKey|APIKey|AccessKey|SecretKey|PrivateKey)$"
)
# Every repetition is bounded: a value of many megabytes must not cost the square of its length.
_SECRET_VALUE = re.compile(
    r"-----BEGIN [A-Z0-9 ]{0,40}PRIVATE KEY-----"
    r"|\b(AKIA|ASIA)[0-9A-Z]{16}\b"
    r"|\beyJ[A-Za-z0-9_-]{8,2000}\.[A-Za-z0-9_-]{8,4000}\."
    r"|\bgh[pousr]_[A-Za-z0-9]{30,}|\bgithub_pat_[A-Za-z0-9_]{30,}|\bglpat-[A-Za-z0-9_-]{16,}"
    r"|\bxox[abprs]-[A-Za-z0-9-]{10,}|\bsk-[A-Za-z0-9_-]{20,}|\bhf_[A-Za-z0-9]{20,}|\bnvapi-[A-Za-z0-9_-]{20,}"
    r"|\bAIza[0-9A-Za-z_-]{35}|\bk8s-aws-v1\.[A-Za-z0-9_-]{8,4000}"
    r"|(?<=[a-z0-9+.-])://[^/\s:@]{0,200}:[^/\s@]{1,200}@"
)
_SECRET_FLAG = re.compile(
    r"^(--?[A-Za-z0-9_.-]*(?:password|passwd|passphrase|secret|token|api-?key|access-?key|private-?key|credentials?))"
    r"(=(?P<value>.+))?$",
    re.IGNORECASE | re.DOTALL,
)
_SETTING = re.compile(
    r"""(?<![A-Za-z0-9_.\-])(?P<name>[A-Za-z0-9_.\-]{1,200})["']?\s{0,9}:(?=\s{1,99}["']?(?P<value>[^"'\s,{}\[\]]{1,4000}))"""
)
"""A key of YAML and the value after it, which may hold keys itself."""
_HARMLESS = re.compile(
    r"^(true|false|yes|no|on|off|none|null|enabled|disabled|\d{1,4})?$|^\$\([A-Za-z0-9_.-]+\)$|^(/[A-Za-z0-9._-]+){2,}/?$",
    re.IGNORECASE,
)
"""Switches, small numbers, references to other variables and paths: no credential is one of them."""


OPERATORS = ("AsyncActor", "ScaledObject", "TriggerAuthentication", "ClusterTriggerAuthentication")
"""Kinds from which an operator makes pods or reads queues: literals anywhere in them may be credentials."""
_REFERENCES = frozenset({"secretTargetRef", "configMapTargetRef", "valueFrom", "secretKeyRef", "envFrom"})
HTTP_POLICIES = ("CiliumNetworkPolicy", "CiliumClusterwideNetworkPolicy")
"""Kinds of policy whose rules may compare HTTP headers."""


def is_credential(name: str, value: str) -> bool:
    """Whether a named literal looks like a credential, by its name or by itself."""
    if len(value) >= 8 and _SECRET_VALUE.search(value):
        return True
    if _HARMLESS.match(value):
        return False
    return bool(_SECRET_NAME.search(name) or _CAMEL_SECRET_NAME.search(name))


def without_nulls(value: Any) -> Any:
    """The value with null members removed (kubectl writes ``"endpoints": null``); list positions stay."""
    if isinstance(value, dict):
        return {key: without_nulls(item) for key, item in value.items() if item is not None}
    if isinstance(value, list):
        return [without_nulls(item) for item in value]
    return value


def kubernetes_object(raw: Raw) -> Fields:
    """Redact one Kubernetes object in place; says which fields became unknown.

    Objects of odd shape pass through untouched where they are odd: their types are judged elsewhere.
    """
    metadata = raw.get("metadata")
    if isinstance(metadata, dict):
        _tidy_metadata(metadata)
    found: Fields = []
    spec = raw.get("spec")
    if raw.get("kind") in OPERATORS:
        _operated(spec, "spec", found)
    elif isinstance(spec, dict):
        _pod_spec(spec, "spec", found)
        for path, holder in (("spec.template", spec.get("template")), ("spec.jobTemplate", spec.get("jobTemplate"))):
            _template(holder, path, found)
    if raw.get("kind") in HTTP_POLICIES:
        for member in ("spec", "specs"):
            _headers(raw.get(member), member, found)
    data = raw.get("data")
    if raw.get("kind") == "ConfigMap" and isinstance(data, dict):
        for name, value in data.items():
            if isinstance(value, str) and is_credential(str(name), value):
                data[name] = REDACTED
                found.append((f"data.{name}", CREDENTIAL))
    return found


def _operated(value: Any, path: str, found: Fields) -> None:
    """Takes credentials out of an operator's object, wherever it has containers or settings of its own.

    KEDA's triggers have ``metadata``, a map of settings (KEDA, "Scalers"); references to Secrets stay, for what a Secret
    is called is no secret.
    """
    if isinstance(value, dict):
        _container(value, path, found)
        if isinstance(value.get("metadata"), dict):
            _tidy_metadata(value["metadata"])
    pairs = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for name, item in list(pairs):
        if name in _REFERENCES:
            continue
        if isinstance(item, str):
            named = "" if isinstance(name, int) or name in ("name", "key", "parameter") else str(name)
            if item != REDACTED and is_credential(named, item):
                value[name] = REDACTED
                found.append((f"{path}.{name}", CREDENTIAL))
        elif not (isinstance(value, dict) and name in ("args", "command")):  # taken word by word, as a container's
            _operated(item, f"{path}.{name}", found)


def _headers(value: Any, path: str, found: Fields) -> None:
    """Takes the headers out of a policy's HTTP rules."""
    if isinstance(value, list):
        for number, item in enumerate(value):
            _headers(item, f"{path}.{number}", found)
    elif isinstance(value, dict):
        for name, item in value.items():
            if name in ("headers", "headerMatches") and item:
                value[name] = REDACTED
                found.append((f"{path}.{name}", HEADERS))
            else:
                _headers(item, f"{path}.{name}", found)


def _tidy_metadata(metadata: Raw) -> None:
    metadata.pop("managedFields", None)
    annotations = metadata.get("annotations")
    if isinstance(annotations, dict):
        annotations.pop(LAST_APPLIED, None)
        for name, value in annotations.items():
            if isinstance(value, str) and _SECRET_VALUE.search(value):
                annotations[name] = REDACTED


def _template(holder: Any, path: str, found: Fields) -> None:
    """A pod template, or a job template with one inside."""
    if not isinstance(holder, dict):
        return
    metadata = holder.get("metadata")
    if isinstance(metadata, dict):
        _tidy_metadata(metadata)
    spec = holder.get("spec")
    if isinstance(spec, dict):
        _pod_spec(spec, f"{path}.spec", found)
        _template(spec.get("template"), f"{path}.spec.template", found)


def _pod_spec(spec: Raw, path: str, found: Fields) -> None:
    for member in ("containers", "initContainers", "ephemeralContainers"):
        containers = spec.get(member)
        if not isinstance(containers, list):
            continue
        for number, container in enumerate(containers):
            if isinstance(container, dict):
                _container(container, f"{path}.{member}.{number}", found)


def _container(container: Raw, path: str, found: Fields) -> None:
    env = container.get("env")
    if isinstance(env, list):
        for number, variable in enumerate(env):
            if not isinstance(variable, dict):
                continue
            value = variable.get("value")
            if isinstance(value, str) and value and is_credential(str(variable.get("name", "")), value):
                variable["value"] = REDACTED
                found.append((f"{path}.env.{number}.value", CREDENTIAL))
    for member in ("args", "command"):
        words = container.get(member)
        if isinstance(words, list):
            _words(words, f"{path}.{member}", found)


def _words(words: list[Any], path: str, found: Fields) -> None:
    """A command line: ``--password=x``, ``--password x``, and any word that is a credential by itself."""
    secret_next = False
    for number, word in enumerate(words):
        if not isinstance(word, str):
            continue
        flag = _SECRET_FLAG.match(word)
        value = flag.group("value") if flag else None
        if secret_next and not word.startswith("-") and not _HARMLESS.match(word):
            words[number] = REDACTED
            found.append((f"{path}.{number}", CREDENTIAL))
        elif flag and value and not _HARMLESS.match(value):
            words[number] = f"{flag.group(1)}={REDACTED}"
            found.append((f"{path}.{number}", CREDENTIAL))
        elif len(word) >= 8 and _SECRET_VALUE.search(word):
            words[number] = REDACTED
            found.append((f"{path}.{number}", CREDENTIAL))
        secret_next = bool(flag) and value is None


def secret_text(value: str) -> bool:
    """Whether a text holds a credential that is known by its own shape."""
    return _SECRET_VALUE.search(value) is not None


def credential_word(words: Iterable[str]) -> bool:
    """Whether a command line holds anything that :func:`kubernetes_object` would take out."""
    found: Fields = []
    _words(list(words), "", found)
    return bool(found)


def aws_object(raw: Raw) -> Fields:
    """Redact one AWS object in place: EC2 user data of launch templates and instances, settings of add-ons."""
    found: Fields = []
    data = raw.get("LaunchTemplateData")
    if isinstance(data, dict) and data.pop("UserData", None) is not None:
        found.append(("LaunchTemplateData.UserData", USER_DATA))
    if raw.pop("UserData", None) is not None:
        found.append(("UserData", USER_DATA))
    settings = raw.get("configurationValues")
    if "addonName" in raw and isinstance(settings, str):
        safe = _settings(settings)
        if safe != settings:
            raw["configurationValues"] = safe
            found.append(("configurationValues", CREDENTIAL))
    return found


def _settings(text: str) -> str:
    """An add-on's configuration values (JSON or YAML text; EKS API reference, ``CreateAddon``) without credentials.

    Of JSON only the credentials go; of YAML, which is not parsed here, all goes where a line looks like one.
    """
    try:
        value = msgspec.json.decode(text)
        if isinstance(value, (dict, list)):
            return msgspec.json.encode(value).decode() if _credentials_out(value) else text
    except (msgspec.DecodeError, RecursionError):
        pass
    doubtful = _SECRET_VALUE.search(text) or any(
        is_credential(pair["name"], pair["value"]) or (pair["name"] == "name" and _SECRET_NAME.search(pair["value"]))
        for pair in _SETTING.finditer(text)
    )
    return REDACTED if doubtful else text


def _credentials_out(value: Any, name: str = "") -> bool:
    """Replaces the credentials below a decoded value, in place; whether there were any."""
    changed = False
    if isinstance(value, dict):
        # A variable is a name and a value beside each other.
        beside = value.get("name") if isinstance(value.get("name"), str) else ""
    elif not isinstance(value, list):
        return False
    for key, item in list(value.items() if isinstance(value, dict) else enumerate(value)):
        called = name if isinstance(value, list) else str(beside if key == "value" and beside else key)
        if isinstance(item, str) and is_credential(called, item):
            value[key] = REDACTED
            changed = True
        changed = _credentials_out(item, called) or changed
    return changed


def hidden_fields(value: Any, path: str = "") -> Fields:
    """The paths at which a support bundle's own redaction left its mark."""
    if isinstance(value, str):
        return [(path, BUNDLE_HIDDEN)] if HIDDEN in value else []
    items: Any = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    found: Fields = []
    for name, item in items:
        found += hidden_fields(item, f"{path}.{name}" if path else str(name))
    return found


def helm_release(secret: Raw) -> tuple[Raw, Fields] | None:
    """What a Helm release Secret says, without its values; None for any other Secret.

    The Secret's ``data.release`` is base64 of (base64 of (gzip of JSON)): Helm 3's Secrets driver.
    A release that cannot be read keeps its name and status (from labels), its chart and version unknown.
    ``revision`` stays in ``metadata.labels.version``, as Helm has it.
    """
    if secret.get("type") != "helm.sh/release.v1":
        return None
    metadata = secret.get("metadata")
    metadata = metadata if isinstance(metadata, dict) else {}
    labels = metadata.get("labels")
    labels = labels if isinstance(labels, dict) else {}
    release: Raw = {
        "apiVersion": "clusterproof/v1",
        "kind": "HelmRelease",
        "metadata": {
            "name": str(labels.get("name") or _release_name(str(metadata.get("name", "")))),
            "namespace": str(metadata.get("namespace", "")),
            "labels": {"version": str(labels.get("version", "")), "status": str(labels.get("status", ""))},
        },
        "status": str(labels.get("status", "")),
    }
    data = secret.get("data")
    payload = data.get("release") if isinstance(data, dict) else None
    facts = _release_facts(payload) if isinstance(payload, str) else None
    if facts is None:
        why = Unknown(
            Cause.REDACTED if payload is None or payload == HIDDEN else Cause.ERROR,
            f"the Helm release Secret {metadata.get('name', '')} could not be decoded",
            "run: helm list -A -o json > helmreleases.json",
        )
        return release, [("chart", why), ("version", why), ("appVersion", why)]
    return release | facts, []


def _release_name(secret_name: str) -> str:
    match = re.fullmatch(r"sh\.helm\.release\.v1\.(.+)\.v\d+", secret_name)
    return match.group(1) if match else secret_name


class _ChartMetadata(msgspec.Struct, rename="camel"):
    name: str = ""
    version: str = ""
    app_version: str = ""


class _Chart(msgspec.Struct):
    metadata: _ChartMetadata = msgspec.field(default_factory=_ChartMetadata)


class _Info(msgspec.Struct):
    status: str = ""


class _Release(msgspec.Struct):
    chart: _Chart
    info: _Info = msgspec.field(default_factory=_Info)


def _release_facts(payload: str) -> Raw | None:
    try:
        packed = base64.b64decode(base64.b64decode(payload, validate=True), validate=True)
        text = packed
        if packed.startswith(b"\x1f\x8b"):
            unpack = zlib.decompressobj(wbits=31)
            text = unpack.decompress(packed, _MAX_RELEASE_BYTES)
            if not unpack.eof:
                return None
        decoded = msgspec.json.decode(text, type=_Release)
    except (binascii.Error, ValueError, zlib.error, msgspec.DecodeError, RecursionError):
        return None
    chart = decoded.chart.metadata
    facts = {"chart": chart.name, "version": chart.version, "appVersion": chart.app_version}
    return facts | ({"status": decoded.info.status} if decoded.info.status else {})
