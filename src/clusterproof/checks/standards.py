"""The Pod Security Standards: which controls a pod violates at a level, container by container.

Pure: a pod as it is written goes in, violations come out. Controls are those of ``baseline`` and ``restricted`` for a minor
version of Kubernetes; ``restricted`` holds all of ``baseline``, of which it makes some stricter. As the API server does it,
every container counts: init, ephemeral and others. Windows pods (``spec.os``) are let off what only Linux has.
Sources: Kubernetes documentation, "Pod Security Standards" and "Pod Security Admission"; what a version asks was read in
kubernetes ``staging/src/k8s.io/pod-security-admission/policy`` at v1.34.4. Of later versions it is known that pods with user
namespaces of their own (``hostUsers: false``) may be asked less.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

import msgspec

LEVELS = ("privileged", "baseline", "restricted")
READ = 34
"""The last minor version whose controls were read."""

Raw = Mapping[str, Any]


class Violation(msgspec.Struct, frozen=True):
    """One control that a pod violates.

    Attributes:
        control: the control's name here, e.g. ``allowPrivilegeEscalation``.
        reason: what the API server calls it when it refuses the pod.
        who: the containers, init containers and ephemeral ones by name, ``volume NAME``, or ``pod``; in the pod's order.
        text: what is wrong, in a clause that needs no subject (``must set securityContext.runAsNonRoot=true``).
        certain: False where a later version than was read may let it pass.
    """

    control: str
    reason: str
    who: tuple[str, ...]
    text: str
    certain: bool = True


class _Pod:
    """A pod's settings, whatever is missing or null among them."""

    def __init__(self, spec: Raw, annotations: Raw) -> None:
        self.spec = spec
        self.annotations = annotations
        self.own = _map(spec.get("securityContext"))
        kinds = ("initContainers", "containers", "ephemeralContainers")
        self.containers = [item for kind in kinds for item in _maps(spec.get(kind))]
        self.windows = _map(spec.get("os")).get("name") == "windows"
        self.user_namespace = spec.get("hostUsers") is False

    def contexts(self) -> Iterator[tuple[str, Raw]]:
        """Each container's name and security context."""
        for item in self.containers:
            yield str(item.get("name", "")), _map(item.get("securityContext"))


def _map(value: object) -> Raw:
    return value if isinstance(value, Mapping) else {}


def _maps(value: object) -> list[Raw]:
    return [item for item in value if isinstance(item, Mapping)] if isinstance(value, (list, tuple)) else []


def _names(values: Iterable[object]) -> str:
    return ", ".join(sorted({str(value) for value in values}))


def violations(spec: Raw, level: str, minor: int, annotations: Raw | None = None) -> tuple[Violation, ...]:
    """The controls that a pod violates, baseline's first, each kind by name.

    Args:
        spec: ``spec`` of a pod or pod template, as the API writes it.
        level: ``privileged``, ``baseline`` or ``restricted``.
        minor: of the policy's version: 34 for v1.34.
        annotations: the pod's.
    """
    if level == "privileged":
        return ()
    pod = _Pod(spec, annotations or {})
    controls = dict(_BASELINE)
    if level == "restricted":
        for name, (judge, replaces) in _RESTRICTED.items():
            controls[name] = judge
            if replaces:
                controls.pop(replaces)
    found = [item for judge in controls.values() for item in judge(pod, minor)]
    relaxed = minor > READ and pod.user_namespace
    return tuple(
        msgspec.structs.replace(item, certain=False) if relaxed and item.control in _RELAXED else item for item in found
    )


_RELAXED = ("procMount", "runAsNonRoot", "runAsUser")
"""What pods in user namespaces of their own may be let off in versions after those read."""


# --- baseline -------------------------------------------------------------------------------------------


def _host_namespaces(pod: _Pod, _minor: int) -> Iterator[Violation]:
    on = [f"{name}=true" for name in ("hostNetwork", "hostPID", "hostIPC") if pod.spec.get(name)]
    if on:
        yield Violation("hostNamespaces", "host namespaces", ("pod",), f"must not set {', '.join(on)}")


