"""Options that several commands have."""

from __future__ import annotations

import os
from typing import Annotated, TypeAlias

import typer

FITTING_INTERFACES = 7
"""As many as fit on the simulated instance type besides the primary one."""
CORES = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1

Nodes: TypeAlias = Annotated[int, typer.Option(min=1, max=1000, help="How many nodes at once.")]
Interfaces: TypeAlias = Annotated[
    int, typer.Option(min=1, max=FITTING_INTERFACES, help="Interfaces per node.")
]
Seed: TypeAlias = Annotated[int, typer.Option(help="The same seed, the same run.")]
Jobs: TypeAlias = Annotated[int, typer.Option(min=1, help="How many runs side by side.")]
