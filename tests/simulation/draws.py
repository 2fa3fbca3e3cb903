"""The same burst with several seeds: what comes of it in the mean, and at worst."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from statistics import fmean
from typing import TYPE_CHECKING

from tests.simulation.burst import MOST_RATIO, MOST_THROTTLED

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from tests.simulation.burst import Burst


@dataclass(frozen=True)
class Draws:
    """Bursts that differ in their seeds alone. The bound is a mean, and a single small burst is far from its own."""

    seen: tuple[Burst, ...]

    @property
    def first(self) -> Burst:
        """Return the one with the first seed."""
        return self.seen[0]

    @property
    def last_continue_s(self) -> float:
        """Return the mean time to the last CONTINUE; infinite when one had none."""
        return fmean(each.last_continue_s for each in self.seen)

    @property
    def bound_s(self) -> float:
        """Return the mean of the bounds."""
        return fmean(each.bound.seconds for each in self.seen)

    @property
    def set_by(self) -> str:
        """Return what set the bound, most of the time."""
        return Counter(each.bound.action for each in self.seen).most_common(1)[0][0]

    @property
    def ratio(self) -> float:
        """Return the mean time against the mean bound."""
        return self.last_continue_s / self.bound_s

    @property
    def worst_ratio(self) -> float:
        """Return the largest ratio of a single burst."""
        return max(each.ratio for each in self.seen)

    @property
    def calls(self) -> Mapping[str, float]:
        """Return the mean number of calls per node by action, refused ones included."""
        total = sum((Counter(each.calls) for each in self.seen), Counter[str]())
        nodes = sum(each.nodes for each in self.seen)
        return {action: number / nodes for action, number in total.items()}

    @property
    def calls_per_node(self) -> float:
        """Return the mean number of EC2's and Auto Scaling's calls, refused ones included."""
        return sum(self.calls.values())

    @property
    def throttled_share(self) -> float:
        """Return which share of all calls was refused for its rate."""
        calls = sum(sum(each.calls.values()) for each in self.seen)
        return sum(len(each.throttled_s) for each in self.seen) / calls

    @property
    def not_as_promised(self) -> int:
        """Return how many things came out, in any of them, that must never."""
        return sum(each.not_as_promised for each in self.seen)

    @property
    def missed(self) -> frozenset[str]:
        """Return the names of the figures that are above their goals; with another tenant there are none."""
        if self.first.tenant_share:
            return frozenset()
        above = {
            "ratio": self.ratio > MOST_RATIO,
            "calls_per_node": self.calls_per_node > self.first.most_calls_per_node,
            "throttled_share": self.throttled_share > MOST_THROTTLED,
        }
        return frozenset(name for name, is_above in above.items() if is_above)


def grouped(bursts: Iterable[Burst]) -> Sequence[Draws]:
    """Return bursts with those together that differ in their seeds alone, in the order of the first of each."""
    alike: dict[object, list[Burst]] = {}
    for each in bursts:
        alike.setdefault((each.nodes, each.shape, each.tenant_share), []).append(each)
    return [Draws(tuple(sorted(each, key=lambda burst: burst.seed))) for each in alike.values()]
