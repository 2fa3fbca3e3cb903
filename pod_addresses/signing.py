"""Signature Version 4 of a request whose parameters are in its body.

Source: AWS Signature Version 4 for API requests, IAM User Guide, "Create a signed AWS API request".
"""

from __future__ import annotations

import hashlib
import hmac
from dataclasses import dataclass, field
from typing import TYPE_CHECKING
from urllib.parse import quote

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

ALGORITHM = "AWS4-HMAC-SHA256"
CONTENT_TYPE = "application/x-www-form-urlencoded; charset=utf-8"


@dataclass(frozen=True)
class Credentials:
    """What a session of a role signs with."""

    access_key_id: str
    secret_access_key: str = field(repr=False)
    session_token: str = field(repr=False)
    expires_at: datetime


def form(parameters: Mapping[str, str]) -> bytes:
    """Return the body of a request: sorted, and with only RFC 3986's unreserved characters as they are."""
    pairs = (
        f"{quote(key, safe='-_.~')}={quote(value, safe='-_.~')}"
        for key, value in sorted(parameters.items())
    )
    return "&".join(pairs).encode()


def signed(
    body: bytes,
    *,
    host: str,
    path: str,
    service: str,
    region: str,
    credentials: Credentials,
    now: datetime,
) -> dict[str, str]:
    """Return the headers of a POST request, its signature among them.

    Args:
        body: the request's.
        host: with its port, where that is not the scheme's own.
        path: absolute, of unreserved characters and slashes.
        service: as the signature's scope names it: ec2.
        region: the same.
        credentials: to sign with.
        now: in UTC; AWS takes a signature for five minutes (EC2 API reference, Error codes: RequestExpired).
    """
    stamp, day = now.strftime("%Y%m%dT%H%M%SZ"), now.strftime("%Y%m%d")
    headers = {
        "content-type": CONTENT_TYPE,
        "host": host,
        "x-amz-date": stamp,
        "x-amz-security-token": credentials.session_token,
    }
    names = ";".join(sorted(headers))
    canonical = "\n".join(
        (
            "POST",
            path,
            "",
            *(f"{name}:{value.strip()}" for name, value in sorted(headers.items())),
            "",
            names,
            hashlib.sha256(body).hexdigest(),
        )
    )
    scope = f"{day}/{region}/{service}/aws4_request"
    digest = hashlib.sha256(canonical.encode()).hexdigest()
    key = f"AWS4{credentials.secret_access_key}".encode()
    for part in (day, region, service, "aws4_request"):
        key = hmac.new(key, part.encode(), hashlib.sha256).digest()
    to_sign = f"{ALGORITHM}\n{stamp}\n{scope}\n{digest}"
    signature = hmac.new(key, to_sign.encode(), hashlib.sha256).hexdigest()
    return {
        **headers,
        "authorization": f"{ALGORITHM} Credential={credentials.access_key_id}/{scope}, SignedHeaders={names}, Signature={signature}",
    }
