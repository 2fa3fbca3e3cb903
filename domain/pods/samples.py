"""A pod for each network, with the least that it takes: to copy from, not to apply."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from domain.node.config import Driver, PodNetwork
from domain.pods import address_containers
from domain.pods.device_plugin import NODE_GROUP
from domain.pods.model import Ipam

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from domain.pods.model import Network, PodGroup, Taint

ADDRESSES = {4: "192.0.2.10", 6: "2001:db8::10"}
"""By family, of ranges for documentation (RFC 5737, RFC 3849): nobody's."""
PREFIX_LENGTHS = {4: 24, 6: 64}
"""By family, where the file does not say those of the subnets."""
IMAGE = "public.ecr.aws/amazonlinux/amazonlinux:2023"
NAME = "sample"

_ENDS_WHEN_TOLD = ["sh", "-c", "trap 'exit 0' TERM; sleep infinity & wait"]
"""The kernel keeps a signal from a namespace's first process that does not handle it (pid_namespaces(7)): `sleep` would use up the
grace period, of which the sidecar, told to end after it, needs a part."""

_NO_IOMMU = (
    "Without an IOMMU a container needs more: SYS_RAWIO to open the device (Linux, drivers/vfio/group.c), SYS_ADMIN and"
    " DAC_READ_SEARCH to learn physical addresses (DPDK, Running Without Root Privileges). It can then write to all of the"
    " node's memory. On .metal types IPC_LOCK alone will do."
)
_UIO = (
    "With igb_uio a container needs SYS_ADMIN and DAC_READ_SEARCH to learn physical addresses (DPDK, Running Without Root"
    " Privileges), and the device's files below /sys for writing, which are read-only in a container otherwise."
)
_NO_DEVICE_FILE = "Privileged, as nothing gives the container its device file: "
_UIO_GENERIC = (
    _NO_DEVICE_FILE
    + "the device plugin does not know uio_pci_generic. vfio-pci or igb_uio need less."
)
_NO_RESOURCE = (
    _NO_DEVICE_FILE
    + "the interface has no `resource` in the configuration. With one, less will do."
)
_NO_PAGES = "The group has no `huge_pages` in the configuration: DPDK wants some, or --no-huge."
_BRING = (
    "{} stands for an address of the ENI of the pod's node, with the subnet's prefix length: EC2 delivers to no other address, and with"
    " another length the router may be off the link."
)
_BRING_ANY = (
    "{} stands for a free address of the subnet that the ENI of the pod's node is in, with that subnet's prefix length: with another"
    " one the router may be off the link."
)
_BARE = "The link comes into the pod without an address, as nobody gives it one: NET_ADMIN is for the pod to set the ENI's."
_ASSIGNED = (
    "The init container assigns the address of net1 to the ENI below it, and the pod does not start while EC2 has not; the sidecar"
    " does so with addresses that come later, and gives back in the end what was assigned."
)
_ASSIGNED_LATER = "The sidecar assigns what the pod sets on net1 to the ENI below it, and gives it back in the end."
_PROGRAM = (
    "It is a sidecar from Kubernetes 1.29 on. The program is the node's copy; with an image of your own there is no hostPath volume:"
    " docs/pod-networks.md."
)
_ACCOUNT = (
    f"EC2 is called as the service account {address_containers.SERVICE_ACCOUNT}, which has to be there, with a role."
    " The container named in the annotation skip-containers gets none of its rights."
)
_FLOAT = "A container that puts floating addresses on net1 itself needs NET_ADMIN."
_ROLE = (
    "Give it a role with the managed policy that the stack publishes as PodAddressPolicy: by an EKS Pod Identity association, or by the"
    " annotation eks.amazonaws.com/role-arn (IRSA). docs/pod-networks.md has the commands."
)


@dataclass
class _Needs:
    """What a container needs besides the network."""

    capabilities: list[str] = field(default_factory=list)
    privileged: bool = False
    limits: dict[str, Any] = field(default_factory=dict)
    volumes: dict[str, tuple[str, dict[str, Any]]] = field(default_factory=dict)
    """By name: where it is mounted, and what it is."""
    notes: list[str] = field(default_factory=list)
    assigning: list[dict[str, Any]] = field(default_factory=list)
    """The containers that have addresses assigned."""


@dataclass(frozen=True)
class Sample:
    """A pod, or what it needs, and what to know of it."""

    pod: Mapping[str, Any]
    notes: tuple[str, ...]


def samples(groups: Iterable[PodGroup]) -> Mapping[str, Sample]:
    """Return a pod for each network of each group, by path."""
    return {
        f"samples/{group.name}/{network.interface}.yaml": _sample(group, network, number)
        for number, group in enumerate(groups, start=1)
        for network in group.networks
    }


def service_accounts(groups: Iterable[PodGroup]) -> Mapping[str, Sample]:
    """Return the accounts that samples with followed addresses name, by path."""
    networks = [network for group in groups for network in group.networks]
    return {
        f"samples/service-account-{namespace}.yaml": Sample(account, (_ROLE,))
        for namespace, account in address_containers.service_accounts(networks).items()
    }


def _sample(group: PodGroup, network: Network, number: int) -> Sample:
    needs = _dpdk(group, network) if network.driver.is_dpdk else _kernel(network)
    if network.resource is not None:
        needs.limits[network.resource] = 1
    annotations = {"k8s.v1.cni.cncf.io/networks": _asked(network, needs)}
    if network.follow_owner is not None:
        annotations[address_containers.SKIP] = NAME
        _follow(network, needs)
    pod = {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {
            # A group's name may have as many characters as a pod's host name alone.
            "name": f"sample-{number}-{network.interface}",
            "namespace": network.namespaces[0],
            "annotations": annotations,
        },
        "spec": _spec(group, needs),
    }
    return Sample(pod, tuple(needs.notes))


