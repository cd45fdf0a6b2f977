"""What stands behind one port of a Service, as parties: workloads that it selects, or addresses somebody wrote down."""

from __future__ import annotations

import ipaddress

from clusterproof.checks.context import Context
from clusterproof.checks.parties import Party
from clusterproof.placement.places import Place
from clusterproof.reach.addresses import AddressSet
from clusterproof.reach.ends import at_address
from clusterproof.snapshot import kinds
from clusterproof.snapshot.aws import NetworkInterface
from clusterproof.snapshot.fields import Cause, Ref, Unknown
from clusterproof.world.model import Attachment, Interface, NodeClass, Workload
from clusterproof.world.services import Backend


def behind(context: Context, backend: Backend) -> list[Party]:
    """The parties behind one port of a Service; the Service picks among all of them.

    An address that is a pod's, a node's or a network interface's today stands for it, where it is today: whoever
    wrote the address down named that one. Any other is an end of which only the address is known.
    """
    if backend.workloads:
        return [party_of(context, workload) for workload in backend.workloads]
    return [at(context, address) for address in backend.addresses if _is_address(address)]


def party_of(context: Context, workload: Workload) -> Party:
    """A workload with its places."""
    found = context.places(workload)
    return Party(
        workload, found.places, workload.every_node, workload.id, message="" if found.places else found.message
    )


def at(context: Context, address: str) -> Party:
    """Whoever has one address today, else an end of which only the address is known."""
    world = context.world
    known = AddressSet.of(address)
    holder = world.holders.of(address)
    if holder is not None and holder.interface is not None:
        name = holder.interface.network_interface_id
        place = apart(name, _interface(context, holder.interface, address))
        return Party(None, (place,), everywhere=False, text=f"{address} ({name})", address=known)
    if holder is not None:
        text = f"{address} ({holder.pod or holder.node})"
        here = [item for item in world.classes if holder.node in item.nodes]
        workload = world.of_pod.get(holder.pod) if holder.pod else None
        if workload is not None:
            places = tuple(place for place in context.places(workload).places if holder.node in place.node_class.nodes)
            if places:
                return Party(workload, places, everywhere=False, text=text)
        elif here and not holder.pod:
            places = tuple(Place(item, item.host) for item in here)
            return Party(None, places, everywhere=False, text=text)
    place = apart(address, at_address(known, address).interface)
    return Party(None, (place,), everywhere=False, text=address, address=known)


def _interface(context: Context, raw: NetworkInterface, address: str) -> Interface:
    ids = tuple(sorted(group.group_id for group in raw.groups))
    ref = Ref(kinds.NETWORK_INTERFACES.name, raw.network_interface_id, "Groups", ", ".join(ids))
    keeps = _keeps(context, raw, address)
    groups: tuple[str, ...] | Unknown = ids
    if isinstance(keeps, Unknown) and context.world.plane.policies is not False:
        # Policies select a pod that was not read, too, so that what the groups admit proves nothing.
        groups = keeps
    return Interface(Attachment.HOST, groups, raw.subnet_id, groups, raw.subnet_id, (ref,), keeps_address=keeps)


def _keeps(context: Context, raw: NetworkInterface, address: str) -> bool | Unknown:
    """Whether what this address sends keeps it: surely so where it cannot be a pod's.

    An interface that the VPC CNI made says so (amazon-vpc-cni-k8s awsutils.go, ``eniDescriptionPrefix``); a second
    address of an instance may be a pod's, of this cluster or another.
    """
    instance = raw.attachment.instance_id if raw.attachment is not None else ""
    made = raw.interface_type in ("branch", "trunk") or raw.description.startswith("aws-K8S-")
    if not made and (not instance or address == raw.private_ip_address):
        return True
    what = f"{address} ({raw.network_interface_id}) may be a pod's, whose node may replace what it sends with"
    return context.world.snapshot.missing(kinds.PODS) or Unknown(
        Cause.NOT_COLLECTED, f"{what}; no pod that was read has it"
    )


def apart(name: str, host: Interface, identity: str = "") -> Place:
    """A place for an end that is on no node of the world; it is its own node group, and its own class."""
    none = NodeClass(
        id=identity or name,
        group=name,
        born=True,
        nodes=(),
        labels={},
        unknown_labels={},
        taints=(),
        allocatable={},
        zone="",
        host=host,
    )
    return Place(none, host)


def _is_address(text: str) -> bool:
    """Endpoints may be host names (addressType FQDN), which lead nowhere that is modelled."""
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return True
