"""AWS's managed policies, read once and only when asked for: moto makes 1 500 of them anew at every reset."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from moto.iam.models import AWSManagedPolicy, IAMBackend

from localaws.patching import Patch

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

_READ: dict[tuple[str, str], list[AWSManagedPolicy]] = {}
"""By account and partition, as moto made them: their text never changes while the program runs."""


def patches() -> Iterator[Patch]:
    """Yield what lets an IAM backend make copies, whose attachments are its own, when something first looks at them."""
    yield Patch(
        IAMBackend,
        "aws_managed_policies",
        lambda _: _lazy("aws_managed_policies", _copies),
        adds=True,
    )
    yield Patch(
        IAMBackend, "managed_policies", lambda _: _lazy("managed_policies", _by_arn), adds=True
    )
    yield Patch(IAMBackend, "_init_managed_policies", lambda _: lambda _backend: None)
    yield Patch(IAMBackend, "_init_aws_policies", _reading)


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


def _reading(
    original: Callable[[IAMBackend], list[AWSManagedPolicy]],
) -> Callable[[IAMBackend], None]:
    def read_once(backend: IAMBackend) -> None:
        key = (backend.account_id, backend.region_name)
        # Empty where moto is told to load none: that is no reading to keep.
        if not _READ.get(key):
            _READ[key] = original(backend)

    return read_once


def _copies(backend: IAMBackend) -> list[AWSManagedPolicy]:
    return [_copy(policy) for policy in _READ.get((backend.account_id, backend.region_name), [])]


def _by_arn(backend: Any) -> dict[str, AWSManagedPolicy]:  # noqa: ANN401 - the attribute above is not moto's
    return {policy.arn: policy for policy in backend.aws_managed_policies}


def _copy(policy: AWSManagedPolicy) -> AWSManagedPolicy:
    """Return a copy that moto does not track: it would keep every one alive until the next reset."""
    made: AWSManagedPolicy = object.__new__(type(policy))
    made.__dict__.update(policy.__dict__)
    return made
