"""The node bootstrap as one file that AL2023's system Python runs: sources, units and the resolved configuration."""

from __future__ import annotations

import ast
import hashlib
import sys
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from domain.node import layout
from domain.node.config import to_json
from stacks import archives

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from domain.node.config import NodeConfig

PACKAGES = ("domain/node", "node_bootstrap", "pod_addresses")
"""Shipped whole, with what they import of this repository."""
SHEBANG = f"#!{layout.PYTHON}\n".encode()
MAIN = b"""import sys

from node_bootstrap.__main__ import main

if __name__ == "__main__":
    sys.exit(main())
"""

_PROGRAM = 0o755


class ForeignImport(Exception):
    """A module that is to run on nodes imports something that nodes do not have."""


@dataclass(frozen=True)
class BootstrapAsset:
    """A staged archive."""

    archive: Path
    digest: str
    """SHA-256 of the archive itself, in hexadecimal digits. The object in S3 is named by it, so whoever knows the object's
    name can tell whether what came is what was published."""


def stage_bootstrap(config: NodeConfig, *, repository: Path, build: Path) -> BootstrapAsset:
    """Write the bootstrap's archive below `build` and return where it is.

    The archive's name carries its digest, so one that is there is right and need not be written.

    Raises:
        ForeignImport: a module needs something that is neither Python's own nor this repository's.
    """
    archive = archive_bytes(bootstrap_content(config, repository=repository))
    digest = hashlib.sha256(archive).hexdigest()
    path = build / "bootstrap" / f"{config.owner}-{digest[:16]}.pyz"
    if not path.exists():
        archives.stage(path, archive, mode=_PROGRAM)
    return BootstrapAsset(path, digest)


def bootstrap_content(config: NodeConfig, *, repository: Path) -> dict[str, bytes]:
    """Return every file of the archive by its name in it.

    Raises:
        ForeignImport: a module needs something that is neither Python's own nor this repository's.
    """
    content = {"__main__.py": MAIN, layout.CONFIGURATION: to_json(config).encode()}
    for unit in sorted((repository / layout.UNITS).iterdir()):
        content[f"{layout.UNITS}/{unit.name}"] = unit.read_bytes()
    waiting = [
        source.relative_to(repository).as_posix()
        for package in PACKAGES
        for source in (repository / package).rglob("*.py")
    ]
    while waiting:
        name = waiting.pop()
        if name not in content:
            content[name] = (repository / name).read_bytes()
            waiting += _needed(name, content[name], repository)
    return content


def archive_bytes(content: Mapping[str, bytes]) -> bytes:
    """Return the archive of some files, not compressed: a node reads a stored file faster, and no zlib makes another."""
    return archives.zip_bytes(content, compression=zipfile.ZIP_STORED, before=SHEBANG)


def _needed(name: str, source: bytes, repository: Path) -> Iterator[str]:
    """Yield the files that a module needs of this repository when it is imported: its packages, and what it imports."""
    for folder in Path(name).parents[:-1]:
        yield (folder / "__init__.py").as_posix()
    for module, attribute in _imported(ast.parse(source)):
        if module.partition(".")[0] in sys.stdlib_module_names:
            continue
        yield _file_of(module, attribute, name, repository)


def _file_of(module: str, attribute: str | None, importer: str, repository: Path) -> str:
    folder = module.replace(".", "/")
    candidates = [f"{folder}.py", f"{folder}/__init__.py"]
    if attribute:
        candidates.insert(0, f"{folder}/{attribute}.py")
    for candidate in candidates:
        if (repository / candidate).is_file():
            return candidate
    raise ForeignImport(f"{importer} imports {module}, which a node does not have")


def _imported(tree: ast.AST) -> Iterator[tuple[str, str | None]]:
    """Yield (module, attribute) of every import that runs: not those for type checkers alone."""
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING":
            continue
        if isinstance(node, ast.Import):
            yield from ((alias.name, None) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield from ((node.module or "", alias.name) for alias in node.names)
        else:
            yield from _imported(node)
