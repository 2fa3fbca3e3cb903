"""Least privilege, shown: every call the handlers make is allowed by their roles, and no grant is there for nothing.

The account authorizes each call against the deployed policies (action, resources, condition context), so a missing right
makes the lifecycle fail. What is granted and never needed shows after a life in which everything happens once.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from domain import naming, tags
from localaws.faults import Fault, FaultKind

if TYPE_CHECKING:
    from cli.demo.promises import EniView
    from localaws.events.envelope import Event
    from tests.deployed.deployment import Deployed

pytestmark = [pytest.mark.infra, pytest.mark.subprocesses("node")]

CONTROL, USER = "telco-control-plane", "telco-user-plane"
LAUNCH = "EC2 Instance-launch Lifecycle Action"


def test_no_call_is_denied_and_no_grant_is_unused(deployed: Deployed) -> None:
    _launch(deployed)
    _launch_with_drift_in_between(deployed)
    _be_throttled_past_half_of_the_heartbeat(deployed)
    _lose_an_event(deployed)
    _drift(deployed)
    _abandon(deployed)
    _abandon_a_launch_whose_event_was_lost(deployed)
    _terminate(deployed)
    _orphan(deployed)

    denied = deployed.account.calls.where(
        lambda call: (
            call.outcome in ("UnauthorizedOperation", "AccessDenied", "AccessDeniedException")
        )
    )
    assert denied == ()
    authorizations = deployed.account.authorizations
    unused = {
        handler: (authorizations.unused_actions(role), authorizations.unused_statements(role))
        for handler, role in deployed.roles.items()
    }
    assert unused == dict.fromkeys(deployed.roles, ((), ()))


def _launch(deployed: Deployed) -> None:
    deployed.desire(CONTROL, 1)
    deployed.desire(USER, 1)
    deployed.until(lambda: len(deployed.nodes()) == 2, within_s=60)
    assert deployed.broken_promises() == []


def _launch_with_drift_in_between(deployed: Deployed) -> None:
    """Somebody changes the groups of an ENI while its node still launches."""
    deployed.account.faults.inject(
        Fault(
            "AttachNetworkInterface",
            FaultKind.THROTTLE,
            times=None,
            principal=_role(deployed, naming.LAUNCH_HANDLER),
        )
    )
    deployed.desire(USER, 2)
    deployed.until(lambda: len(deployed.enis()) == 2 + 2 * 3, within_s=30)
    for eni in deployed.enis():
        if not eni.attachment:
            _strip_groups(deployed, eni)
    deployed.account.faults.clear()
    deployed.until(lambda: len(deployed.nodes()) == 3, within_s=120)


def _be_throttled_past_half_of_the_heartbeat(deployed: Deployed) -> None:
    deployed.account.faults.inject(Fault("AttachNetworkInterface", FaultKind.THROTTLE, times=None))
    deployed.desire(CONTROL, 2)
    deployed.until(
        lambda: _made(deployed, "RecordLifecycleActionHeartbeat", naming.LAUNCH_HANDLER),
        within_s=900,
    )
    deployed.until(
        lambda: _made(deployed, "RecordLifecycleActionHeartbeat", naming.RECONCILE_HANDLER),
        within_s=900,
    )
    deployed.account.faults.clear()
    deployed.until(lambda: len(deployed.nodes()) == 4, within_s=120)


def _lose_an_event(deployed: Deployed) -> None:
    deployed.account.events.lose(_is_launch, times=2)
    deployed.desire(CONTROL, 3)
    deployed.desire(USER, 3)
    deployed.until(lambda: len(deployed.nodes()) == 6, within_s=600)
    assert deployed.broken_promises() == []


def _drift(deployed: Deployed) -> None:
    """Somebody changes what is in service: tags, groups, DeleteOnTermination, source/dest check."""
    ec2 = deployed.account.client("ec2")
    for eni in deployed.enis():
        _strip_groups(deployed, eni)
        ec2.delete_tags(Resources=[eni.eni_id], Tags=[{"Key": tags.NO_MANAGE}])
        _set_delete_on_termination(deployed, eni, keep=True)
    deployed.reconcile()
    assert deployed.broken_promises() == []


def _abandon(deployed: Deployed) -> None:
    """One interface of a launching node finds its subnet full while the other waits for the instance to run."""
    deployed.account.settings.launch_s = 8
    deployed.account.faults.inject(_no_address_for("oam"))
    deployed.desire(CONTROL, 4)
    deployed.until(
        lambda: _made(deployed, "DeleteNetworkInterface", naming.LAUNCH_HANDLER), within_s=60
    )
    deployed.account.settings.launch_s = 1
    deployed.until(lambda: len(deployed.nodes()) == 7, within_s=120)


def _abandon_a_launch_whose_event_was_lost(deployed: Deployed) -> None:
    deployed.account.faults.clear()
    deployed.account.faults.inject(_no_address_for("oam"))
    deployed.account.events.lose(_is_launch)
    deployed.desire(CONTROL, 5)
    deployed.until(lambda: _made(deployed, "PutEvents", naming.RECONCILE_HANDLER), within_s=900)
    deployed.until(lambda: len(deployed.nodes()) == 8, within_s=120)
    assert deployed.broken_promises() == []


def _terminate(deployed: Deployed) -> None:
    """A node goes whose ENIs would outlive it: one attached without DeleteOnTermination, one not attached."""
    attached, loose = [
        eni for eni in deployed.enis() if eni.instance_id == deployed.nodes()[0].instance_id
    ]
    _set_delete_on_termination(deployed, attached, keep=True)
    deployed.account.faults.inject(
        Fault(
            "ModifyNetworkInterfaceAttribute",
            FaultKind.THROTTLE,
            times=5,
            principal=_role(deployed, naming.TERMINATE_HANDLER),
        )
    )
    deployed.account.client("ec2").detach_network_interface(
        AttachmentId=loose.attachment["AttachmentId"]
    )
    deployed.clock.advance(5)
    deployed.account.client("autoscaling").terminate_instance_in_auto_scaling_group(
        InstanceId=attached.instance_id, ShouldDecrementDesiredCapacity=True
    )
    deployed.until(lambda: attached.instance_id not in _ids(deployed), within_s=60)
    deployed.clock.advance(5)
    assert {attached.eni_id, loose.eni_id}.isdisjoint(eni.eni_id for eni in deployed.enis())


def _orphan(deployed: Deployed) -> None:
    """Nobody is told when a group that was taken apart by force takes its nodes along."""
    eni = deployed.enis()[0]
    _set_delete_on_termination(deployed, eni, keep=True)
    deployed.account.events.lose(times=None)
    deployed.account.client("ec2").terminate_instances(InstanceIds=[eni.instance_id])
    deployed.until(
        lambda: eni.eni_id in {left.eni_id for left in deployed.enis() if not left.attachment},
        within_s=60,
    )
    deployed.until(
        lambda: eni.eni_id not in {left.eni_id for left in deployed.enis()}, within_s=1800
    )


def _ids(deployed: Deployed) -> set[str]:
    return {node.instance_id for node in deployed.observer.nodes()}


def _no_address_for(interface: str) -> Fault:
    return Fault(
        "CreateNetworkInterface",
        FaultKind.ERROR,
        when=lambda params: f"interface {interface} of" in params["Description"],
        code="InsufficientFreeAddressesInSubnet",
        message="The specified subnet does not have enough free addresses to satisfy the request.",
    )


def _role(deployed: Deployed, handler: str) -> str:
    return deployed.roles[handler]


def _made(deployed: Deployed, action: str, handler: str) -> bool:
    role = _role(deployed, handler)
    return any(call.action == action for call in deployed.account.calls.of_principal(role))


def _is_launch(event: Event) -> bool:
    return bool(event["detail-type"] == LAUNCH)


def _strip_groups(deployed: Deployed, eni: EniView) -> None:
    vpc_id = eni.raw["VpcId"]
    ec2 = deployed.account.client("ec2")
    filters = [
        {"Name": "vpc-id", "Values": [vpc_id]},
        {"Name": "group-name", "Values": ["default"]},
    ]
    default = ec2.describe_security_groups(Filters=filters)["SecurityGroups"][0]["GroupId"]
    ec2.modify_network_interface_attribute(NetworkInterfaceId=eni.eni_id, Groups=[default])


def _set_delete_on_termination(deployed: Deployed, eni: EniView, *, keep: bool) -> None:
    deployed.account.client("ec2").modify_network_interface_attribute(
        NetworkInterfaceId=eni.eni_id,
        Attachment={
            "AttachmentId": eni.attachment["AttachmentId"],
            "DeleteOnTermination": not keep,
        },
    )