def _privileged(pod: _Pod, _minor: int) -> Iterator[Violation]:
    who = tuple(name for name, context in pod.contexts() if context.get("privileged"))
    if who:
        yield Violation("privileged", "privileged", who, "must not set securityContext.privileged=true")


_CAPABILITIES = frozenset(
    {
        "AUDIT_WRITE",
        "CHOWN",
        "DAC_OVERRIDE",
        "FOWNER",
        "FSETID",
        "KILL",
        "MKNOD",
        "NET_BIND_SERVICE",
        "SETFCAP",
        "SETGID",
        "SETPCAP",
        "SETUID",
        "SYS_CHROOT",
    }
)
"""What baseline lets a container add: the container runtimes' own default."""


def _added(context: Raw, allowed: Iterable[str]) -> list[str]:
    return [str(one) for one in _map(context.get("capabilities")).get("add") or () if one not in allowed]


def _capabilities(pod: _Pod, _minor: int) -> Iterator[Violation]:
    bad = {name: more for name, context in pod.contexts() if (more := _added(context, _CAPABILITIES))}
    if bad:
        added = _names(one for more in bad.values() for one in more)
        text = f"must not add the capabilities {added}"
        yield Violation("capabilities", "non-default capabilities", tuple(bad), text)


def _host_paths(pod: _Pod, _minor: int) -> Iterator[Violation]:
    bad = tuple(
        f"volume {one.get('name')}" for one in _maps(pod.spec.get("volumes")) if one.get("hostPath") is not None
    )
    if bad:
        yield Violation("hostPathVolumes", "hostPath volumes", bad, "must not be of type hostPath")


def _host_ports(pod: _Pod, _minor: int) -> Iterator[Violation]:
    """On the host network a container's ports are the host's: the API server writes them in as such."""
    bad: dict[str, list[object]] = {}
    for item in pod.containers:
        for port in _maps(item.get("ports")):
            number = port.get("hostPort") or (port.get("containerPort") if pod.spec.get("hostNetwork") else 0)
            if number:
                bad.setdefault(str(item.get("name", "")), []).append(number)
    if bad:
        ports = _names(one for ports in bad.values() for one in ports)
        yield Violation("hostPorts", "hostPort", tuple(bad), f"must not use the host's ports: {ports}")


_PROBES = ("livenessProbe", "readinessProbe", "startupProbe")


def _host_probes(pod: _Pod, minor: int) -> Iterator[Violation]:
    if minor < 34:
        return
    bad: dict[str, list[str]] = {}
    for item in pod.containers:
        handlers = [_map(item.get(name)) for name in _PROBES]
        handlers += [_map(_map(item.get("lifecycle")).get(name)) for name in ("postStart", "preStop")]
        hosts = [_map(one.get(way)).get("host") for one in handlers for way in ("httpGet", "tcpSocket")]
        if any(hosts):
            bad[str(item.get("name", ""))] = [str(host) for host in hosts if host]
    if bad:
        text = (
            f"must not name a host in probes and lifecycle hooks: {_names(one for few in bad.values() for one in few)}"
        )
        yield Violation("hostProbes", "probe or lifecycle host", tuple(bad), text)


_APPARMOR = "container.apparmor.security.beta.kubernetes.io/"


def _apparmor(pod: _Pod, _minor: int) -> Iterator[Violation]:
    fields = _typed(pod, "appArmorProfile", ("RuntimeDefault", "Localhost"))
    who = [name for name, value in fields if value is not None]
    values = [value for _, value in fields if value is not None]
    for key, value in sorted(pod.annotations.items()):
        said = str(value)
        if key.startswith(_APPARMOR) and said and said != "runtime/default" and not said.startswith("localhost/"):
            who += [name] if (name := key.removeprefix(_APPARMOR)) not in who else []
            values.append(said)
    if who:
        text = f"must not set the AppArmor profile {_names(values)}"
        yield Violation("appArmorProfile", "forbidden AppArmor profile", tuple(who), text)


def _typed(pod: _Pod, field: str, allowed: Iterable[str]) -> list[tuple[str, str | None]]:
    """Who sets a profile, the pod first, with its type where that is none of the allowed ones."""
    found: list[tuple[str, str | None]] = []
    for name, context in (("pod", pod.own), *pod.contexts()):
        if isinstance(context.get(field), Mapping):
            value = str(context[field].get("type", ""))
            found.append((name, None if value in allowed else value))
    return found


