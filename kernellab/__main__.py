"""Build the lab's image and boot its node once: `python -m kernellab build`."""

from __future__ import annotations

import argparse
import sys
import time

from kernellab import image
from kernellab.guest import Guest
from kernellab.packages import BuildFailed
from kernellab.qemu import GuestSilent


def main(arguments: list[str] | None = None) -> int:
    """Build the image and save the states that guests start from, or name what is missing for that."""
    parser = argparse.ArgumentParser(prog="python -m kernellab", description=__doc__)
    parser.add_argument("command", choices=["build", "missing"])
    command = parser.parse_args(arguments).command
    lacks = image.missing()
    for what in lacks:
        sys.stderr.write(f"missing: {what}\n")
    if lacks or command == "missing":
        return 1 if lacks else 0
    began = time.monotonic()
    try:
        built = image.build()
        with Guest(image=built):
            pass
    except (BuildFailed, GuestSilent) as error:
        sys.stderr.write(f"{error}\n")
        return 1
    sys.stdout.write(
        f"{built.folder}: Linux {built.kernel_release}, Python {built.python},"
        f" {time.monotonic() - began:.1f} s\n"
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
