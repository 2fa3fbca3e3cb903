"""AWS's error codes: each means one thing, and whatever is not known never looks like success."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from botocore.exceptions import (
    ClientError,
    ConnectTimeoutError,
    NoCredentialsError,
    NoRegionError,
    ParamValidationError,
)

from domain import errors
from lambdas.aws.errors import (
    is_denied,
    is_gone,
    is_no_active_action,
    is_throttle,
    translate,
    translated,
)

if TYPE_CHECKING:
    from domain.errors import EniLifecycleError

TABLE: list[tuple[type[EniLifecycleError], list[str]]] = [
    (errors.Throttled, ["RequestLimitExceeded", "EC2ThrottledException", "Throttling"]),
    (errors.Throttled, ["ThrottlingException", "TooManyRequestsException", "SlowDown"]),
    (errors.Throttled, ["RequestThrottled", "RequestThrottledException", "BandwidthLimitExceeded"]),
    (errors.ServiceFault, ["InternalError", "InternalFailure", "ServiceUnavailable"]),
    (errors.ServiceFault, ["Unavailable", "RequestTimeout", "InternalServerError"]),
    (errors.NotYetVisible, ["InvalidNetworkInterfaceID.NotFound", "InvalidInstanceID.NotFound"]),
    (errors.NotYetVisible, ["InvalidAttachmentID.NotFound", "InvalidNetworkInterface.NotFound"]),
    (errors.WrongState, ["IncorrectState", "IncorrectInstanceState", "InvalidInstanceState"]),
    (errors.WrongState, ["InvalidNetworkInterface.InUse", "ConcurrentTagAccess"]),
    (errors.WrongState, ["ResourceContention", "InvalidState"]),
    (errors.AddressTaken, ["InvalidIPAddress.InUse"]),
    (errors.SubnetExhausted, ["InsufficientFreeAddressesInSubnet"]),
    (errors.AttachmentLimitReached, ["AttachmentLimitExceeded"]),
    (errors.QuotaReached, ["NetworkInterfaceLimitExceeded", "PrivateIpAddressLimitExceeded"]),
    (errors.QuotaReached, ["InvalidInterface.IpAddressLimitExceeded", "TagLimitExceeded"]),
    (errors.QuotaReached, ["SecurityGroupsPerInterfaceLimitExceeded"]),
    (errors.SpecRejected, ["InvalidSubnetID.NotFound", "InvalidSecurityGroupID.NotFound"]),
    (errors.SpecRejected, ["InvalidSubnetId.NotFound", "UnsupportedOperation"]),
    (errors.ServiceFault, ["ExpiredToken", "RequestExpired", "SignatureDoesNotMatch"]),
    (errors.ServiceFault, ["InvalidClientTokenId", "UnrecognizedClientException"]),
    (errors.ServiceFault, ["IncompleteSignature", "MissingAuthenticationToken"]),
    (errors.TokenSpent, ["IdempotentParameterMismatch"]),
    (errors.SpecRejected, ["InvalidGroup.NotFound", "Resource.AlreadyAssigned"]),
    (errors.SpecRejected, ["OperationNotPermitted", "InvalidParameterValue", "ValidationError"]),
    (errors.AccessDenied, ["UnauthorizedOperation", "AuthFailure", "AccessDenied"]),
    (errors.InvariantBroken, ["MissingParameter", "InvalidInstanceID.Malformed", "OptInRequired"]),
    (errors.InvariantBroken, ["SomethingNewOfEc2s"]),
]
CODES = [(kind, code) for kind, codes in TABLE for code in codes]


def refusal(code: str, message: str = "it says so", status: int = 400) -> ClientError:
    response = {
        "Error": {"Code": code, "Message": message},
        "ResponseMetadata": {"HTTPStatusCode": status},
    }
    return ClientError(response, "AttachNetworkInterface")  # type: ignore[arg-type]  # only what is read of it


@pytest.mark.parametrize(("kind", "code"), CODES, ids=[code for _, code in CODES])
def test_a_code_means_one_thing(kind: type[EniLifecycleError], code: str) -> None:
    error = translate(refusal(code))
    assert type(error) is kind
    assert str(error) == f"AttachNetworkInterface: {code}: it says so"
    assert error.details == {"operation": "AttachNetworkInterface", "aws_code": code}


@pytest.mark.parametrize(
    ("message", "kind"),
    [
        (
            "Instance 'i-1' already has an interface attached at device index '1'.",
            errors.DeviceIndexTaken,
        ),
        ("Network interface 'eni-1' is currently in use.", errors.WrongState),
        ("Address 10.0.0.1 is not in the subnet", errors.SpecRejected),
    ],
)
def test_one_code_with_several_meanings_is_told_apart_by_its_text(
    message: str, kind: type[EniLifecycleError]
) -> None:
    assert type(translate(refusal("InvalidParameterValue", message))) is kind


@pytest.mark.parametrize("code", ["503", "SomethingNewOfTheServers"])
def test_an_unknown_code_of_a_failing_server_is_the_servers_fault(code: str) -> None:
    assert type(translate(refusal(code, status=503))) is errors.ServiceFault


def test_the_text_alone_decides_nothing() -> None:
    assert type(translate(refusal("Other", "is currently in use"))) is errors.InvariantBroken


def test_an_answer_without_a_message_is_translated_too() -> None:
    bare = ClientError({"Error": {"Code": "IncorrectState"}}, "DeleteNetworkInterface")
    assert str(translate(bare)) == "DeleteNetworkInterface: IncorrectState: "
    assert not is_no_active_action(bare)


@pytest.mark.parametrize(
    ("code", "message", "over"),
    [
        ("ValidationError", "No active Lifecycle Action found with token 71514b9d", True),
        ("ValidationError", "No active Lifecycle Action found with instance ID i-1", True),
        ("ValidationError", "AutoScalingGroup name not found - null", False),
        ("AccessDenied", "No active Lifecycle Action found with token 71514b9d", False),
    ],
)
def test_an_action_is_over_only_when_auto_scaling_says_so(
    code: str, message: str, over: bool
) -> None:
    assert is_no_active_action(refusal(code, message)) is over


def test_what_is_gone_denied_or_too_fast_is_told_by_code() -> None:
    assert is_gone(refusal("InvalidNetworkInterfaceID.NotFound"))
    assert is_gone(refusal("InvalidNetworkInterface.NotFound"))
    assert not is_gone(refusal("InvalidInstanceID.NotFound"))
    assert is_denied(refusal("UnauthorizedOperation"))
    assert not is_denied(refusal("IncorrectState"))
    assert is_throttle("RequestLimitExceeded")
    assert not is_throttle("")


@pytest.mark.parametrize(
    "raised",
    [ConnectTimeoutError(endpoint_url="https://ec2"), NoCredentialsError()],
    ids=["time-out", "no credentials"],
)
def test_no_answer_at_all_is_a_service_fault(raised: Exception) -> None:
    with pytest.raises(errors.ServiceFault) as caught, translated():
        raise raised
    assert caught.value.__cause__ is raised
    assert caught.value.details == {"operation": type(raised).__name__}


@pytest.mark.parametrize(
    ("raised", "message"),
    [
        pytest.param(
            ParamValidationError(report="Invalid length for parameter\nA, value: 1"),
            "Parameter validation failed: Invalid length for parameter A, value: 1",
            id="a parameter that botocore refuses",
        ),
        pytest.param(NoRegionError(), "You must specify a region.", id="no region"),
    ],
)
def test_a_request_that_was_never_sent_is_a_defect_told_in_one_line(
    raised: Exception, message: str
) -> None:
    with pytest.raises(errors.InvariantBroken) as caught, translated():
        raise raised
    assert str(caught.value) == message
    assert caught.value.__cause__ is raised
    assert caught.value.details == {"operation": type(raised).__name__}


def test_a_defect_passes_through_untranslated() -> None:
    with pytest.raises(KeyError), translated():
        raise KeyError("x")


def test_a_refusal_keeps_its_cause() -> None:
    raised = refusal("IncorrectState")
    with pytest.raises(errors.WrongState) as caught, translated():
        raise raised
    assert caught.value.__cause__ is raised
