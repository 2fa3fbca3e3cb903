"""A rule of AWS, written down once: the code it answers with, the words, and where AWS says so."""

from __future__ import annotations

from dataclasses import dataclass

from moto.core.exceptions import ServiceException


class Refusal(ServiceException):
    """What a caller gets: an AWS error code, a message and an HTTP status."""

    def __init__(self, code: str, message: str, status: int = 400) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.status_code = status


@dataclass(frozen=True)
class Rule:
    """One refusal of AWS.

    Attributes:
        code: the error code on the wire.
        message: a format string for the facts of the case.
        source: where AWS documents it, or the public thread where it was seen; every rule has one.
        status: the HTTP status.
    """

    code: str
    message: str
    source: str
    status: int = 400

    def refusal(self, **facts: object) -> Refusal:
        """Return the error to raise for these facts."""
        return Refusal(self.code, self.message.format(**facts), self.status)
