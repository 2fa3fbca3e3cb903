"""Client tokens: a repeated request gets the first answer, a different one under the same token is refused."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from localaws.ec2 import refusals

if TYPE_CHECKING:
    from collections.abc import Mapping

_MAX_LENGTH = 64
_NOT_COMPARED = frozenset({"ClientToken", "DryRun"})


class ClientTokens:
    """The tokens that one Region has seen.

    EC2 does not document how long it remembers one for CreateNetworkInterface; here it is for ever, so a token
    whose interface was deleted still answers with that interface (Amazon EC2 Developer Guide, Ensuring idempotency).
    """

    def __init__(self) -> None:
        self._seen: dict[str, tuple[str, Mapping[str, Any]]] = {}

    def replay(self, params: Mapping[str, Any]) -> Mapping[str, Any] | None:
        """Return the first answer to this very request, or None when its token is new.

        Raises:
            Refusal: the token is malformed, or was used for a request that differs in any parameter.
        """
        token = params.get("ClientToken")
        if not token:
            return None
        if len(token) > _MAX_LENGTH or not token.isascii():
            raise refusals.TOKEN_INVALID.refusal()
        if token not in self._seen:
            return None
        fingerprint, answer = self._seen[token]
        if fingerprint != _fingerprint(params):
            raise refusals.TOKEN_REUSED.refusal()
        return answer

    def remember(self, params: Mapping[str, Any], answer: Mapping[str, Any]) -> None:
        """Keep the answer for whoever repeats the request."""
        token = params.get("ClientToken")
        if token:
            self._seen[token] = (_fingerprint(params), answer)


def _fingerprint(params: Mapping[str, Any]) -> str:
    compared = {key: value for key, value in params.items() if key not in _NOT_COMPARED}
    return json.dumps(compared, sort_keys=True, default=str)
