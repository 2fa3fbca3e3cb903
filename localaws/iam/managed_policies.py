"""AWS's managed policies, read once: moto reads 1 500 of them anew for every account, partition and reset."""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING

from moto.iam.models import AWSManagedPolicy, IAMBackend

from localaws.patching import Patch

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

_READ: dict[tuple[str, str], list[AWSManagedPolicy]] = {}
"""By account and partition, as moto made them: their text never changes while the program runs."""


def patches() -> Iterator[Patch]:
    """Yield what lets a new IAM backend start with copies, whose attachments are its own."""
    yield Patch(IAMBackend, "_init_aws_policies", _copies)


def _copies(
    original: Callable[[IAMBackend], list[AWSManagedPolicy]],
) -> Callable[[IAMBackend], list[AWSManagedPolicy]]:
    def init_aws_policies(backend: IAMBackend) -> list[AWSManagedPolicy]:
        key = (backend.account_id, backend.region_name)
        # Empty where moto is told to load none: that is no reading to keep.
        if not _READ.get(key):
            _READ[key] = original(backend)
        return [copy.copy(policy) for policy in _READ[key]]

    return init_aws_policies
