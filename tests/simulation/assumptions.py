"""How long things take in the simulation. AWS promises none of it.

Each figure is a median in seconds with a spread around it; what comes out of a run is to be read beside them, and `make
simulate` takes others. Sources, where there are any, stand beside the figures; the rest are assumptions of a usual day.
"""

from __future__ import annotations

import math
import random
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from localaws.account import Settings

if TYPE_CHECKING:
    from collections.abc import Mapping

CALLS_S = {
    "CreateNetworkInterface": 0.35,
    "AttachNetworkInterface": 0.45,
    "ModifyNetworkInterfaceAttribute": 0.25,
    "DeleteNetworkInterface": 0.3,
    "DescribeNetworkInterfaces": 0.2,
    "DescribeInstances": 0.2,
    "CompleteLifecycleAction": 0.15,
    "RecordLifecycleActionHeartbeat": 0.15,
}
"""Assumed: EC2's mutating calls take a few hundred milliseconds."""
OTHER_CALLS_S = 0.05
"""Assumed: SQS, EventBridge and the rest."""


@dataclass(frozen=True)
class Assumptions:
    """What the account and Lambda take their time from."""

    boot_s: float = 6.0
    """From RunInstances to `running`. Assumed; Nitro instances take some seconds."""
    hook_opens_s: float = 9.0
    event_s: float = 0.5
    """From an occurrence to its event in the queue. EventBridge's guide speaks of about half a second."""
    attach_s: float = 2.0
    terminate_s: float = 30.0
    """From `shutting-down` to `terminated`: the operating system stops first."""
    late_share: float = 0.02
    """How many new network interfaces are not seen by other calls at once: EC2 is eventually consistent, without a figure."""
    late_s: float = 1.0
    """How long those few stay unseen."""
    cold_start_s: float = 1.5
    """From an invocation that finds no warm execution environment to its handler: boto3 alone takes 0.3 s of a whole
    processor (docs/benchmarks.md), of which this function has a fraction."""
    spread: float = 0.25
    """Sigma of the logarithm of every duration: a 95th percentile of one and a half times the median."""
    calls_s: Mapping[str, float] = field(default_factory=lambda: dict(CALLS_S))

    def settings(self, seed: int) -> Settings:
        """Return the account's settings, with durations drawn from this seed."""
        draw = random.Random(f"durations {seed}")  # noqa: S311 - a simulation, repeatable on purpose

        def vary(name: str, usual_s: float) -> float:
            if name == "visibility_s":
                return self.around(draw, self.late_s) if draw.random() < self.late_share else 0.0
            median_s = usual_s if name.endswith("_s") else self.calls_s.get(name, OTHER_CALLS_S)
            return self.around(draw, median_s)

        return Settings(
            launch_s=self.boot_s,
            hook_opens_s=self.hook_opens_s,
            event_latency_s=self.event_s,
            attach_s=self.attach_s,
            terminate_s=self.terminate_s,
            visibility_s=self.late_s,
            vary=vary,
        )

    def cold_starts(self, seed: int) -> random.Random:
        """Return the source of the cold starts' spread, apart from the account's so that neither disturbs the other."""
        return random.Random(f"cold starts {seed}")  # noqa: S311 - likewise

    def around(self, draw: random.Random, median_s: float) -> float:
        """Return a duration drawn from around its median."""
        return median_s * math.exp(draw.gauss(0.0, self.spread)) if median_s else 0.0
