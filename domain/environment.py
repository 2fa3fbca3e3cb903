"""The functions' environment variables: written by the stack, read by the handlers, spelled only here."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import TYPE_CHECKING

from domain.errors import EnvironmentInvalid

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

PREFIX = "MULTUS_ENI_"


@dataclass(frozen=True)
class FunctionEnvironment:
    """What a function is told by the stack, besides the configuration in its asset.

    Each field is the variable MULTUS_ENI_<FIELD>.
    """

    owner: str
    launch_hook: str
    terminate_hook: str
    heartbeat_timeout_s: int
    launch_queue_url: str
    """Read by the launch function, which paces its own retries there; its backlog tells the reconciler whether a
    waiting node is merely queued."""
    terminate_queue_url: str
    """The same for terminations and state changes."""
    orphan_min_age_s: int
    max_deletions: int
    """The most network interfaces one reconcile run deletes."""
    max_adoptions: int
    """The most nodes in service that one reconcile run gives interfaces."""
    dry_run: bool
    """Whether the reconciler only reports what it would do."""

    def to_environ(self) -> dict[str, str]:
        """Return the variables as the stack writes them."""
        return {
            PREFIX + field.name.upper(): _written(getattr(self, field.name))
            for field in fields(self)
        }


def from_environ(environ: Mapping[str, str]) -> FunctionEnvironment:
    """Read what `to_environ` wrote.

    Raises:
        EnvironmentInvalid: a variable is missing or malformed; the message is one line that names every such variable.
    """
    faults = []
    values: dict[str, object] = {}
    for field in fields(FunctionEnvironment):
        variable = PREFIX + field.name.upper()
        if variable not in environ:
            faults.append(f"{variable} is not set")
            continue
        try:
            values[field.name] = _READERS[str(field.type)](environ[variable])
        except (KeyError, ValueError):
            expected = _EXPECTED[str(field.type)]
            faults.append(f"{variable}={environ[variable]!r} is not {expected}")
    if faults:
        raise EnvironmentInvalid(
            "; ".join(faults) + ": deploy the stack again, it sets every variable"
        )
    return FunctionEnvironment(**values)  # type: ignore[arg-type]


def _written(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _boolean(text: str) -> bool:
    return {"true": True, "false": False}[text]


_READERS: dict[str, Callable[[str], object]] = {"str": str, "int": int, "bool": _boolean}
_EXPECTED = {"str": "text", "int": "a whole number", "bool": "true or false"}
