"""Prepares a node's links and PCI devices for Multus before kubelet starts: acts on what `domain.node` decides."""
