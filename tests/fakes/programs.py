"""Programs of a host that note how they were started and end as they are told."""

from __future__ import annotations

from typing import TYPE_CHECKING

from domain.node.errors import ToolFailed
from node_bootstrap.programs import Programs

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence


class ToldPrograms(Programs):
    """Each program succeeds in silence, unless a failure is told for its name."""

    def __init__(self, failures: Mapping[str, str] | None = None) -> None:
        super().__init__()
        self.calls: list[tuple[str, ...]] = []
        self.environs: list[Mapping[str, str]] = []
        self.failures = dict(failures or {})

    def run(
        self,
        argv: Sequence[str],
        *,
        timeout_s: float,
        environ: Mapping[str, str] | None = None,
        with_stderr: bool = False,
    ) -> str:
        """Note the call. What a program says is empty, with and without its stderr.

        Raises:
            ToolFailed: the program is to fail.
        """
        del with_stderr
        assert timeout_s > 0
        self.started += 1
        self.calls.append(tuple(argv))
        self.environs.append(environ or {})
        if argv[0] in self.failures:
            raise ToolFailed(
                f"{argv[0]} ended with 254", value=f"{' '.join(argv)}: {self.failures[argv[0]]}"
            )
        return ""
