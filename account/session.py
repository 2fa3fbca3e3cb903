"""The caller's credentials: whose account it is, or why it cannot be told."""

from __future__ import annotations

import os
from typing import Any

import boto3
from botocore.config import Config
from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    NoCredentialsError,
    NoRegionError,
    ProfileNotFound,
)
from botocore.parsers import ResponseParserError

CONFIG = Config(
    retries={"mode": "standard", "total_max_attempts": 6},
    connect_timeout=5,
    read_timeout=20,
    user_agent_extra="multus-eni",
)


UNANSWERED = (BotoCoreError, ResponseParserError)
"""What boto3 raises where there is no answer, or none of AWS's: a proxy's page is no XML."""


class AccountUnreachable(Exception):
    """The account cannot be asked at all: no credentials, the wrong ones, or no way there."""

    def __init__(self, message: str, remedy: str) -> None:
        super().__init__(f"{message}. {remedy}")
        self.message = message
        self.remedy = remedy


class RegionUnknown(AccountUnreachable):
    """Nobody says which Region to ask."""


class Session:
    """Makes clients with the caller's credentials."""

    def __init__(self, *, region: str | None, profile: str | None) -> None:
        """Take Region and profile where they are given, else what the environment and the AWS configuration say.

        Raises:
            AccountUnreachable: there is no such profile.
            RegionUnknown: neither says a Region.
        """
        try:
            # boto3 knows AWS_DEFAULT_REGION alone; other SDKs, the CDK's among them, read AWS_REGION first.
            self._session = boto3.session.Session(
                profile_name=profile, region_name=region or os.environ.get("AWS_REGION")
            )
        except ProfileNotFound as missing:
            raise AccountUnreachable(
                line(missing), "Name a profile of your AWS configuration."
            ) from missing
        if self._session.region_name is None:
            raise RegionUnknown(
                "No Region is known",
                "Write `region:` in the file, or set AWS_REGION.",
            )
        self.region: str = self._session.region_name

    def client(self, service: str) -> Any:  # noqa: ANN401 - each service's client has a type of its own
        """Return a client; each is used for one reading."""
        return self._session.client(service, config=CONFIG)  # type: ignore[call-overload]  # any service

    def account_id(self) -> str:
        """Return the account's id; the one call that nobody needs a right for (AWS STS API reference).

        Raises:
            AccountUnreachable: no credentials, or AWS does not accept them, or it does not answer.
        """
        try:
            return str(self._session.client("sts", config=CONFIG).get_caller_identity()["Account"])
        except NoCredentialsError as missing:
            raise AccountUnreachable(
                "There are no AWS credentials",
                "Log in (aws sso login), or set AWS_PROFILE.",
            ) from missing
        except NoRegionError as missing:
            raise AccountUnreachable(line(missing), "Set AWS_REGION.") from missing
        except ClientError as refused:
            raise AccountUnreachable(
                f"AWS does not accept the credentials: {refused.response['Error']['Code']}",
                "Log in again, or choose another profile with AWS_PROFILE.",
            ) from refused
        except UNANSWERED as failed:
            raise AccountUnreachable(
                line(failed), "Check the credentials and the way to AWS."
            ) from failed


def line(error: Exception) -> str:
    """Return what went wrong in one line, without the page that something else sent in the place of AWS's answer."""
    if isinstance(error, ResponseParserError):
        return "What answers is not AWS, and may be a proxy"
    return " ".join(str(error).split()).rstrip(".")
