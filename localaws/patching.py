"""Putting our behaviour in the place of moto's, and taking it out again."""

from __future__ import annotations

import inspect
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator


@dataclass(frozen=True)
class Patch:
    """One attribute of moto to replace while an account is active.

    Attributes:
        owner: the class or module that has the attribute.
        name: the attribute.
        make: gets the original (None for an addition) and returns what stands in its place.
        adds: whether moto lacks the attribute (an API action that it does not implement).
    """

    owner: Any
    name: str
    make: Callable[[Any], Any]
    adds: bool = False


@contextmanager
def applied(patches: Iterable[Patch]) -> Iterator[None]:
    """Apply the patches in order and undo them in reverse.

    Raises:
        AttributeError: moto no longer has the attribute, or has one that was to be added: the pinned version
            changed under us.
    """
    with ExitStack() as undo:
        for patch in patches:
            if patch.adds:
                if hasattr(patch.owner, patch.name):
                    raise AttributeError(f"{patch.owner.__name__} has its own {patch.name} by now")
                setattr(patch.owner, patch.name, patch.make(None))
                undo.callback(delattr, patch.owner, patch.name)
                continue
            inherited = patch.name not in vars(patch.owner)
            raw = inspect.getattr_static(patch.owner, patch.name)
            original = getattr(patch.owner, patch.name)
            setattr(patch.owner, patch.name, patch.make(original))
            if inherited:
                undo.callback(delattr, patch.owner, patch.name)
            else:
                undo.callback(setattr, patch.owner, patch.name, raw)
        yield