_SELINUX = ("", "container_t", "container_init_t", "container_kvm_t")


def _selinux(pod: _Pod, minor: int) -> Iterator[Violation]:
    allowed = (*_SELINUX, "container_engine_t") if minor >= 31 else _SELINUX
    who: list[str] = []
    wrong: list[str] = []
    for name, context in (("pod", pod.own), *pod.contexts()):
        options = _map(context.get("seLinuxOptions"))
        bad = [f"type {options['type']}"] if (options.get("type") or "") not in allowed else []
        bad += [part for part in ("user", "role") if options.get(part)]
        if bad:
            who.append(name)
            wrong += bad
    if who:
        text = f"must not set in securityContext.seLinuxOptions: {_names(wrong)}"
        yield Violation("seLinuxOptions", "seLinuxOptions", tuple(who), text)


def _proc_mount(pod: _Pod, _minor: int) -> Iterator[Violation]:
    bad = {name: str(context["procMount"]) for name, context in pod.contexts() if context.get("procMount")}
    bad = {name: value for name, value in bad.items() if value != "Default"}
    if bad:
        text = f"must not set securityContext.procMount to {_names(bad.values())}"
        yield Violation("procMount", "procMount", tuple(bad), text)


_SECCOMP = ("RuntimeDefault", "Localhost")


def _seccomp_baseline(pod: _Pod, _minor: int) -> Iterator[Violation]:
    bad = {name: value for name, value in _typed(pod, "seccompProfile", _SECCOMP) if value is not None}
    if bad:
        text = f"must not set securityContext.seccompProfile.type to {_names(bad.values())}"
        yield Violation("seccompProfile", "seccompProfile", tuple(bad), text)


_SYSCTLS = (
    (0, ("kernel.shm_rmid_forced", "net.ipv4.ip_local_port_range", "net.ipv4.tcp_syncookies")),
    (0, ("net.ipv4.ping_group_range", "net.ipv4.ip_unprivileged_port_start")),
    (27, ("net.ipv4.ip_local_reserved_ports",)),
    (29, ("net.ipv4.tcp_keepalive_time", "net.ipv4.tcp_fin_timeout", "net.ipv4.tcp_keepalive_intvl")),
    (29, ("net.ipv4.tcp_keepalive_probes",)),
    (32, ("net.ipv4.tcp_rmem", "net.ipv4.tcp_wmem")),
)
"""Kernel settings that are safe, and since which minor version they are taken to be."""


def _sysctls(pod: _Pod, minor: int) -> Iterator[Violation]:
    allowed = {name for since, names in _SYSCTLS if minor >= since for name in names}
    bad = [str(one.get("name")) for one in _maps(pod.own.get("sysctls")) if one.get("name") not in allowed]
    if bad:
        text = f"must not set the kernel settings {_names(bad)}"
        yield Violation("sysctls", "forbidden sysctls", ("pod",), text)


def _host_process(pod: _Pod, _minor: int) -> Iterator[Violation]:
    contexts = (("pod", pod.own), *pod.contexts())
    who = tuple(name for name, context in contexts if _map(context.get("windowsOptions")).get("hostProcess"))
    if who:
        text = "must not set securityContext.windowsOptions.hostProcess=true"
        yield Violation("hostProcess", "hostProcess", who, text)


# --- restricted -----------------------------------------------------------------------------------------


def _escalation(pod: _Pod, minor: int) -> Iterator[Violation]:
    if pod.windows and minor >= 25:
        return
    who = tuple(name for name, context in pod.contexts() if context.get("allowPrivilegeEscalation") is not False)
    if who:
        text = "must set securityContext.allowPrivilegeEscalation=false"
        yield Violation("allowPrivilegeEscalation", "allowPrivilegeEscalation != false", who, text)


