"""Answers to CloudFormation: a PUT to the presigned S3 URL that came with the request."""

from __future__ import annotations

from typing import TYPE_CHECKING

from urllib3 import PoolManager, Retry, Timeout
from urllib3.exceptions import HTTPError

from domain.errors import ServiceFault

if TYPE_CHECKING:
    from domain.stack_request import StackAnswer, StackRequest


_RETRIES = Retry(
    total=5, backoff_factor=0.5, status_forcelist=(500, 502, 503, 504), allowed_methods=("PUT",)
)
"""S3 asks to repeat what its server failed at ("Best practices design patterns", S3 User Guide); the same PUT again changes nothing."""
_TIMEOUT = Timeout(connect=3, read=10)
_REFUSED = 300
"""From this HTTP status on S3 has not taken it."""


class StackAnswers:
    """Sends answers. urllib3 comes with boto3, and AWS's own cfn-response module sends with it."""

    def __init__(self, http: PoolManager | None = None) -> None:
        self._http = http or PoolManager()

    def send(self, request: StackRequest, answer: StackAnswer) -> None:
        """Put an answer where CloudFormation waits for it.

        The URL is signed for an empty content type (CloudFormation User Guide, "cfn-response module"), and never logged: whoever
        has it can answer.

        Raises:
            ServiceFault: S3 did not take it. Without an answer CloudFormation waits until the resource's ServiceTimeout.
        """
        try:
            response = self._http.request(
                "PUT",
                request.response_url,
                body=answer.to_json(request).encode(),
                headers={"Content-Type": ""},
                retries=_RETRIES,
                timeout=_TIMEOUT,
            )
        except HTTPError as error:
            raise ServiceFault(f"the answer was not sent: {type(error).__name__}") from None
        if response.status >= _REFUSED:
            raise ServiceFault(f"the answer was not taken: HTTP status {response.status}")
