"""Which network the pods are on: found by the DaemonSets that run it.

What is not modelled is said, never assumed: an overlay or an ambient mesh makes
reach unknown. EKS Auto Mode has no DaemonSet: the cluster's description, its nodes
or its node classes tell (:mod:`clusterproof.world.automode`).
Sources: VPC CNI README (environment variables and defaults), EKS user guide
"Network policies for pods", "Security groups for pods", "Custom networking".
"""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from clusterproof.snapshot import kinds
from clusterproof.snapshot.fields import Cause, Ref, Unknown
from clusterproof.snapshot.kubernetes import Container
from clusterproof.snapshot.snapshot import Snapshot
from clusterproof.world import automode, policykinds
from clusterproof.world.model import DataPlane, Workload

_POLICY_ENGINES = {"calico-node": "Calico", "cilium": "Cilium"}
_UNMODELLED_ENGINES = ("antrea-agent", "canal", "kube-network-policies", "kube-ovn-cni", "kube-router", "weave-net")
"""DaemonSets of others that enforce NetworkPolicies, by themselves or beside the VPC CNI."""

_SETTINGS = frozenset(
    {
        "AWS_VPC_K8S_CNI_CUSTOM_NETWORK_CFG",
        "AWS_VPC_K8S_CNI_EXCLUDE_SNAT_CIDRS",
        "AWS_VPC_K8S_CNI_EXTERNALSNAT",
        "AWS_VPC_K8S_CNI_RANDOMIZESNAT",
        "ENABLE_POD_ENI",
        "ENABLE_SUBNET_DISCOVERY",
        "ENI_CONFIG_ANNOTATION_DEF",
        "ENI_CONFIG_LABEL_DEF",
        "NETWORK_POLICY_ENFORCING_MODE",
        "POD_SECURITY_GROUP_ENFORCING_MODE",
    }
)
"""The environment variables of the VPC CNI that are read."""


def data_plane(snapshot: Snapshot, workloads: Iterable[Workload]) -> DataPlane:
    """The data plane of a cluster, with the evidence for it."""
    sets = [w for w in workloads if w.kind == "DaemonSet"]
    daemons = {w.name: w for w in sets}
    # Its home is kube-system; of another one with its name nothing is known.
    cni = next((w for w in sets if w.id == "ds/kube-system/aws-node"), None) or daemons.get("aws-node")
    others = [daemons[name] for name in _POLICY_ENGINES if name in daemons]
    missing = snapshot.missing(kinds.DAEMON_SETS)
    if cni is None:
        return _without_vpc_cni(snapshot, others, missing, mesh="ztunnel" in daemons)
    plane = _with_cni(snapshot, cni, daemons, others, missing)
    return _beside_auto_mode(snapshot, plane) if automode.in_use(snapshot) else plane


def _with_cni(
    snapshot: Snapshot, cni: Workload, daemons: dict[str, Workload], others: list[Workload], missing: Unknown | None
) -> DataPlane:
    plane = _vpc_cni(cni)
    if "ztunnel" in daemons:
        return _with(plane, modelled=_unmodelled("an ambient mesh (DaemonSet ztunnel) redirects pod traffic"))
    if plane.modelled is not None:
        return plane
    other = next((name for name in _UNMODELLED_ENGINES if name in daemons), None)
    if other is not None:
        return _with(plane, modelled=_unmodelled(f"DaemonSet {other} may enforce network policies and is not modelled"))
    if plane.policies is True:
        if others:
            return _with(plane, modelled=_unmodelled(f"{others[0].name} and the VPC CNI both enforce network policies"))
        # A mesh or a second engine might be in the DaemonSets that were not read.
        return plane if missing is None else _with(plane, modelled=missing)
    if others:
        engine = _POLICY_ENGINES[others[0].name]
        return _with(
            plane,
            policies=True,
            policy_engine=engine,
            policy_kinds=_read_by(engine, others[0]),
            modelled=_elsewhere(snapshot, engine),
            refs=(*plane.refs, *(ref for w in others[:1] if (ref := w.ref))),
        )
    if missing is not None:
        # Another engine might be in the DaemonSets that were not read.
        return _with(plane, policies=missing, policy_kinds=policykinds.undecided(missing))
    return plane


