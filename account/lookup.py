"""All that a file leaves to the account, asked at once."""

from __future__ import annotations

from typing import TYPE_CHECKING

import authoring
from account.cluster import describe
from account.groups import look_up
from account.session import AccountUnreachable, Session
from domain.errors import ConfigInvalid, Problem

if TYPE_CHECKING:
    from collections.abc import Callable


def completed(
    authored: authoring.Authored, *, region: str | None, account: str | None = None
) -> authoring.Authored:
    """Return the file with what only the account knows: the Auto Scaling groups, and the cluster of created groups.

    Args:
        authored: what was written; where it says all, nobody is asked, and no credentials are needed.
        region: where to ask; None leaves it to the environment.
        account: the one that is deployed into; None: it is not known. The CDK's CLI keeps the credentials of its --profile
            from the application, which then has other ones, or none.

    Raises:
        ConfigInvalid: with every problem of every look-up; or the credentials are of another account.
    """
    cluster = authoring.sought_cluster(authored)
    if not authoring.sought(authored) and cluster is None:
        return authored
    session = _session(region, account)
    problems: list[Problem] = []
    try:
        authored = with_groups(authored, lambda: session)
    except ConfigInvalid as invalid:
        problems += invalid.problems
    if cluster is not None:
        try:
            authored = authoring.with_cluster(authored, describe(cluster, session))
        except ConfigInvalid as invalid:
            problems += invalid.problems
    if problems:
        raise ConfigInvalid(problems)
    return authored


def with_groups(authored: authoring.Authored, session: Callable[[], Session]) -> authoring.Authored:
    """Return the file with the names of all Auto Scaling groups.

    Args:
        authored: what was written.
        session: makes the session, if there is something to look up.

    Raises:
        ConfigInvalid: with every problem of every look-up.
        AccountUnreachable: as the session's maker raises it.
    """
    sought = authoring.sought(authored)
    return authoring.adopted(authored, look_up(sought, session())) if sought else authored


def _session(region: str | None, account: str | None) -> Session:
    try:
        session = Session(region=region, profile=None)
        found = session.account_id() if account else None
    except AccountUnreachable as unreachable:
        raise ConfigInvalid([_unasked(None, unreachable.message, unreachable.remedy)]) from None
    if account and found != account:
        raise ConfigInvalid(
            [
                _unasked(
                    found,
                    f"the credentials are not of the account {account}, which is deployed into",
                    "Set AWS_PROFILE instead of giving the CDK's CLI --profile, which does not reach the application.",
                )
            ]
        )
    return session


def _unasked(value: str | None, message: str, remedy: str) -> Problem:
    return Problem("(the account)", value, f"cannot be asked: {message}", remedy)
