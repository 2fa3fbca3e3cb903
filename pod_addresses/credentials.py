"""The pod's own credentials: EKS Pod Identity, or IAM roles for service accounts (IRSA). Never the node's role.

Sources: AWS SDKs and Tools Reference Guide, "Container credential provider" and "Assume role credential provider"; EKS User
Guide, "Learn how EKS Pod Identity grants Pods access to AWS services"; STS API reference, AssumeRoleWithWebIdentity.
"""

from __future__ import annotations

import ipaddress
import json
import xml.etree.ElementTree as ET
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import TYPE_CHECKING, Protocol
from urllib.parse import urlsplit

from domain.errors import ServiceFault
from domain.pods.errors import CredentialsLate, CredentialsMissing, CredentialsUnusable
from pod_addresses import endpoints, signing

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from pod_addresses.requests import Answer
    from pod_addresses.signing import Credentials

FULL_URI = "AWS_CONTAINER_CREDENTIALS_FULL_URI"
AUTHORIZATION_FILE = "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE"
WEB_IDENTITY_FILE = "AWS_WEB_IDENTITY_TOKEN_FILE"
ROLE_ARN = "AWS_ROLE_ARN"
SESSION_NAME = "AWS_ROLE_SESSION_NAME"

REFRESH_BEFORE_S = 300.0
"""Long enough for a few attempts, and for a clock that is a minute off."""
AGENTS = ("169.254.170.2", "169.254.170.23", "fd00:ec2::23")
"""The only hosts beside loopback that may be asked without TLS: the container agents of ECS and EKS (see the module)."""

_OK, _TOO_MANY, _SERVER_ERROR = 200, 429, 500


class Sender(Protocol):
    """Sends requests: pod_addresses.requests.Requests."""

    def send(self, method: str, url: str, headers: Mapping[str, str], body: bytes = b"") -> Answer:
        """Return the answer to one request."""
        ...