def _drop_all(pod: _Pod, minor: int) -> Iterator[Violation]:
    if (pod.windows and minor >= 25) or minor < 22:
        return
    keeps, adds, who = False, list[str](), list[str]()
    for name, context in pod.contexts():
        kept = "ALL" not in (_map(context.get("capabilities")).get("drop") or ())
        added = _added(context, ("NET_BIND_SERVICE",))
        keeps |= kept
        adds += added
        who += [name] if kept or added else []
    if who:
        texts = ['must set securityContext.capabilities.drop=["ALL"]'] if keeps else []
        texts += [f"must not add the capabilities {_names(adds)}"] if adds else []
        yield Violation("capabilities", "unrestricted capabilities", tuple(who), " and ".join(texts))


_VOLUMES = frozenset(
    {
        "configMap",
        "csi",
        "downwardAPI",
        "emptyDir",
        "ephemeral",
        "image",
        "persistentVolumeClaim",
        "projected",
        "secret",
    }
)


def _volumes(pod: _Pod, _minor: int) -> Iterator[Violation]:
    bad: dict[str, str] = {}
    for volume in _maps(pod.spec.get("volumes")):
        sources = [key for key, value in volume.items() if key != "name" and value is not None]
        # The API server takes a volume without any source as an emptyDir.
        if sources and not _VOLUMES.intersection(sources):
            bad[f"volume {volume.get('name')}"] = sources[0]
    if bad:
        yield Violation("volumes", "restricted volume types", tuple(bad), f"must not be of type {_names(bad.values())}")


def _non_root(pod: _Pod, _minor: int) -> Iterator[Violation]:
    """Who says false is named; where nobody does, those for whom neither they nor the pod say true."""
    said = [(name, context.get("runAsNonRoot")) for name, context in pod.contexts()]
    whole = pod.own.get("runAsNonRoot")
    false = [name for name, value in (("pod", whole), *said) if value is False]
    if false:
        text = "must not set securityContext.runAsNonRoot=false"
        yield Violation("runAsNonRoot", "runAsNonRoot != true", tuple(false), text)
        return
    unset = tuple(name for name, value in said if value is None and whole is not True)
    if unset:
        text = "must set securityContext.runAsNonRoot=true (or the pod must)"
        yield Violation("runAsNonRoot", "runAsNonRoot != true", unset, text)


def _root(pod: _Pod, minor: int) -> Iterator[Violation]:
    if minor < 23:
        return
    contexts = (("pod", pod.own), *pod.contexts())
    who = tuple(name for name, context in contexts if _is_zero(context.get("runAsUser")))
    if who:
        yield Violation("runAsUser", "runAsUser=0", who, "must not set securityContext.runAsUser=0")


def _is_zero(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value == 0


def _seccomp_restricted(pod: _Pod, minor: int) -> Iterator[Violation]:
    if pod.windows and minor >= 25:
        return
    worse = list(_seccomp_baseline(pod, minor))
    if worse:
        yield from worse
        return
    unset = tuple(name for name, context in pod.contexts() if not isinstance(context.get("seccompProfile"), Mapping))
    if unset and not isinstance(pod.own.get("seccompProfile"), Mapping):
        text = "must set securityContext.seccompProfile.type to RuntimeDefault or Localhost (or the pod must)"
        yield Violation("seccompProfile", "seccompProfile", unset, text)


_Judge = Callable[[_Pod, int], Iterator[Violation]]
_BASELINE: dict[str, _Judge] = {
    "appArmorProfile": _apparmor,
    "capabilities_baseline": _capabilities,
    "hostNamespaces": _host_namespaces,
    "hostPathVolumes": _host_paths,
    "hostPorts": _host_ports,
    "hostProbes": _host_probes,
    "hostProcess": _host_process,
    "privileged": _privileged,
    "procMount": _proc_mount,
    "seLinuxOptions": _selinux,
    "seccompProfile_baseline": _seccomp_baseline,
    "sysctls": _sysctls,
}
_RESTRICTED: dict[str, tuple[_Judge, str]] = {
    "allowPrivilegeEscalation": (_escalation, ""),
    "capabilities": (_drop_all, "capabilities_baseline"),
    "volumes": (_volumes, "hostPathVolumes"),
    "runAsNonRoot": (_non_root, ""),
    "runAsUser": (_root, ""),
    "seccompProfile": (_seccomp_restricted, "seccompProfile_baseline"),
}
"""The judge of each control, and which of baseline's it stands for besides."""
