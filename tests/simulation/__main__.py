"""`make simulate`: bursts and failures in virtual time, on the deployed stack with its real handlers."""

from __future__ import annotations

from tests.simulation.interrupts import importing
from tests.simulation.processes import prepare

if __name__ == "__main__":
    prepare()
    # Importing the commands imports aws_cdk, and that starts node, which reads the environment that `prepare` sets.
    with importing():
        from tests.simulation.command import app

    app()()
