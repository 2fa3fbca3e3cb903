"""The process's environment while an embedded account is at work in it."""

from __future__ import annotations

import os
from contextlib import contextmanager
from typing import TYPE_CHECKING

from localaws.identity import REGION

if TYPE_CHECKING:
    from collections.abc import Iterator


@contextmanager
def environment_of_our_own() -> Iterator[None]:
    """Hide every AWS variable of the caller: an endpoint or a profile would lead the handlers' clients out of here.

    Moto, too, must be imported in here: it opens a boto3 session then, which fails where a profile does not exist.
    """
    hidden = {name: os.environ.pop(name) for name in list(os.environ) if name.startswith("AWS_")}
    os.environ.update(ours := {"AWS_DEFAULT_REGION": REGION, "AWS_EC2_METADATA_DISABLED": "true"})
    try:
        yield
    finally:
        for name in ours:
            del os.environ[name]
        os.environ.update(hidden)
