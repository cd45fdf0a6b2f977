"""The Pod Security Standards as the real API server's admission has them: allowed or refused, by which controls, for whom."""

from __future__ import annotations

import os
import random
import re
from collections import Counter

import pytest

from clusterproof.checks.standardlabels import ENFORCE, ENFORCE_VERSION, enforced, minor_of
from clusterproof.checks.standards import violations
from tests.conftest import Oracle
from tests.controlplane.client import ApiError, Client, Raw
from tests.controlplane.objects import IMAGE, namespace
from tests.controlplane.scheduling import Arena

pytestmark = pytest.mark.controlplane

CASES = int(os.environ.get("PODSECURITY_CASES", "500"))
VERSIONS = ("latest", "v1.24", "v1.26", "v1.28", "v1.30", "v1.33")
_NAME = re.compile(r"\b[civ]-\d+\b")
_ONE = re.compile(r"(?:^|, )([^()]+?) \(([^()]*)\)")


# --- pods ---------------------------------------------------------------------------------------------


class Draw:
    """Pods in which each setting of the standards is there now and then, and most of them are as restricted wants."""

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)

    def rarely(self, chance: float = 0.12) -> bool:
        """Whether something out of the ordinary is there."""
        return self.random.random() < chance

    def context(self, *, good: bool) -> Raw:
        """A container's security context."""
        made: Raw = {}
        if good or self.rarely(0.6):
            made["allowPrivilegeEscalation"] = False
            made["capabilities"] = {"drop": ["ALL"]}
        if self.rarely():
            made["allowPrivilegeEscalation"] = self.random.choice((True, False))
        if self.rarely():
            made.setdefault("capabilities", {})["drop"] = self.random.choice((["NET_RAW"], ["ALL", "CHOWN"], []))
        if self.rarely():
            add = self.random.sample(("NET_BIND_SERVICE", "CHOWN", "NET_ADMIN", "SYS_TIME", "ALL"), 2)
            made.setdefault("capabilities", {})["add"] = add
        if self.rarely(0.06):
            made |= {"privileged": True, "allowPrivilegeEscalation": True}
        for field, values in (
            ("runAsNonRoot", (True, False)),
            ("runAsUser", (0, 1000)),
            ("procMount", ("Default", "Unmasked")),
            ("seccompProfile", ({"type": "RuntimeDefault"}, {"type": "Unconfined"}, _LOCAL)),
            ("appArmorProfile", ({"type": "RuntimeDefault"}, {"type": "Unconfined"}, _LOCAL)),
            ("seLinuxOptions", _SELINUX),
        ):
            if self.rarely():
                made[field] = self.random.choice(values)
        return made

    def container(self, name: str, *, good: bool) -> Raw:
        """One container."""
        made: Raw = {"name": name, "image": IMAGE, "securityContext": self.context(good=good)}
        if self.rarely(0.05):
            del made["securityContext"]
        if self.rarely():
            made["ports"] = [{"containerPort": 8000 + self.random.randrange(9)}]
            if self.rarely(0.4):
                made["ports"][0]["hostPort"] = made["ports"][0]["containerPort"]
        if self.rarely():
            host = self.random.choice(("", "127.0.0.1", "example.org"))
            way = self.random.choice(("httpGet", "tcpSocket"))
            made[self.random.choice(("livenessProbe", "readinessProbe", "startupProbe"))] = {
                way: {"port": 80, "host": host}
            }
        if self.rarely(0.05):
            made["lifecycle"] = {"postStart": {"httpGet": {"port": 80, "host": "example.org"}}}
        return made

    def volume(self, number: int) -> Raw:
        """One volume."""
        source = self.random.choice(_VOLUMES)
        return {"name": f"v-{number}", **source}

    def pod(self, number: int) -> Raw:
        """One pod."""
        good = self.rarely(0.7)
        spec: Raw = {
            "containers": [self.container(f"c-{one}", good=good) for one in range(self.random.choice((1, 1, 2)))]
        }
        if self.rarely(0.3):
            spec["initContainers"] = [self.container("i-0", good=good)]
            spec["initContainers"][0].pop("lifecycle", None)
            for probe in ("livenessProbe", "readinessProbe", "startupProbe"):
                spec["initContainers"][0].pop(probe, None)
        own: Raw = {}
        if good or self.rarely(0.5):
            own = {"runAsNonRoot": True, "seccompProfile": {"type": "RuntimeDefault"}}
        for field, values in (
            ("runAsNonRoot", (True, False)),
            ("runAsUser", (0, 1000)),
            ("seccompProfile", ({"type": "Localhost", "localhostProfile": "a"}, {"type": "Unconfined"})),
            ("appArmorProfile", ({"type": "RuntimeDefault"}, {"type": "Unconfined"})),
            ("seLinuxOptions", _SELINUX),
        ):
            if self.rarely(0.08):
                own[field] = self.random.choice(values)
        if self.rarely(0.15):
            own["sysctls"] = [{"name": name, "value": "1"} for name in self.random.sample(_SYSCTLS, 2)]
        if own:
            spec["securityContext"] = own
        for name in ("hostNetwork", "hostPID", "hostIPC"):
            if self.rarely(0.05):
                spec[name] = True
        if self.rarely(0.06):
            spec["hostUsers"] = False
        if self.rarely(0.06):
            spec = self.windows(spec)
        if self.rarely(0.25):
            spec["volumes"] = [self.volume(one) for one in range(self.random.choice((1, 2)))]
        metadata: Raw = {"name": f"p-{number}"}
        if self.rarely(0.08):
            value = self.random.choice(("unconfined", "runtime/default", "localhost/a"))
            metadata["annotations"] = {"container.apparmor.security.beta.kubernetes.io/c-0": value}
        return {"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": spec}

    def windows(self, spec: Raw) -> Raw:
        """A pod of Windows, which must not have what only Linux has."""
        containers = [
            {"name": one["name"], "image": IMAGE, "securityContext": self.random.choice(({}, {"runAsNonRoot": True}))}
            for one in spec["containers"]
        ]
        made: Raw = {"containers": containers, "os": {"name": "windows"}}
        if self.rarely(0.4):
            made |= {"hostNetwork": True, "securityContext": {"windowsOptions": {"hostProcess": True}}}
        return made


