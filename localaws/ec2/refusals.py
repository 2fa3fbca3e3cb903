"""Every refusal of EC2 that the account knows, with the place where AWS says so."""

from __future__ import annotations

from localaws.rules import Rule

_ERRORS = "Amazon EC2 API Reference, Error codes: "
_MODEL = "botocore ec2 2016-11-15 model: "
_CONSISTENCY = "Amazon EC2 Developer Guide, Eventual consistency in the Amazon EC2 API"

# Unknown, malformed and not yet visible.

INTERFACE_MALFORMED = Rule(
    "InvalidNetworkInterfaceId.Malformed",
    'Invalid id: "{interface_id}" (expecting "eni-...")',
    _ERRORS + "InvalidNetworkInterfaceId.Malformed",
)
INTERFACE_NOT_FOUND = Rule(
    "InvalidNetworkInterfaceID.NotFound",
    "The networkInterface ID '{interface_ids}' does not exist",
    _ERRORS + "InvalidNetworkInterfaceID.NotFound; for one just made: " + _CONSISTENCY,
)
INTERFACES_NOT_FOUND = Rule(
    "InvalidNetworkInterfaceID.NotFound",
    "The networkInterface IDs '{interface_ids}' do not exist",
    INTERFACE_NOT_FOUND.source,
)
INSTANCE_MALFORMED = Rule(
    "InvalidInstanceID.Malformed",
    'Invalid id: "{instance_id}" (expecting "i-...")',
    _ERRORS + "InvalidInstanceID.Malformed",
)
INSTANCE_NOT_FOUND = Rule(
    "InvalidInstanceID.NotFound",
    "The instance ID '{instance_ids}' does not exist",
    _ERRORS + "InvalidInstanceID.NotFound; for one just launched: " + _CONSISTENCY,
)
INSTANCES_NOT_FOUND = Rule(
    "InvalidInstanceID.NotFound",
    "The instance IDs '{instance_ids}' do not exist",
    INSTANCE_NOT_FOUND.source,
)
PLACEMENT_GROUP_NOT_FOUND = Rule(
    "InvalidPlacementGroup.Unknown",
    "The Placement Group '{names}' is unknown.",
    _ERRORS + "InvalidPlacementGroup.Unknown; wording assumed",
)
PLACEMENT_GROUP_EXISTS = Rule(
    "InvalidPlacementGroup.Duplicate",
    "The Placement Group '{name}' already exists.",
    _ERRORS + "InvalidPlacementGroup.Duplicate; wording assumed",
)
SUBNET_NOT_FOUND = Rule(
    "InvalidSubnetID.NotFound",
    "The subnet ID '{subnet_ids}' does not exist",
    _ERRORS + "InvalidSubnetID.NotFound",
)
SUBNETS_NOT_FOUND = Rule(
    "InvalidSubnetID.NotFound",
    "The subnet IDs '{subnet_ids}' do not exist",
    SUBNET_NOT_FOUND.source,
)
GROUP_OF_INTERFACE_NOT_FOUND = Rule(
    "InvalidSecurityGroupID.NotFound",
    "The securityGroup ID '{group_id}' does not exist",
    _ERRORS
    + "InvalidSecurityGroupID.NotFound (when creating a network interface); wording: hashicorp/terraform#3372",
)
GROUP_NOT_FOUND = Rule(
    "InvalidGroup.NotFound",
    "The security group '{group_ids}' does not exist",
    _ERRORS + "InvalidGroup.NotFound; wording: boto/boto3#701",
)
ATTACHMENT_NOT_FOUND = Rule(
    "InvalidAttachmentID.NotFound",
    "The attachment ID '{attachment_id}' does not exist",
    _ERRORS + "InvalidAttachmentID.NotFound",
)
ATTACHMENT_OF_ANOTHER = Rule(
    "InvalidAttachmentID.NotFound",
    "The network interface '{interface_id}' does not have attachment '{attachment_id}'",
    ATTACHMENT_NOT_FOUND.source,
)
RESERVATION_NOT_FOUND = Rule(
    "InvalidSubnetCidrReservationID.NotFound",
    "The subnet CIDR reservation ID '{reservation_id}' does not exist",
    "moto ec2/exceptions.py InvalidCidrReservationNotFound",
)

# Requests that contradict themselves.

