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
from clusterproof.world import automode
from clusterproof.world.model import DataPlane, Workload

_POLICY_ENGINES = {"calico-node": "Calico", "cilium": "Cilium"}
_UNMODELLED_ENGINES = ("antrea-agent", "canal", "kube-ovn-cni", "kube-router", "weave-net")
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
            modelled=_own_policies(snapshot, engine),
            refs=(*plane.refs, *(ref for w in others[:1] if (ref := w.ref))),
        )
    if missing is not None:
        # Another engine might be in the DaemonSets that were not read.
        return _with(plane, policies=missing)
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
    both = _with(plane, modelled=plane.modelled or automode.unmodelled(snapshot), refs=(*plane.refs, *refs))
    if plane.policies is enforced and plane.policy_engine in ("", "VPC CNI"):
        return both
    unknown = next((item for item in (plane.policies, enforced) if isinstance(item, Unknown)), None)
    return _with(
        both,
        policies=unknown
        or _unmodelled("nodes of EKS Auto Mode and the other nodes enforce network policies differently"),
        policy_engine=plane.policy_engine or "VPC CNI",
    )


def _auto_mode(snapshot: Snapshot, missing: Unknown | None) -> DataPlane:
    enforced, refs = automode.policies(snapshot)
    unmodelled = automode.unmodelled(snapshot)
    return DataPlane(
        "EKS Auto Mode",
        # aws-node, a mesh or another engine might be in the DaemonSets that were not read.
        unmodelled or missing,
        policies=enforced,
        policy_engine="" if enforced is False else "VPC CNI",
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


def _own_policies(snapshot: Snapshot, engine: str) -> Unknown | None:
    """Policies of an engine's own kinds are not modelled; that they exist must be excluded."""
    suffix = {"Calico": ".projectcalico.org", "Cilium": ".cilium.io"}[engine]
    if any(obj.metadata.name.endswith(suffix) for obj in snapshot.objects(kinds.CRDS)):
        return _unmodelled(f"{engine}'s own policy kinds are installed and not modelled")
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
    if agent_enforces and env.get("NETWORK_POLICY_ENFORCING_MODE", "standard") != "standard":
        # "strict": pods start with a default deny, and what no policy names is refused (EKS user guide).
        what = "NETWORK_POLICY_ENFORCING_MODE is strict: pods that no policy selects are refused; not modelled yet"
        elsewhere = elsewhere or _unmodelled(what)
    ref = workload.ref or Ref("daemonsets", "kube-system/aws-node")

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
        )
        if name in env
    )
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
