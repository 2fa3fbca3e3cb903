"""The archive that the bootstrap runs from, with the configuration that its stack put into it."""

from __future__ import annotations

import sys
import zipimport
from pathlib import Path

from domain.node import config
from domain.node.errors import ConfigurationMissing

CONFIGURATION = "config.json"
"""At the archive's root."""


def running(name: str = __name__) -> Path:
    """Return the archive that a module was imported from, by default this one.

    Raises:
        ConfigurationMissing: it was imported from a folder.
    """
    spec = sys.modules[name].__spec__
    archive = getattr(spec.loader, "archive", None) if spec else None
    if not isinstance(archive, str):
        raise ConfigurationMissing(
            "the bootstrap does not run from its archive",
            value=str(Path(__file__).parent),
            remedy="Run the file that the stack published.",
        )
    return Path(archive).resolve()


def configuration(archive: Path) -> config.NodeConfig:
    """Return the configuration in an archive.

    Raises:
        ConfigurationMissing: there is none, or no such archive.
        ConfigurationForeign: it is none of this version.
    """
    try:
        text = zipimport.zipimporter(str(archive)).get_data(CONFIGURATION)
    except (OSError, zipimport.ZipImportError) as cause:
        raise ConfigurationMissing(
            "there is no configuration in the bootstrap's archive",
            value=f"{archive}: {cause}",
            remedy="Use the file that the stack published.",
        ) from cause
    return config.from_json(text.decode(errors="replace"))
