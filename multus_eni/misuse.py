"""What a construct refuses."""

from __future__ import annotations


class Misuse(Exception):
    """A construct is used where, or with something with which, what it makes could not work."""
