"""AWS's error codes and what each means, once for everybody who calls AWS.

Codes: Amazon EC2 API reference, "Error codes for the Amazon EC2 API"; Amazon EC2 Auto Scaling API reference, "Common
Errors"; the throttling codes are botocore's (retries/standard.py).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from domain import errors

if TYPE_CHECKING:
    from domain.errors import EniLifecycleError

CLASSES: dict[type[EniLifecycleError], frozenset[str]] = {
    errors.Throttled: frozenset(
        {
            "BandwidthLimitExceeded",
            "EC2ThrottledException",
            "LimitExceededException",
            "PriorRequestNotComplete",
            "ProvisionedThroughputExceededException",
            "RequestLimitExceeded",
            "RequestThrottled",
            "RequestThrottledException",
            "SlowDown",
            "ThrottledException",
            "Throttling",
            "ThrottlingException",
            "TooManyRequestsException",
            "TransactionInProgressException",
        }
    ),
    errors.ServiceFault: frozenset(
        {
            "InsufficientCapacity",
            "InternalError",
            "InternalFailure",
            "InternalServerError",
            "RequestTimeout",
            "RetryableError",
            "ServerInternal",
            "ServiceUnavailable",
            "Unavailable",
            # Credentials or a clock that were right a moment ago, as after an execution environment was thawed or while
            # they are rotated: no judgement on the request.
            "ExpiredToken",
            "ExpiredTokenException",
            "IncompleteSignature",
            "InvalidClientTokenId",
            "InvalidSecurity.RequestHasExpired",
            "MissingAuthenticationToken",
            "RequestExpired",
            "RequestTimeTooSkewed",
            "SignatureDoesNotMatch",
            "UnrecognizedClientException",
        }
    ),
    errors.NotYetVisible: frozenset(
        {
            "InvalidAttachmentID.NotFound",
            "InvalidInstanceID.NotFound",
            "InvalidNetworkInterface.NotFound",
            "InvalidNetworkInterfaceID.NotFound",
        }
    ),
    errors.WrongState: frozenset(
        {
            "ConcurrentTagAccess",
            "IncorrectInstanceState",
            "IncorrectState",
            "InvalidInstanceState",
            "InvalidNetworkInterface.InUse",
            "InvalidState",
            "ResourceContention",
        }
    ),
    errors.TokenSpent: frozenset({"IdempotentParameterMismatch"}),
    errors.AddressTaken: frozenset({"InvalidIPAddress.InUse"}),
    errors.SubnetExhausted: frozenset({"InsufficientFreeAddressesInSubnet"}),
    errors.AttachmentLimitReached: frozenset({"AttachmentLimitExceeded"}),
    errors.QuotaReached: frozenset(
        {
            "InvalidInterface.IpAddressLimitExceeded",
            "NetworkInterfaceLimitExceeded",
            "PrivateIpAddressLimitExceeded",
            "SecurityGroupsPerInterfaceLimitExceeded",
            "TagLimitExceeded",
        }
    ),
    errors.AccessDenied: frozenset(
        {"AccessDenied", "AccessDeniedException", "AuthFailure", "UnauthorizedOperation"}
    ),
    # Only what says that the configuration cannot work as it stands gives a launch up; docs/adr/0006.
    errors.SpecRejected: frozenset(
        {
            "InvalidGroup.NotFound",
            "InvalidGroupId.Malformed",
            "InvalidParameter",
            "InvalidParameterCombination",
            "InvalidParameterDependency",
            "InvalidParameterValue",
            "InvalidSecurityGroupID.NotFound",
            "InvalidSecurityGroupId.Malformed",
            "InvalidSubnet",
            "InvalidSubnetID.Malformed",
            "InvalidSubnetID.NotFound",
            "InvalidSubnetId.NotFound",
            "InvalidTagKey.Malformed",
            "OperationNotPermitted",
            "Resource.AlreadyAssigned",
            "TagPolicyViolation",
            "Unsupported",
            "UnsupportedOperation",
            "ValidationError",
        }
    ),
}
_BY_CODE = {code: kind for kind, codes in CLASSES.items() for code in codes}

GONE = frozenset(
    {
        "InvalidAttachmentID.NotFound",
        "InvalidNetworkInterface.NotFound",
        "InvalidNetworkInterfaceID.NotFound",
        "InvalidSubnetCidrReservationID.NotFound",
    }
)


def meaning(code: str) -> type[EniLifecycleError] | None:
    """Return what a code means; None for one that nobody has classified."""
    return _BY_CODE.get(code)
