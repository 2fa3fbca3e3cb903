"""What this node runs: the archive that user data fetched or the folder installed from it, its configuration, its group."""

from __future__ import annotations

import json
import sys
import zipimport
from pathlib import Path
from typing import TYPE_CHECKING

from domain.node import config, layout
from domain.node.errors import ConfigurationMissing

if TYPE_CHECKING:
    from domain.node.config import NodeConfig, NodeGroup
    from node_bootstrap.files import Files

MAIN = "__main__.py"
_PUBLISHED = "Use the file that the stack published."


def running(name: str = __name__) -> Path:
    """Return the archive or the folder that a module was imported from, by default this one.

    Raises:
        ConfigurationMissing: it is none that the stack published.
    """
    spec = sys.modules[name].__spec__
    origin = (spec.origin if spec else None) or "here"
    place = Path(origin).resolve().parents[1]
    if place.is_dir() and not (place / MAIN).is_file():
        raise ConfigurationMissing(
            "the bootstrap does not run from its archive", value=str(place), remedy=_PUBLISHED
        )
    return place


def configuration(place: Path) -> bytes:
    """Return the configuration in an archive, or in the folder installed from one, as it is written there.

    Raises:
        ConfigurationMissing: there is none, or no such place.
    """
    try:
        if place.is_dir():
            return (place / layout.CONFIGURATION).read_bytes()
        return zipimport.zipimporter(str(place)).get_data(layout.CONFIGURATION)
    except (OSError, zipimport.ZipImportError) as cause:
        raise ConfigurationMissing(
            "there is no configuration in the bootstrap's archive",
            value=f"{place}: {cause}",
            remedy=_PUBLISHED,
        ) from cause


def node_group_name(files: Files) -> str:
    """Return the node group that this node was installed for.

    Raises:
        ConfigurationMissing: it was not, or the file was damaged.
    """
    text = files.text(layout.SETTINGS)
    try:
        name = json.loads(text or "{}")["node_group"]
    except (KeyError, TypeError, ValueError):
        name = None
    if not isinstance(name, str):
        raise ConfigurationMissing(
            "nobody has said which node group this node is of",
            value=f"{layout.SETTINGS}: {'no such file' if text is None else 'no node_group'}",
            remedy="Run `multus-node install --node-group NAME`.",
        )
    return name


def given(path: str | None) -> tuple[bytes, NodeConfig]:
    """Return the configuration in a file, or else the program's own, as it is written and as it is read.

    Raises:
        ConfigurationMissing: there is no such file.
        ConfigurationForeign: it is none of this version.
    """
    if path is None:
        content = configuration(running())
    else:
        try:
            content = Path(path).read_bytes()
        except OSError as cause:
            raise ConfigurationMissing(
                "the configuration cannot be read",
                value=str(cause),
                remedy="Name another after --config.",
            ) from cause
    return content, config.from_json(content.decode(errors="replace"))


def node_group(path: str | None, name: str | None, files: Files) -> tuple[NodeConfig, NodeGroup]:
    """Return the configuration and the node's group, both as given or else as installed.

    Raises:
        ConfigurationError: one of them is missing or foreign.
    """
    _, found = given(path)
    return found, found.node_group(name or node_group_name(files))