def _asked(network: Network, needs: _Needs) -> str:
    """Return what Multus reads of a pod: the network's name, and with it addresses where the pod brings its own."""
    from_node = network.ipam is Ipam.NODE and network.mode is not PodNetwork.HOST_DEVICE
    if network.ipam is Ipam.STATIC or (from_node and not network.has_pool):
        lengths = {**PREFIX_LENGTHS, **network.prefix_lengths}
        ips = [f"{ADDRESSES[family]}/{lengths[family]}" for family in network.address_families]
        note = _BRING if network.follow_owner is None else _BRING_ANY
        needs.notes += [note.format(each) for each in ips]
        return json.dumps([{"name": network.name, "ips": ips}])
    return network.name


def _is_bare(network: Network) -> bool:
    """Return whether the link comes into the pod without an address."""
    whole = network.mode is PodNetwork.HOST_DEVICE and network.ipam is Ipam.NODE
    return whole and not network.has_pool


def _follow(network: Network, needs: _Needs) -> None:
    bare = _is_bare(network)
    needs.assigning = address_containers.containers(network, IMAGE, addressed=not bare)
    needs.notes += [_ASSIGNED_LATER if bare else _ASSIGNED, _PROGRAM, _ACCOUNT]
    if not bare:
        needs.notes.append(_FLOAT)


def _kernel(network: Network) -> _Needs:
    if _is_bare(network):
        return _Needs(capabilities=["NET_ADMIN"], notes=[_BARE])
    return _Needs()


def _dpdk(group: PodGroup, network: Network) -> _Needs:
    needs = _Needs(limits={"cpu": 2, "memory": "1Gi"})
    for size, amount in group.huge_pages.items():
        # With several sizes each volume must name its own (Kubernetes, "Manage HugePages").
        path = "/dev/hugepages" if len(group.huge_pages) == 1 else f"/dev/hugepages-{size}"
        needs.limits[f"hugepages-{size}"] = amount
        needs.volumes[f"hugepages-{size.lower()}"] = (
            path,
            {"emptyDir": {"medium": f"HugePages-{size}"}},
        )
    if not group.huge_pages:
        needs.notes.append(_NO_PAGES)
    _grant(group, network, needs)
    return needs


def _grant(group: PodGroup, network: Network, needs: _Needs) -> None:
    """Grant what the driver takes. vfio behind an IOMMU locks memory and no more; the device plugin brings /dev/vfio or /dev/uio."""
    if network.driver is Driver.UIO_PCI_GENERIC or network.resource is None:
        needs.privileged = True
        needs.notes.append(
            _UIO_GENERIC if network.driver is Driver.UIO_PCI_GENERIC else _NO_RESOURCE
        )
    elif network.driver is Driver.IGB_UIO:
        needs.capabilities = ["DAC_READ_SEARCH", "IPC_LOCK", "SYS_ADMIN"]
        needs.volumes["sys"] = ("/sys", {"hostPath": {"path": "/sys", "type": "Directory"}})
        needs.notes.append(_UIO)
    elif group.no_iommu:
        needs.capabilities = ["DAC_READ_SEARCH", "IPC_LOCK", "SYS_ADMIN", "SYS_RAWIO"]
        needs.notes.append(_NO_IOMMU)
    else:
        needs.capabilities = ["IPC_LOCK"]


def _spec(group: PodGroup, needs: _Needs) -> dict[str, Any]:
    container: dict[str, Any] = {
        "name": NAME,
        "image": IMAGE,
        "command": _ENDS_WHEN_TOLD if needs.assigning else ["sleep", "infinity"],
        "securityContext": _security(needs),
    }
    spec: dict[str, Any] = {
        "nodeSelector": {NODE_GROUP: group.name},
        "automountServiceAccountToken": False,
    }
    if group.taints:
        spec["tolerations"] = [_toleration(taint) for taint in group.taints]
    if needs.limits:
        # The requests are the same unless written: with whole CPUs and memory the pod is Guaranteed.
        container["resources"] = {"limits": needs.limits}
    if needs.volumes:
        container["volumeMounts"] = [
            {"name": name, "mountPath": path} for name, (path, _) in needs.volumes.items()
        ]
        spec["volumes"] = [{"name": name, **kind} for name, (_, kind) in needs.volumes.items()]
    if needs.assigning:
        spec["serviceAccountName"] = address_containers.SERVICE_ACCOUNT
        spec["initContainers"] = needs.assigning
        spec["volumes"] = [*spec.get("volumes", ()), *address_containers.volumes()]
    spec["containers"] = [container]
    return spec


def _security(needs: _Needs) -> dict[str, Any]:
    """Return the least: Kubernetes takes no `allowPrivilegeEscalation: false` beside SYS_ADMIN or privileged (API reference,
    SecurityContext)."""
    if needs.privileged:
        return {"privileged": True}
    capabilities: dict[str, Any] = {"drop": ["ALL"]}
    if needs.capabilities:
        capabilities["add"] = needs.capabilities
    if "SYS_ADMIN" in needs.capabilities:
        return {"capabilities": capabilities}
    return {
        "allowPrivilegeEscalation": False,
        "capabilities": capabilities,
        "seccompProfile": {"type": "RuntimeDefault"},
    }


def _toleration(taint: Taint) -> Mapping[str, str]:
    if not taint.value:
        return {"key": taint.key, "operator": "Exists", "effect": taint.effect}
    return {
        "key": taint.key,
        "operator": "Equal",
        "value": taint.value,
        "effect": taint.effect,
    }