def _with(plane: DataPlane, **changes: object) -> DataPlane:
    return msgspec.structs.replace(plane, **changes)


def _unmodelled(detail: str) -> Unknown:
    return Unknown(Cause.NOT_MODELLED, detail)


def _beside_auto_mode(snapshot: Snapshot, plane: DataPlane) -> DataPlane:
    """The VPC CNI on some nodes, EKS Auto Mode on others; whose address SNAT keeps stands on each interface.

    NetworkPolicies are enforced on both or on neither, else which nodes enforce them is not told apart.
    """
    enforced, refs = automode.policies(snapshot)
    strict = (
        _unmodelled("strict enforcing mode on some nodes, and EKS Auto Mode on others") if plane.default_deny else None
    )
    both = _with(
        plane,
        modelled=plane.modelled or strict or automode.unmodelled(snapshot),
        refs=(*plane.refs, *refs),
        policy_kinds=policykinds.together(plane.policy_kinds, _auto_kinds(enforced)),
    )
    if plane.policies is enforced and plane.policy_engine in ("", "VPC CNI"):
        return both
    unknown = next((item for item in (plane.policies, enforced) if isinstance(item, Unknown)), None)
    return _with(
        both,
        policies=unknown
        or _unmodelled("nodes of EKS Auto Mode and the other nodes enforce network policies differently"),
        policy_engine=plane.policy_engine or "VPC CNI",
    )


def _auto_kinds(enforced: bool | Unknown) -> policykinds.Kinds:
    if isinstance(enforced, Unknown):
        return policykinds.undecided(enforced)
    return policykinds.auto_mode() if enforced else policykinds.none()


def _auto_mode(snapshot: Snapshot, missing: Unknown | None) -> DataPlane:
    enforced, refs = automode.policies(snapshot)
    unmodelled = automode.unmodelled(snapshot)
    return DataPlane(
        "EKS Auto Mode",
        # aws-node, a mesh or another engine might be in the DaemonSets that were not read.
        unmodelled or missing,
        policies=enforced,
        policy_engine="" if enforced is False else "VPC CNI",
        policy_kinds=_auto_kinds(enforced),
        subnet_discovery=False,
        refs=refs,
    )


def _without_vpc_cni(snapshot: Snapshot, others: list[Workload], missing: Unknown | None, *, mesh: bool) -> DataPlane:
    if automode.in_use(snapshot) and not others:
        if mesh:
            what = "an ambient mesh (DaemonSet ztunnel) redirects pod traffic"
            return DataPlane("EKS Auto Mode", _unmodelled(what))
        return _auto_mode(snapshot, missing)
    if others:
        name = _POLICY_ENGINES[others[0].name]
        return DataPlane(name, _unmodelled(f"{name} without the VPC CNI (an overlay or its own IPAM) is not modelled"))
    if missing is not None:
        return DataPlane("not known", missing)
    return DataPlane(
        "not known", _unmodelled("no DaemonSet of a known network was found (aws-node, calico-node, cilium)")
    )


def _read_by(engine: str, workload: Workload) -> policykinds.Kinds:
    if engine == "Calico":
        images = (*workload.spec.init_containers, *workload.spec.containers)
        return policykinds.calico(policykinds.image_version(images, "node"))
    return policykinds.cilium()


def _elsewhere(snapshot: Snapshot, engine: str) -> Unknown | None:
    """Calico can keep its objects in a group of its API server's own (``projectcalico.org``), which is not read."""
    if engine != "Calico":
        return None
    for definition in snapshot.objects(kinds.CRDS):
        plural, _, group = definition.metadata.name.partition(".")
        if group == "projectcalico.org":
            return _unmodelled(f"Calico keeps {plural} in {group}, which is not read")
    missing = snapshot.missing(kinds.CRDS)
    if missing is None:
        return None
    return Unknown(missing.cause, f"{engine}'s own policies may exist: {missing.detail}", missing.remedy)


