"""`make report`: the tables and plots of docs/benchmarks.md, simulated and measured anew."""

from __future__ import annotations

import typer

from tests.simulation.interrupts import importing
from tests.simulation.processes import prepare

if __name__ == "__main__":
    prepare()
    # Importing what is simulated imports aws_cdk, and that starts node, which reads the environment that `prepare` sets.
    with importing():
        from tests.simulation.report.command import main

    typer.run(main)