TOKEN_INVALID = Rule(
    "InvalidClientToken",
    "The specified client token is not valid: at most 64 ASCII characters",
    "Amazon EC2 Developer Guide, Ensuring idempotency; " + _ERRORS + "InvalidClientToken",
)
TOKEN_REUSED = Rule(
    "IdempotentParameterMismatch",
    "The request uses the same client token as a previous, but non-identical request.",
    _ERRORS + "IdempotentParameterMismatch",
)
EXCLUSIVE = Rule(
    "InvalidParameterCombination",
    "You may specify only one of {options}",
    _MODEL
    + "CreateNetworkInterfaceRequest (what cannot be specified together); Error codes: InvalidParameterCombination",
)
TWO_PRIMARIES = Rule(
    "InvalidParameterCombination",
    "Only one private IP address can be designated as primary",
    _MODEL + "CreateNetworkInterfaceRequest.PrivateIpAddress",
)
NOT_POSITIVE = Rule(
    "InvalidParameterValue",
    "Value ({value}) for parameter {parameter} is invalid. Value must be a positive number.",
    _ERRORS + "InvalidParameterValue",
)
NOT_AN_ADDRESS = Rule(
    "InvalidParameterValue",
    "invalid value for parameter address: {address}",
    _ERRORS + "InvalidParameterValue",
)
MISSING = Rule(
    "MissingParameter",
    "The request must contain the parameter {parameter}",
    _ERRORS + "MissingParameter",
)
NO_ATTRIBUTE = Rule(
    "InvalidParameterCombination",
    "No attributes specified.",
    _MODEL
    + "ModifyNetworkInterfaceAttribute (one attribute at a time); the code for none is an assumption",
)
SEVERAL_ATTRIBUTES = Rule(
    "InvalidParameterCombination",
    "Multiple attributes specified: {attributes}",
    _MODEL + "ModifyNetworkInterfaceAttribute (only one attribute at a time)",
)
UNKNOWN_ATTRIBUTE = Rule(
    "InvalidParameterValue",
    "Value ({attribute}) for parameter attribute is invalid. Unknown attribute.",
    _ERRORS + "InvalidParameterValue",
)

# Addresses.

OUTSIDE_SUBNET = Rule(
    "InvalidParameterValue",
    "Address {address} does not fall within the subnet's address range",
    "eucalyptus/eucalyptus ComputeService.createNetworkInterface, which repeats EC2's words",
)
RESERVED_BY_AWS = Rule(
    "InvalidParameterValue",
    "Address {address} is in subnet's reserved address range",
    "Amazon VPC User Guide, Subnet CIDR blocks (the first four addresses and the last are AWS's)",
)
ADDRESS_IN_USE = Rule(
    "InvalidIPAddress.InUse",
    "Address {address} is in use.",
    _ERRORS + "InvalidIPAddress.InUse",
)
NO_FREE_ADDRESS = Rule(
    "InsufficientFreeAddressesInSubnet",
    "The specified subnet does not have enough free addresses to satisfy the request.",
    _ERRORS + "InsufficientFreeAddressesInSubnet",
)
NO_IPV4_IN_SUBNET = Rule(
    "InvalidParameterCombination",
    "The subnet {subnet_id} is IPv6-only: IPv4 addresses cannot be assigned",
    "Amazon VPC User Guide, IP addressing (IPv6-only subnets have no IPv4); the code is an assumption",
)
NO_IPV6_IN_SUBNET = Rule(
    "InvalidParameterValue",
    "The subnet {subnet_id} has no associated IPv6 CIDR block",
    "Amazon EC2 User Guide, IP addresses per network interface (the subnet needs an IPv6 CIDR block); the code is an assumption",
)
MOVE_NOT_ALLOWED = Rule(
    "InvalidParameterValue",
    "[{addresses}] assigned, but move is not allowed.",
    _MODEL
    + "AssignPrivateIpAddressesRequest.AllowReassignment; wording: the documentation of Ansible's module ec2_eni",
)
PRIMARY_STAYS = Rule(
    "InvalidParameterValue",
    "Value ({address}) for parameter privateIpAddress is invalid. The primary IP address of an interface cannot be unassigned.",
    _MODEL
    + "UnassignPrivateIpAddresses and AssignPrivateIpAddresses (both of secondary addresses only); that a move of one is refused in "
    "the same words is an assumption",
)
NOT_ASSIGNED = Rule(
    "InvalidParameterValue",
    "Some of the specified addresses are not assigned to interface {interface_id}",
    _ERRORS
    + "InvalidParameterValue; wording: Netflix/titus-executor, for IPv4; that IPv6 has the same is an assumption",
)
RESERVATION_TYPE = Rule(
    "InvalidParameterValue",
    "Value ({kind}) for parameter reservationType is invalid. Valid values: prefix, explicit",
    _MODEL + "SubnetCidrReservationType",
)
RESERVATION_MALFORMED = Rule(
    "InvalidParameterValue",
    "Value ({cidr}) for parameter cidr is invalid. This is not a valid CIDR block.",
    _MODEL + "CreateSubnetCidrReservationRequest.Cidr",
)
RESERVATION_OUTSIDE = Rule(
    "InvalidParameterValue",
    "The reservation {cidr} is not within the subnet's CIDR blocks",
    "moto ec2/exceptions.py InvalidCidrReservationNotWithinSubnetCidr",
)
RESERVATION_OVERLAPS = Rule(
    "InvalidParameterValue",
    "Reservation CIDR {cidr} has overlap with existing reserved CIDR block",
    "github.com/hashicorp/terraform-provider-aws/issues/45304, with these words",
)

