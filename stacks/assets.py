"""The functions' code: our two packages, the resolved configuration and pure-Python dependencies, in one archive."""

from __future__ import annotations

import hashlib
import importlib.metadata
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

from domain.config import to_json
from domain.naming import CONFIG_FILE
from stacks import archives

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from domain.config import Config

PACKAGES = ("domain", "lambdas")
ELSEWHERE = ("domain/node/", "domain/pods/", "domain/preflight/")
"""What only the nodes, and only the operator's command, import."""
DISTRIBUTIONS = ("aws-lambda-powertools", "jmespath", "typing_extensions")
"""Powertools and all that it requires. boto3 stays out: the Lambda runtime carries it."""

_COMPILED = (".so", ".pyd", ".dylib", ".dll")


class AssetError(Exception):
    """The functions' code cannot be put together from what is installed here."""


@dataclass(frozen=True)
class FunctionsAsset:
    """A staged archive and the digest of its content."""

    archive: Path
    digest: str
    """Of names and bytes, not of the archive: another zlib compresses to other bytes, and the code is the same."""


def stage(config: Config, *, repository: Path, build: Path) -> FunctionsAsset:
    """Write the functions' archive below `build` and return where it is.

    The archive's name carries the digest, so one that is there is right and need not be written.

    Raises:
        AssetError: a dependency is not installed, or holds a compiled extension.
    """
    content = functions_content(config, repository=repository)
    digest = _digest(content)
    archive = build / "functions" / f"{config.owner}-{digest[:16]}.zip"
    if not archive.exists():
        archives.stage(archive, archives.zip_bytes(content))
    return FunctionsAsset(archive, digest)


def functions_content(config: Config, *, repository: Path) -> dict[str, bytes]:
    """Return every file of the archive by its name in it.

    Only Python source ships. What the distributions hold besides (Swagger's scripts, type markers, metadata) is for
    features and tools that a handler does not use.

    Raises:
        AssetError: a dependency is not installed, or holds a compiled extension.
    """
    content = {CONFIG_FILE: to_json(config).encode()}
    for package in PACKAGES:
        root = repository / package
        for source in root.rglob("*.py"):
            name = source.relative_to(repository).as_posix()
            if not name.startswith(ELSEWHERE):
                content[name] = source.read_bytes()
    for name in DISTRIBUTIONS:
        content.update(_distribution_content(name))
    return content


def _distribution_content(name: str) -> Iterator[tuple[str, bytes]]:
    """Yield the source files of an installed distribution, as its own record lists them."""
    try:
        files = importlib.metadata.files(name)
    except importlib.metadata.PackageNotFoundError:
        files = None
    if not files:
        raise AssetError(f"{name} is not installed with a record of its files: run `make setup`")
    for file in files:
        path = PurePosixPath(file)
        if path.suffix in _COMPILED:
            raise AssetError(
                f"{name} holds {path}, compiled for this machine and not for Lambda's: "
                "install its pure-Python wheel"
            )
        if path.suffix == ".py" and ".." not in path.parts:
            yield str(path), Path(str(file.locate())).read_bytes()


def _digest(content: Mapping[str, bytes]) -> str:
    digest = hashlib.sha256()
    for name, data in sorted(content.items()):
        digest.update(f"{name}\0{len(data)}\0".encode())
        digest.update(data)
    return digest.hexdigest()
