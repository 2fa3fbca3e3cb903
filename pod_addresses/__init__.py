"""Addresses that follow a pod: run in the pod, with the standard library alone."""