def _vpc_cni(workload: Workload) -> DataPlane:
    env: dict[str, str] = {}
    elsewhere: Unknown | None = None
    agent_enforces = False
    for container in (*workload.spec.init_containers, *workload.spec.containers):
        if container.name in ("aws-node", "aws-vpc-cni-init"):
            env |= {item.name: item.value for item in container.env}
            if container.env_from:
                what = f"DaemonSet {workload.name} takes variables from another object (envFrom), which is not read"
                elsewhere = elsewhere or Unknown(Cause.NOT_MODELLED, what)
            for item in container.env:
                if item.value_from is not None and item.name in _SETTINGS:
                    what = f"{item.name} of DaemonSet {workload.name} comes from another object, which is not read"
                    elsewhere = elsewhere or Unknown(Cause.NOT_MODELLED, what)
        if _enforces(container):
            agent_enforces = True
    ref = workload.ref or Ref("daemonsets", "kube-system/aws-node")
    mode = env.get("NETWORK_POLICY_ENFORCING_MODE") or "standard"
    if agent_enforces and mode not in ("strict", "standard"):
        what = f"NETWORK_POLICY_ENFORCING_MODE of DaemonSet {workload.name} is {mode!r}, neither strict nor standard"
        elsewhere = elsewhere or Unknown(Cause.NOT_MODELLED, what)

    def flag(name: str, *, default: bool = False) -> bool:
        value = env.get(name, "").lower()
        return default if value == "" else value in ("true", "1", "t")

    seen = tuple(
        Ref(ref.kind, ref.key, f"env {name}", env[name])
        for name in (
            "AWS_VPC_K8S_CNI_CUSTOM_NETWORK_CFG",
            "AWS_VPC_K8S_CNI_EXTERNALSNAT",
            "ENABLE_POD_ENI",
            "POD_SECURITY_GROUP_ENFORCING_MODE",
            *(("NETWORK_POLICY_ENFORCING_MODE",) if agent_enforces else ()),
        )
        if name in env
    )
    version = policykinds.image_version(workload.spec.containers, "amazon-k8s-cni")
    exclude = env.get("AWS_VPC_K8S_CNI_EXCLUDE_SNAT_CIDRS", "")
    return DataPlane(
        "VPC CNI",
        elsewhere,
        custom_networking=flag("AWS_VPC_K8S_CNI_CUSTOM_NETWORK_CFG"),
        eni_config_label=env.get("ENI_CONFIG_LABEL_DEF") or "k8s.amazonaws.com/eniConfig",
        eni_config_annotation=env.get("ENI_CONFIG_ANNOTATION_DEF") or "k8s.amazonaws.com/eniConfig",
        external_snat=flag("AWS_VPC_K8S_CNI_EXTERNALSNAT"),
        exclude_snat=tuple(part.strip() for part in exclude.split(",") if part.strip()),
        random_ports=env.get("AWS_VPC_K8S_CNI_RANDOMIZESNAT", "prng") != "none",
        pod_groups=flag("ENABLE_POD_ENI"),
        strict=env.get("POD_SECURITY_GROUP_ENFORCING_MODE", "strict") != "standard",
        policies=agent_enforces,
        policy_engine="VPC CNI" if agent_enforces else "",
        policy_kinds=policykinds.vpc_cni(version) if agent_enforces else policykinds.none(),
        # "strict": pods start with a default deny, and what no policy names is refused (EKS user guide).
        default_deny=agent_enforces and mode == "strict",
        subnet_discovery=flag("ENABLE_SUBNET_DISCOVERY", default=True),
        refs=(ref, *seen),
    )


def _enforces(container: Container) -> bool:
    """The node agent enforces policies only when told so; the flag's default is false."""
    if "eks-nodeagent" not in container.name and "network-policy-agent" not in container.image:
        return False
    return any(
        arg.replace(" ", "") in ("--enable-network-policy=true", "--enable-network-policy") for arg in container.args
    )
