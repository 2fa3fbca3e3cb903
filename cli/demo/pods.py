"""What the cluster would be told of the groups' networks, for pods to use what the nodes were given."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from cli.render import manifests, write
from domain.errors import ConfigInvalid

if TYPE_CHECKING:
    from collections.abc import Iterator

    import authoring

OF_ONE_NETWORK = ("networks/", "samples/")
"""Where files are that are not the same for every configuration."""


@dataclass(frozen=True)
class Pods:
    """The groups as pods see them."""

    authored: authoring.Authored
    source: Path

    def render(self, output: Path) -> Iterator[str]:
        """Write the Kubernetes objects into a folder, and yield what there is to tell of them.

        A configuration may have none, or none that `multus-eni render` takes: then the reason is told.
        """
        try:
            texts = manifests(self.authored, self.source)
        except ConfigInvalid as invalid:
            yield "no Kubernetes objects for pods:"
            yield from (f"  {problem}" for problem in invalid.problems)
            return
        write(output, texts, force=True)
        yield f"[bold]Kubernetes objects for pods[/] in {_from_here(output)}"
        yield from (f"  {name}" for name in texts if name.startswith(OF_ONE_NETWORK))
        yield f"applied by kubectl apply -k {_from_here(output)} (docs/pod-networks.md)"


def _from_here(path: Path) -> Path:
    here = Path.cwd()
    return path.relative_to(here) if path.is_relative_to(here) else path