_LOCAL = {"type": "Localhost", "localhostProfile": "a"}
_SELINUX = (
    {"type": "container_t"},
    {"type": "container_engine_t"},
    {"type": "spc_t"},
    {"level": "s0:c1"},
    {"user": "u"},
    {"role": "r", "type": "container_kvm_t"},
)
_SYSCTLS = (
    "kernel.shm_rmid_forced",
    "net.ipv4.ip_unprivileged_port_start",
    "net.ipv4.ip_local_reserved_ports",
    "net.ipv4.tcp_keepalive_time",
    "net.ipv4.tcp_rmem",
    "net.core.somaxconn",
)
_VOLUMES: tuple[Raw, ...] = (
    {},
    {"emptyDir": {}},
    {"hostPath": {"path": "/var/log"}},
    {"configMap": {"name": "a"}},
    {"secret": {"secretName": "a"}},
    {"nfs": {"server": "example.org", "path": "/"}},
    {"csi": {"driver": "a.example.org"}},
    {"awsElasticBlockStore": {"volumeID": "vol-1"}},
    {"persistentVolumeClaim": {"claimName": "a"}},
    {"image": {"reference": IMAGE}},
    {"projected": {"sources": [{"configMap": {"name": "a"}}]}},
    {
        "ephemeral": {
            "volumeClaimTemplate": {
                "spec": {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}}
            }
        }
    },
    {"fc": {"targetWWNs": ["1"], "lun": 0}},
    {"downwardAPI": {"items": []}},
)


# --- what the API server says -----------------------------------------------------------------------------


