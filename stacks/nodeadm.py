"""User data of a node whose launch template is ours: what nodeadm, the kernel and the bootstrap are told."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import yaml

from authoring.created import Cluster
from authoring.created_shapes import canonical
from domain.errors import ConfigInvalid, Problem
from stacks import user_data
from stacks.user_data import Part

if TYPE_CHECKING:
    from authoring.created import Create
    from authoring.models import NodeGroup

MAX_BYTES = 16_384
"""EC2 takes no more user data, before it is encoded (EC2 User Guide, instance user data)."""
NOT_KNOWN_YET = Cluster.model_construct(endpoint="", certificate_authority="", service_cidr="")
"""Of a cluster that is looked up, what is as short as can be."""

WARM_POOL_DROP_IN = "/etc/systemd/system/nodeadm-run.service.d/20-warm-pool.conf"
NOT_IN_WARM_POOL = (
    "token=$$(curl -sf -X PUT -H X-aws-ec2-metadata-token-ttl-seconds:60 http://169.254.169.254/latest/api/token); "
    "case $$(curl -sf -H X-aws-ec2-metadata-token:$$token "
    "http://169.254.169.254/latest/meta-data/autoscaling/target-lifecycle-state) in Warmed:*) exit 1;; esac"
)
"""Whether the instance is on its way into service and not into the warm pool (Auto Scaling User Guide, "Retrieve the target
lifecycle state through instance metadata"). As an ExecCondition its exit status 1 skips the unit, which is no failure
(systemd.service, 243 and later; a $ is written twice there). The boot that leads into service starts it."""


def user_data_of(owner: str, cluster_name: str, cluster: Cluster | None, group: NodeGroup) -> str:
    """Return the user data of a created group.

    Args:
        owner: the stack's name.
        cluster_name: the cluster that the nodes join.
        cluster: what they must know of it; None while that has not been looked up, which leaves it shorter than it will be.
        group: what is written of the node group; its `create` is set.

    Raises:
        ConfigInvalid: it is larger than EC2 takes.
    """
    assert group.create is not None  # noqa: S101 - nobody else has any
    config = node_config(cluster_name, cluster or NOT_KNOWN_YET, group.create)
    text = multipart(owner, group.name, config=config, create=group.create)
    if len(text) > MAX_BYTES:
        so_far = " at least" if cluster is None else ""
        raise ConfigInvalid(
            [
                Problem(
                    path="node_groups",
                    value=group.name,
                    message=f"has user data of{so_far} {len(text)} bytes, more than the {MAX_BYTES} that EC2 takes",
                    remedy="Write fewer labels, taints or kubelet arguments.",
                )
            ]
        )
    return text


def node_config(cluster_name: str, cluster: Cluster, create: Create) -> str:
    """Return the NodeConfig, YAML.

    The fields are those of node.eks.aws/v1alpha1 (awslabs/amazon-eks-ami, nodeadm/api/v1alpha1/nodeconfig_types.go). With
    all of `cluster` given, nodeadm asks EKS nothing. kubelet's max-pods is not here: the bootstrap's own NodeConfig, which
    nodeadm merges into this one, has it.
    """
    flags = [*_node_labels(create), *create.kubelet_arguments]
    kubelet: dict[str, Any] = {"config": _kubelet_config(create), "flags": flags}
    return yaml.safe_dump(
        {
            "apiVersion": "node.eks.aws/v1alpha1",
            "kind": "NodeConfig",
            "spec": {
                "cluster": {
                    "name": cluster_name,
                    "apiServerEndpoint": cluster.endpoint,
                    "certificateAuthority": cluster.certificate_authority,
                    "cidr": cluster.service_cidr,
                },
                "kubelet": {key: value for key, value in kubelet.items() if value},
            },
        },
        sort_keys=False,
        width=MAX_BYTES,
    )


def _node_labels(create: Create) -> list[str]:
    """Return the flag of kubelet, whose KubeletConfiguration has no key for labels."""
    if not create.labels:
        return []
    given = ",".join(f"{key}={value}" for key, value in sorted(create.labels.items()))
    return [f"--node-labels={given}"]


def _kubelet_config(create: Create) -> dict[str, Any]:
    """Return what differs from kubelet's defaults (KubeletConfiguration, kubelet.config.k8s.io/v1beta1)."""
    config: dict[str, Any] = {}
    if create.taints:
        config["registerWithTaints"] = [taint.model_dump() for taint in create.taints]
    if create.cpu_manager_policy != "none":
        config["cpuManagerPolicy"] = create.cpu_manager_policy
    if create.topology_manager_policy != "none":
        config["topologyManagerPolicy"] = create.topology_manager_policy
    if create.reserved_cpus is not None:
        # nodeadm names both cgroups on every node, and kubelet ends at once where they stand beside reserved CPUs
        # (github.com/awslabs/amazon-eks-ami/issues/2794).
        config |= {
            "reservedSystemCPUs": create.reserved_cpus,
            "systemReservedCgroup": "",
            "kubeReservedCgroup": "",
        }
    return config


def multipart(owner: str, node_group: str, *, config: str, create: Create) -> str:
    """Return the MIME user data.

    Args:
        owner: the stack's name.
        node_group: the group's name in the configuration.
        config: the NodeConfig.
        create: what is written of the group.
    """
    parts = [Part("application/node.eks.aws", config)]
    before_fetching = ""
    if create.isolated_cpus is not None:
        cpus = canonical(create.isolated_cpus)
        parts.append(Part("text/cloud-boothook", _isolate(cpus)))
        before_fetching += _is_isolated(cpus)
    if create.warm_pool is not None:
        before_fetching += _stay_out_while_warming()
    script = user_data.script(owner, node_group, before_fetching=before_fetching)
    return user_data.multipart(*parts, user_data.shell(script))


def _isolate(cpus: str) -> str:
    """Return a script for every boot, early enough that the node's first boot has run nothing else yet.

    The kernel takes these parameters from its command line only (kernel-parameters.rst: isolcpus, nohz_full, rcu_nocbs), so
    the first boot writes it and starts again. cloud-init runs boothooks before the modules that it runs once per instance,
    which is why the second boot still has the other parts to do. The folder keeps a node on which the parameters do
    not take from booting for ever.
    """
    return (
        "#!/bin/bash\n"
        f"{_ISOLATED.format(cpus=cpus)} && exit 0\n"
        "mkdir /var/lib/multus-isolated-cpus || exit 0\n"
        f"grubby --update-kernel=ALL --args='isolcpus={cpus} nohz_full={cpus} rcu_nocbs={cpus}' || exit 1\n"
        "systemctl reboot\n"
        "sleep infinity\n"
    )


def _is_isolated(cpus: str) -> str:
    return (
        f"if ! {_ISOLATED.format(cpus=cpus)}; then "
        f'echo "isolated-cpus-missing: after a second boot the kernel isolates CPUs $(cat {ISOLATED}) and not {cpus} '
        '(command line: $(cat /proc/cmdline)). Look whether the image has grubby, or take isolated_cpus out." >&2; exit 1; fi\n'
    )


ISOLATED = "/sys/devices/system/cpu/isolated"
"""What the kernel made of isolcpus (sysfs-devices-system-cpu in its ABI documentation). A list with a CPU that is not there it
leaves alone, whatever its command line says."""
_ISOLATED = f'[ "$(cat {ISOLATED})" = {{cpus}} ]'


def _stay_out_while_warming() -> str:
    """Return lines by which a node in the warm pool does not join the cluster: it would be stopped with pods on it."""
    return (
        f"mkdir -p $(dirname {WARM_POOL_DROP_IN}); cat > {WARM_POOL_DROP_IN} <<'END'\n"
        f"[Service]\nExecCondition=/bin/sh -c '{NOT_IN_WARM_POOL}'\nEND\n"
        "systemctl daemon-reload\n"
    )
