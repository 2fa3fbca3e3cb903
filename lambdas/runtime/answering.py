"""An answer to CloudFormation whatever happens: a stack that gets none waits for its time-out."""

from __future__ import annotations

from typing import TYPE_CHECKING

from domain.errors import InvariantBroken
from domain.stack_request import StackAnswer

if TYPE_CHECKING:
    from collections.abc import Callable

    from domain.stack_request import StackRequest


def answer_of(request: StackRequest, work: Callable[[], StackAnswer]) -> StackAnswer:
    """Return what the work answers; a defect is an answer too.

    It is not raised: Lambda would run the request again a minute later, when the stack has been rolled back and nobody would
    undo what it makes then. The report has its traceback, and an alarm tells.
    """
    try:
        return work()
    except Exception as defect:  # noqa: BLE001 - the edge: whatever it is, the stack must hear of it
        error = InvariantBroken(f"{type(defect).__name__}: {defect}")
        error.__cause__ = defect
        return StackAnswer(request.known_as, error)
