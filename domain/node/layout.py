"""Where things lie on a node."""

from __future__ import annotations

PROGRAM = "/opt/multus-node/multus-node.pyz"
COMMAND = "/usr/local/sbin/multus-node"
SETTINGS = "/etc/multus-node.json"
"""What `install` was told: the node group. The configuration itself is inside the program's archive."""

RUN = "/run/multus-node"
"""Gone after a reboot, as are bindings, huge pages and links' names."""
STATUS = f"{RUN}/status.json"
DEVICES = f"{RUN}/devices.json"
"""What was seen of each device while it had a link: MAC, PCI address, driver."""
HUGE_PAGES = f"{RUN}/huge-pages.json"
"""How many huge pages each pool had before a run changed it, and what the run made of it."""
LOCK = f"{RUN}/lock"
READY = f"{RUN}/kubelet-may-start"
"""kubelet's units ask for this file; it appears when the node is ready, or may join without being so."""
HOTPLUG = f"{RUN}/hotplug"
"""udev leaves a file here for each link that comes; a run takes them away before it looks."""
CLAIMS = "/var/lib/multus-node/claims.json"
"""Which ENI was found to be which interface, kept over reboots."""

NETWORKD = "/etc/systemd/network"
NETWORKD_PREFIX = "05-multus-"
"""Sorts before nodeadm's 70-eks-*: systemd.network(5) sorts the files of all directories together, and the first that
matches applies."""
SYSCTL = "/etc/sysctl.d/70-multus-node.conf"
DEVICE_PLUGIN = "/etc/pcidp/config.json"
CNI_CONFIGURATION = "/etc/cni/multus/net.d"
"""Multus's own directory (its default confDir). In /etc/cni/net.d the container runtime could take a file of ours for the
node's default network."""
CNI_PREFIX = "multus-eni-"
CNI_PLUGINS = "/opt/cni/bin"
NODEADM = "/etc/eks/nodeadm.d/50-multus-node.yaml"
