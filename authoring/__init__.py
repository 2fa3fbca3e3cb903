"""What a person writes: read, checked as a whole with every problem at once, and resolved for handlers and nodes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pydantic import ValidationError

from authoring import checks, documents, wording
from authoring.adoption import adopted, sought
from authoring.cluster import sought_cluster, with_cluster
from authoring.models import Authored
from authoring.node_resolution import resolve_nodes
from authoring.pod_resolution import resolve_pods
from authoring.problems import Fault, located, report
from authoring.resolution import resolve
from domain.errors import ConfigInvalid

if TYPE_CHECKING:
    from pathlib import Path

__all__ = [
    "Authored",
    "adopted",
    "load",
    "report",
    "resolve",
    "resolve_nodes",
    "resolve_pods",
    "schema",
    "sought",
    "sought_cluster",
    "with_cluster",
]


def load(path: Path) -> Authored:
    """Read a configuration file.

    Raises:
        ConfigInvalid: with every problem found in the file, in the order of its lines.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "not UTF-8 text"
        fault = Fault((), str(path), f"cannot be read: {reason}", "Name a configuration file.")
        raise ConfigInvalid([located(fault, {})]) from error
    return parse(text)


def parse(text: str) -> Authored:
    """Read a configuration from its text.

    Raises:
        ConfigInvalid: with every problem found, in the order of the lines.
    """
    document = documents.read(text)
    faults = list(document.faults)
    authored = None
    if document.data is not None:
        try:
            authored = Authored.model_validate(document.data)
        except ValidationError as error:
            faults += wording.faults(error)
        faults += checks.faults(document.data)
    if authored is None or faults:
        problems = [located(fault, document.lines) for fault in faults]
        problems.sort(key=lambda problem: problem.line)
        raise ConfigInvalid(problems)
    return authored


def schema() -> dict[str, Any]:
    """Return the JSON Schema of a configuration file, for editors."""
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        **Authored.model_json_schema(),
        "title": "Multus ENI configuration",
    }
