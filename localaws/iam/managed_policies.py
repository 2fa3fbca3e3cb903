"""AWS's managed policies, read once and only when asked for: moto makes 1 500 of them anew at every reset."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from moto.iam.models import IAMBackend, ManagedPolicy

from localaws.patching import Patch

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

_READ: dict[tuple[str, str], list[ManagedPolicy]] = {}
"""By account and partition, as moto made them: their text never changes while the program runs."""


def patches() -> Iterator[Patch]:
    """Yield what lets an IAM backend make copies, whose attachments are its own, when something first looks at them."""
    read = IAMBackend._init_aws_policies
    yield Patch(
        IAMBackend,
        "aws_managed_policies",
        lambda _: _lazy("aws_managed_policies", lambda backend: _copies(backend, read)),
        adds=True,
    )
    yield Patch(
        IAMBackend, "managed_policies", lambda _: _lazy("managed_policies", _by_arn), adds=True
    )
    # A call looks for its caller in every partition, and so makes a backend for each.
    yield Patch(IAMBackend, "_init_aws_policies", lambda _: lambda _backend: None)
    yield Patch(IAMBackend, "_init_managed_policies", lambda _: lambda _backend: None)


def _lazy(name: str, make: Callable[[IAMBackend], object]) -> property:
    """Return an attribute that is made when it is first read; assigning None leaves that for later."""

    def read(backend: IAMBackend) -> object:
        if name not in vars(backend):
            vars(backend)[name] = make(backend)
        return vars(backend)[name]

    def write(backend: IAMBackend, value: object) -> None:
        if value is not None:
            vars(backend)[name] = value

    return property(read, write)


def _copies(
    backend: IAMBackend, read: Callable[[IAMBackend], list[ManagedPolicy]]
) -> list[ManagedPolicy]:
    key = (backend.account_id, backend.region_name)
    # Empty where moto is told to load none: that is no reading to keep.
    if not _READ.get(key):
        _READ[key] = read(backend)
    return [_copy(policy) for policy in _READ[key]]


def _by_arn(backend: Any) -> dict[str, ManagedPolicy]:  # noqa: ANN401 - the attribute above is not moto's
    return {policy.arn: policy for policy in backend.aws_managed_policies}


def _copy(policy: ManagedPolicy) -> ManagedPolicy:
    """Return a copy that moto does not track: it would keep every one alive until the next reset."""
    made: ManagedPolicy = object.__new__(type(policy))
    made.__dict__.update(policy.__dict__)
    return made