class PodCredentials:
    """The credentials of the pod's role, asked for when they are first needed and again before they expire."""

    def __init__(
        self,
        environ: Mapping[str, str],
        requests: Sender,
        region: str,
        now: Callable[[], datetime] = lambda: datetime.now(timezone.utc),
    ) -> None:
        """Choose where they come from; nothing is asked yet.

        Raises:
            CredentialsMissing: the environment names neither source.
        """
        self._environ = environ
        self._requests = requests
        self._region = region
        self._now = now
        self._ask = self._source()
        self._held: Credentials | None = None

    def get(self) -> Credentials:
        """Return credentials that are good for some minutes.

        Raises:
            CredentialsLate: who gives them does not answer.
            CredentialsUnusable: who gives them refuses, or answers what cannot be read. What is held is used as long as it lasts.
        """
        now = self._now()
        held = self._held
        if held is not None and now + timedelta(seconds=REFRESH_BEFORE_S) < held.expires_at:
            return held
        try:
            self._held = self._ask()
        except (CredentialsLate, CredentialsUnusable):
            if held is None or now >= held.expires_at:
                raise
            return held
        return self._held

    def forget(self) -> None:
        """Ask anew the next time: AWS says that these have expired."""
        self._held = None

    def _source(self) -> Callable[[], Credentials]:
        """Return who is asked, in the SDKs' order: IRSA before the container agent."""
        if self._environ.get(WEB_IDENTITY_FILE) and self._environ.get(ROLE_ARN):
            return self._web_identity
        if self._environ.get(FULL_URI):
            return self._pod_identity
        raise CredentialsMissing(
            "the pod has no role of its own, and the node's is not asked: what one pod may, all of the node could",
            value=f"neither {FULL_URI} nor {WEB_IDENTITY_FILE} is set",
            remedy="Give the pod's service account a role with the stack's pod-address-policy, by an EKS Pod Identity association or"
            " IRSA, and start the pod anew.",
        )

    def _pod_identity(self) -> Credentials:
        url = self._environ[FULL_URI]
        _check_host(url)
        headers = {}
        if self._environ.get(AUTHORIZATION_FILE):
            headers["Authorization"] = _token(self._environ[AUTHORIZATION_FILE])
        body = self._answer("GET", url, headers)
        try:
            told = json.loads(body)
            return _credentials(
                told["AccessKeyId"], told["SecretAccessKey"], told["Token"], told["Expiration"]
            )
        except (KeyError, TypeError, ValueError) as cause:
            raise _unreadable(url) from cause

    def _web_identity(self) -> Credentials:
        url = endpoints.url("sts", self._region, self._environ)
        parameters = {
            "Action": "AssumeRoleWithWebIdentity",
            "Version": "2011-06-15",
            "RoleArn": self._environ[ROLE_ARN],
            "RoleSessionName": self._environ.get(SESSION_NAME) or "multus-eni-pod-addresses",
            "WebIdentityToken": _token(self._environ[WEB_IDENTITY_FILE]),
        }
        body = self._answer(
            "POST", url, {"content-type": signing.CONTENT_TYPE}, signing.form(parameters)
        )
        try:
            told = {
                element.tag.rpartition("}")[2]: element.text or ""
                for element in ET.fromstring(body).iter()  # noqa: S314 - STS's own answer
            }
            return _credentials(
                told["AccessKeyId"],
                told["SecretAccessKey"],
                told["SessionToken"],
                told["Expiration"],
            )
        except (ET.ParseError, KeyError, ValueError) as cause:
            raise _unreadable(url) from cause

    def _answer(
        self, method: str, url: str, headers: Mapping[str, str], body: bytes = b""
    ) -> bytes:
        try:
            answer = self._requests.send(method, url, headers, body)
        except ServiceFault as silent:
            raise CredentialsLate(
                "who gives the pod its credentials does not answer",
                value=str(silent),
                remedy="Look at the EKS Pod Identity agent of the node, or at the way to STS.",
            ) from silent
        if answer.status == _OK:
            return answer.body
        told = " ".join(answer.body.decode(errors="replace").split())[:200]
        if answer.status >= _SERVER_ERROR or answer.status == _TOO_MANY:
            raise CredentialsLate(
                "who gives the pod its credentials fails",
                value=f"{answer.status} {told}",
                remedy="It is asked again.",
            )
        raise CredentialsUnusable(
            "the pod gets no credentials",
            value=f"{answer.status} {told}",
            remedy="Look at the Pod Identity association, or at the trust policy of the role that the service account names.",
        )


def _check_host(url: str) -> None:
    """Refuse to send the pod's token over a wire that somebody else may read.

    Raises:
        CredentialsUnusable: see above.
    """
    parts = urlsplit(url)
    host = parts.hostname or ""
    if parts.scheme == "https" or host in AGENTS or host == "localhost" or _is_loopback(host):
        return
    raise CredentialsUnusable(
        f"{FULL_URI} is neither of https nor of an agent on the node",
        value=url,
        remedy="EKS sets it for pods with a Pod Identity association: leave it to that.",
    )


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _token(path: str) -> str:
    """Return what a projected token's file says now: kubelet writes it anew before it expires."""
    try:
        return Path(path).read_text(encoding="utf-8").strip()
    except OSError as cause:
        raise CredentialsUnusable(
            "the pod's token cannot be read",
            value=f"{path}: {cause.strerror}",
            remedy="Leave runAsUser the same for all containers of the pod, or set fsGroup, so that kubelet gives the file to it.",
        ) from cause


def _credentials(key: str, secret: str, token: str, expiration: str) -> Credentials:
    # Python 3.9 reads no Z, and some agents add fractions of a second.
    moment = datetime.strptime(expiration[:19], "%Y-%m-%dT%H:%M:%S").replace(tzinfo=timezone.utc)
    return signing.Credentials(key, secret, token, moment)


def _unreadable(url: str) -> CredentialsUnusable:
    return CredentialsUnusable(
        "the answer with the pod's credentials cannot be read",
        value=url,
        remedy="Look for a proxy or another program that answers at this address.",
    )
