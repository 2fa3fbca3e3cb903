"""The constructs for another CDK application: `from multus_eni import MultusEniAutomation, MultusNodeGroup`."""

from __future__ import annotations

from multus_eni import sources

# What the constructs import is of packages with common names: another's would fail somewhere in the middle.
sources.check()

from multus_eni.automation import MultusEniAutomation  # noqa: E402 - after the check
from multus_eni.misuse import Misuse  # noqa: E402 - after the check
from multus_eni.node_group import MultusNodeGroup  # noqa: E402 - after the check

__all__ = ["Misuse", "MultusEniAutomation", "MultusNodeGroup"]
