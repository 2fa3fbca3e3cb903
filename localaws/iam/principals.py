"""Who calls: the access keys that belong to a role's session."""

from __future__ import annotations

import hashlib
import itertools
import threading
from dataclasses import dataclass


@dataclass(frozen=True)
class Credentials:
    """What a process signs its calls with, as one session of a role."""

    access_key_id: str
    secret_access_key: str
    session_token: str

    def to_environ(self) -> dict[str, str]:
        """Return the variables from which an SDK reads them, as a Lambda environment has them."""
        return {
            "AWS_ACCESS_KEY_ID": self.access_key_id,
            "AWS_SECRET_ACCESS_KEY": self.secret_access_key,
            "AWS_SESSION_TOKEN": self.session_token,
        }


class Principals:
    """Which role each access key acts for. An unknown key is an administrator's: it may do everything."""

    def __init__(self) -> None:
        self._roles: dict[str, str] = {}
        self._numbers = itertools.count(1)
        self._lock = threading.Lock()

    def issue(self, role_arn: str) -> Credentials:
        """Return new credentials for a session of the role, unlike any other's.

        A temporary key id is `ASIA` and sixteen capitals or digits ("IAM identifiers", IAM user guide); moto does
        not recognize a key id of any other length.
        """
        with self._lock:
            number = next(self._numbers)
            digest = hashlib.sha256(f"{role_arn} {number}".encode()).hexdigest().upper()
            credentials = Credentials(f"ASIA{digest[:16]}", digest, digest)
            self._roles[credentials.access_key_id] = role_arn
        return credentials

    def role_of(self, access_key_id: str) -> str | None:
        """Return the ARN of the role that the key acts for, or None when it is no role's."""
        return self._roles.get(access_key_id)

    def name_of(self, access_key_id: str) -> str:
        """Return who the call log says has called: the role's ARN, or the key itself."""
        return self._roles.get(access_key_id, access_key_id)