def asked(api: Client, space: str, pod: Raw) -> dict[str, set[str]] | None:
    """The reasons of a refusal, each with the containers and volumes that it names; empty: allowed; None: not valid."""
    try:
        api.request("POST", f"/api/v1/namespaces/{space}/pods?dryRun=All", pod)
    except ApiError as error:
        if "violates PodSecurity" not in error.message:
            if error.status != 422:
                raise
            return None
        text = error.message.partition('violates PodSecurity "')[2].partition('": ')[2]
        names = {
            one["name"] for kind in ("containers", "initContainers", "volumes") for one in pod["spec"].get(kind, ())
        }
        found = {_plain(reason): set(_NAME.findall(detail)) & names for reason, detail in _ONE.findall(text)}
        return found or {text: set()}
    return {}


def _space(level: str, version: str) -> str:
    """The namespace of a level and a version."""
    return f"{level}-{version.replace('.', '-')}"


def _plain(reason: str) -> str:
    """A reason in the singular."""
    return "forbidden AppArmor profile" if reason.startswith("forbidden AppArmor profile") else reason


def ours(pod: Raw, level: str, minor: int) -> dict[str, set[str]]:
    """The same by our own evaluation."""
    annotations = pod["metadata"].get("annotations", {})
    return {
        one.reason: {name.removeprefix("volume ") for name in one.who} - {"pod"}
        for one in violations(pod["spec"], level, minor, annotations)
    }


@pytest.mark.parametrize("level", ["baseline", "restricted"])
def test_admission_agrees(arena: Arena, level: str, oracle: Oracle) -> None:
    """Generated pods are refused by the same controls, for the same containers, at every version of the policy."""
    cluster = int(arena.plane.version.split(".")[1])
    arena.create([namespace(_space(level, one), **{ENFORCE: level, ENFORCE_VERSION: one}) for one in VERSIONS])
    draw = Draw(int(os.environ.get("ORACLE_SEED", "1")) * 1000 + len(level))
    seen: Counter[str] = Counter()
    invalid = 0
    for number in range(CASES):
        pod = draw.pod(number)
        version = VERSIONS[number % len(VERSIONS)]
        said = asked(arena.api, _space(level, version), pod)
        if said is None:
            invalid += 1
            continue
        assert ours(pod, level, minor_of(version, cluster)) == said, (level, version, pod)
        seen.update(list(said) or ["allowed"])
    assert invalid < CASES / 4
    assert seen["allowed"] > CASES / 20
    reasons = {"privileged", "hostPort", "host namespaces", "seccompProfile", "forbidden sysctls", "seLinuxOptions"}
    reasons |= {"procMount", "forbidden AppArmor profile", "hostProcess"}
    wanted = {"non-default capabilities", "hostPath volumes"} if level == "baseline" else {"runAsUser=0"}
    assert reasons | wanted <= set(seen)
    oracle(
        "pod security admission", {"pods": CASES - invalid, "refused": CASES - invalid - seen["allowed"], "differ": 0}
    )


@pytest.mark.parametrize(
    ("level", "version"), [("privileged", "latest"), ("bogus", "latest"), ("baseline", "v9"), ("restricted", "v1.99")]
)
def test_labels_that_say_nothing(arena: Arena, level: str, version: str) -> None:
    """The API server takes no namespace with labels that are no level or version; a later version than its own it takes."""
    labels = {ENFORCE: level, ENFORCE_VERSION: version}
    found = enforced(labels)
    if found.wrong:
        with pytest.raises(ApiError) as refused:
            arena.create([namespace("labelled", **labels)])
        assert refused.value.status == 422
        return
    arena.create([namespace("labelled", **labels)])
    pod: Raw = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "p"}, "spec": {}}
    pod["spec"]["containers"] = [{"name": "c-0", "image": IMAGE}]
    cluster = int(arena.plane.version.split(".")[1])
    assert asked(arena.api, "labelled", pod) == ours(pod, found.level, minor_of(found.version, cluster))
