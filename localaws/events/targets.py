"""Queues and functions as targets: what must be granted, and what a target that is not there answers."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from moto.kms.models import kms_backends
from moto.utilities.arns import parse_arn

from localaws.events.delivery import DeliveryFailed
from localaws.events.resource_policies import ServiceRequest, allows
from localaws.queues.sending import policy_of, queue_at, send

if TYPE_CHECKING:
    from collections.abc import Mapping

    from moto.sqs.models import Queue

    from localaws.account import Account

SERVICE = "events.amazonaws.com"
AWS_MANAGED_KEY = "alias/aws/sqs"


class Targets:
    """Hands payloads to targets on behalf of rules; the caller holds the account's lock."""

    def __init__(self, account: Account) -> None:
        self._account = account

    def hand(
        self,
        sender_arn: str,
        target_arn: str,
        payload: str,
        attributes: Mapping[str, str] | None = None,
    ) -> None:
        """Hand over a payload.

        Raises:
            DeliveryFailed: the target is missing, or does not let the sender in.
        """
        if parse_arn(target_arn).service == "sqs":
            self._to_queue(sender_arn, target_arn, payload, attributes)
        else:
            self._to_function(sender_arn, target_arn, payload)

    def _to_queue(
        self, sender_arn: str, arn: str, payload: str, attributes: Mapping[str, str] | None
    ) -> None:
        if self._account.queues.is_down:
            raise DeliveryFailed(
                "SERVICE_UNAVAILABLE", "Amazon SQS does not answer", retryable=True
            )
        queue = queue_at(arn)
        if queue is None:
            raise DeliveryFailed("RESOURCE_NOT_FOUND", f"The queue {arn} does not exist")
        if not allows(policy_of(queue), _request("sqs:SendMessage", arn, sender_arn)):
            raise DeliveryFailed(
                "NO_PERMISSIONS", f"The policy of {arn} does not allow {SERVICE} for {sender_arn}"
            )
        _check_key(queue, sender_arn)
        send(queue, payload, attributes)

    def _to_function(self, sender_arn: str, arn: str, payload: str) -> None:
        function = self._account.functions.find(arn)
        if function is None:
            raise DeliveryFailed("RESOURCE_NOT_FOUND", f"The function {arn} does not exist")
        policy = self._account.functions.policy(arn)
        if not allows(policy, _request("lambda:InvokeFunction", arn, sender_arn)):
            raise DeliveryFailed(
                "NO_PERMISSIONS", f"The policy of {arn} does not allow {SERVICE} for {sender_arn}"
            )
        self._account.functions.invoke_async(arn, payload.encode())


def _request(action: str, resource: str, sender_arn: str) -> ServiceRequest:
    return ServiceRequest(
        SERVICE,
        action,
        resource,
        {
            "aws:sourcearn": sender_arn,
            "aws:sourceaccount": parse_arn(sender_arn).account,
            "aws:securetransport": "true",
        },
    )


def _check_key(queue: Queue, sender_arn: str) -> None:
    """Refuse a queue whose key the sender may not use.

    The policy of the AWS managed key cannot be changed, so EventBridge cannot send to a queue under it; a customer
    managed key must allow kms:GenerateDataKey and kms:Decrypt (EventBridge User Guide, "Using resource-based policies
    for Amazon EventBridge", Amazon SQS permissions; re:Post, "Why didn't my Amazon SQS queue receive messages from
    EventBridge").
    """
    key_id: str | None = queue.kms_master_key_id  # type: ignore[attr-defined]  # set by name, from the attributes
    if not key_id:
        return
    failure = DeliveryFailed("NO_PERMISSIONS", f"The key {key_id} does not allow {SERVICE}")
    if key_id.endswith(AWS_MANAGED_KEY):
        raise failure
    backend = kms_backends[queue.account_id][queue.region]
    found = backend.get_key_id_from_alias(key_id) if "alias/" in key_id else key_id.split("/")[-1]
    key = backend.keys.get(found or "")
    if key is None:
        raise failure
    policy = json.loads(key.policy)
    for action in ("kms:GenerateDataKey", "kms:Decrypt"):
        if not allows(policy, _request(action, key.arn, sender_arn)):
            raise failure