# Security groups and tags.

OTHER_NETWORK = Rule(
    "InvalidParameter",
    "Security group {group_id} and subnet {subnet_id} belong to different networks.",
    "Amazon EC2 API Reference, Error codes: InvalidParameter (a group and a subnet in different VPCs)",
)
TOO_MANY_GROUPS = Rule(
    "SecurityGroupsPerInterfaceLimitExceeded",
    "You have exceeded the limit of {limit} security groups per network interface",
    "Amazon VPC User Guide, Amazon VPC quotas (5 per interface); "
    + _ERRORS
    + "SecurityGroupsPerInterfaceLimitExceeded",
)
TOO_MANY_TAGS = Rule(
    "TagLimitExceeded",
    "The maximum number of Tags for a resource has been reached.",
    "Amazon EC2 User Guide, Tag restrictions (50 per resource); " + _ERRORS + "TagLimitExceeded",
)
TAG_KEY_RESERVED = Rule(
    "InvalidParameterValue",
    "Tag keys starting with 'aws:' are reserved for internal use",
    "Amazon EC2 User Guide, Tag restrictions (the prefix aws:)",
)
TAG_KEY_LENGTH = Rule(
    "InvalidParameterValue",
    "Tag key exceeds the maximum length of 128 characters, or is empty: '{key}'",
    "Amazon EC2 User Guide, Tag restrictions (keys of 1 to 128 characters)",
)
TAG_VALUE_LENGTH = Rule(
    "InvalidParameterValue",
    "Tag value exceeds the maximum length of 256 characters (key '{key}')",
    "Amazon EC2 User Guide, Tag restrictions (values of up to 256 characters)",
)
TAG_TWICE = Rule(
    "InvalidParameterValue",
    "Duplicate tag key '{key}' specified.",
    "Amazon EC2 User Guide, Tag restrictions (a key occurs once per resource)",
)
TAGS_OF_ANOTHER_TYPE = Rule(
    "InvalidParameterValue",
    "'{resource_type}' is not a valid taggable resource type for this operation.",
    _MODEL + "CreateNetworkInterfaceRequest.TagSpecifications",
)

# Attachments.

