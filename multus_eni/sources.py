"""Where the sources are that functions and nodes run: beside this package, installed, vendored or cloned."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
PACKAGES = (
    "account",
    "authoring",
    "domain",
    "lambdas",
    "node_bootstrap",
    "pod_addresses",
    "stacks",
)
UNITS = "node_bootstrap/units"


def check() -> None:
    """Refuse to go on with half of the sources, or with somebody else's.

    Raises:
        ImportError: and what to do about it.
    """
    needed = [*(f"{name}/__init__.py" for name in PACKAGES), UNITS]
    missing = [name for name in needed if not (ROOT / name).exists()]
    if missing:
        raise ImportError(
            f"multus_eni is in {ROOT} without {', '.join(missing)}: the functions' and nodes' code is made of them. "
            "Install multus-eni with pip, or vendor its repository whole; it does not run from a zip file."
        )
    for name in PACKAGES:
        where = _where(name)
        if where != ROOT / name:
            raise ImportError(
                f"multus_eni needs its own package {name}, and Python finds {where}: rename yours, or run multus_eni in "
                "an application that has no package or module of that name."
            )


def _where(name: str) -> Path | None:
    """Return the folder or file that an import of a package would get."""
    spec = find_spec(name)
    if spec is None:
        return None
    if spec.submodule_search_locations:
        return Path(next(iter(spec.submodule_search_locations))).resolve()
    return Path(str(spec.origin)).resolve()
