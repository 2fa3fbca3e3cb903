"""Every resource type that this account can create; a template with any other is refused."""

from __future__ import annotations

from typing import TYPE_CHECKING

from localaws.cloudformation.resources import (
    autoscaling,
    clusters,
    custom,
    functions,
    identity,
    messaging,
    network,
    observation,
    storage,
)
from localaws.cloudformation.resources.handler import Handler, Made, Request

if TYPE_CHECKING:
    from collections.abc import Mapping


def _nothing(request: Request) -> Made:
    return Made(request.physical_id or request.name(""))


def _nothing_left(_request: Request) -> None:
    return


RECORDS = {
    "AWS::CDK::Metadata": Handler(_nothing, _nothing, _nothing_left),
    "AWS::CloudFormation::WaitConditionHandle": Handler(_nothing, _nothing, _nothing_left),
}
"""Types that are only remembered: AWS creates nothing for them either."""

HANDLERS: Mapping[str, Handler] = {
    **RECORDS,
    **autoscaling.HANDLERS,
    **clusters.HANDLERS,
    **custom.HANDLERS,
    **functions.HANDLERS,
    **identity.HANDLERS,
    **messaging.HANDLERS,
    **network.HANDLERS,
    **observation.HANDLERS,
    **storage.HANDLERS,
}