ATTACHED_ELSEWHERE = Rule(
    "InvalidNetworkInterface.InUse",
    "Interface: [{interface_id}] in use.",
    _ERRORS + "InvalidNetworkInterface.InUse; wording: hashicorp/terraform-provider-aws#27513",
)
DELETE_ATTACHED = Rule(
    "InvalidParameterValue",
    "Network interface '{interface_id}' is currently in use.",
    _ERRORS
    + "InvalidNetworkInterface.InUse (an interface in use may also answer InvalidParameterValue); "
    "wording: aws/amazon-vpc-cni-k8s#1399",
)
DELETE_DETACHING = Rule(
    "InvalidNetworkInterface.InUse",
    "Interface: [{interface_id}] in use.",
    ATTACHED_ELSEWHERE.source
    + "; that a detaching one gets this code and an attached one InvalidParameterValue is an assumption",
)
INSTANCE_STATE = Rule(
    "IncorrectState",
    "Instance '{instance_id}' is not 'running' or 'stopped'.",
    _ERRORS
    + "IncorrectState; wording: AttachVolume's in ansible-collections/amazon.aws#497, assumed for interfaces",
)
OTHER_ZONE = Rule(
    "InvalidParameterCombination",
    "You may not attach a network interface to an instance if they are not in the same availability zone",
    "Amazon EC2 User Guide, Elastic network interfaces (same Availability Zone); wording as users report it",
)
OTHER_VPC = Rule(
    "InvalidParameterCombination",
    "You may not attach a network interface to an instance if they are not in the same VPC",
    "Amazon EC2 User Guide, Elastic network interfaces (same VPC); the code is an assumption",
)
NO_SUCH_CARD = Rule(
    "InvalidParameterValue",
    "Network card index {card} is not valid for instance type {instance_type}",
    _MODEL + "AttachNetworkInterfaceRequest.NetworkCardIndex; the code is an assumption",
)
BAD_DEVICE_INDEX = Rule(
    "InvalidParameterValue",
    "Invalid network device index '{device}'",
    "eucalyptus/eucalyptus ComputeService.attachNetworkInterface, which repeats EC2's words",
)
INDEX_TAKEN = Rule(
    "InvalidParameterValue",
    "Instance '{instance_id}' already has an interface attached at device index '{device}'.",
    "cilium/cilium#42512; that the index is unique per network card: Amazon EC2 User Guide, Network cards",
)
TOO_MANY_INTERFACES = Rule(
    "AttachmentLimitExceeded",
    "Interface count {count} exceeds the limit for {instance_type}",
    _ERRORS + "AttachmentLimitExceeded",
)
TOO_MANY_ON_CARD = Rule(
    "AttachmentLimitExceeded",
    "Interface count {count} exceeds the limit for network card {card} of {instance_type}",
    "Amazon EC2 User Guide, Network cards (a maximum per card); the code is an assumption",
)
TOO_MANY_ADDRESSES_TO_ATTACH = Rule(
    "InvalidInterface.IpAddressLimitExceeded",
    "Number of private IP addresses ({count}) exceeds the limit of {limit} per interface for {instance_type}",
    _ERRORS + "InvalidInterface.IpAddressLimitExceeded",
)
TOO_MANY_ADDRESSES_TO_ASSIGN = Rule(
    "PrivateIpAddressLimitExceeded",
    "Number of private addresses will exceed limit.",
    _ERRORS
    + "PrivateIpAddressLimitExceeded; wording: aws/amazon-vpc-cni-k8s#989, cilium/cilium#36428, for IPv4; that IPv6 has the same "
    "is an assumption",
)
TOO_MANY_IN_REGION = Rule(
    "NetworkInterfaceLimitExceeded",
    "You have reached the limit of {limit} network interfaces in this Region",
    "Amazon VPC User Guide, Amazon VPC quotas (network interfaces per Region)",
)
PRIMARY_NOT_DETACHABLE = Rule(
    "OperationNotPermitted",
    "The network interface at device index 0 and networkCard index 0 cannot be detached.",
    "redhat-performance/cloud-governance#952",
)
ALREADY_DETACHING = Rule(
    "IncorrectState",
    "The attachment '{attachment_id}' is already detaching",
    _ERRORS + "IncorrectState; that EC2 answers a second detach so is an assumption",
)

# Instances.

UNKNOWN_TYPE = Rule(
    "InvalidParameterValue",
    "Invalid value '{instance_type}' for InstanceType.",
    _ERRORS + "InvalidParameterValue",
)
NOT_STARTABLE = Rule(
    "IncorrectInstanceState",
    "The instance '{instance_id}' is not in a state from which it can be started.",
    _ERRORS + "IncorrectInstanceState",
)
NOT_STOPPABLE = Rule(
    "IncorrectInstanceState",
    "The instance '{instance_id}' is not in a state from which it can be stopped.",
    _ERRORS + "IncorrectInstanceState",
)

# Describes.

UNKNOWN_FILTER = Rule(
    "InvalidParameterValue",
    "The filter '{name}' is invalid",
    _ERRORS + "InvalidParameterValue",
)
TOO_MANY_FILTER_VALUES = Rule(
    "FilterLimitExceeded",
    "The maximum number of filter values specified on a single call is {limit}",
    "Amazon EC2 User Guide, Filtering considerations (200 values per filter); "
    + _ERRORS
    + "FilterLimitExceeded",
)
PAGE_SIZE = Rule(
    "InvalidParameterValue",
    "Value ( {value} ) for parameter maxResults is invalid. Expecting a value between {least} and {most}.",
    "Amazon EC2 API Reference, MaxResults of the Describe actions",
)
PAGE_WITH_IDS = Rule(
    "InvalidParameterCombination",
    "The parameter {parameter} cannot be used with the parameter maxResults",
    _MODEL + "MaxResults of DescribeNetworkInterfaces and DescribeInstances",
)
BAD_NEXT_TOKEN = Rule(
    "InvalidNextToken",
    "The specified NextToken is not valid",
    _ERRORS + "InvalidNextToken",
)
UNPAGINATED = Rule(
    "OperationNotPermitted",
    "You must use pagination or a filter: the request matches more than {most} network interfaces",
    _MODEL
    + "DescribeNetworkInterfaces (fails for many interfaces unless paginated or filtered); number and code are assumptions",
)
