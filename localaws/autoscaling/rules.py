"""What Auto Scaling refuses, and why."""

from __future__ import annotations

from localaws.rules import Rule

GROUP_NOT_FOUND = Rule(
    "ValidationError",
    "AutoScalingGroup name not found - null",
    "Amazon EC2 Auto Scaling API reference, Common errors (ValidationError); wording in "
    "github.com/getmoto/moto moto/autoscaling/models.py",
)
INSTANCE_NOT_FOUND = Rule(
    "ValidationError",
    "Instance Id not found - No managed instance found for instance ID: {instance_id}",
    "Amazon EC2 Auto Scaling API reference, Common errors (ValidationError); wording assumed",
)
NO_ACTION_FOR_TOKEN = Rule(
    "ValidationError",
    "No active Lifecycle Action found with token {token}",
    "github.com/spacelift-io/terraform-aws-spacelift-workerpool-on-ec2/pull/197",
)
NO_ACTION_FOR_INSTANCE = Rule(
    "ValidationError",
    "No active Lifecycle Action found with instance ID {instance_id}",
    "github.com/department-of-veterans-affairs/va.gov-cms/issues/1719",
)
ACTION_NOT_NAMED = Rule(
    "ValidationError",
    "Either the lifecycle action token or the instance ID must be specified",
    "Amazon EC2 Auto Scaling API reference, CompleteLifecycleAction: a token or an instance ID; wording assumed",
)
BAD_RESULT = Rule(
    "ValidationError",
    "LifecycleActionResult must be one of CONTINUE, ABANDON; got {result}",
    "Amazon EC2 Auto Scaling API reference, CompleteLifecycleAction: CONTINUE or ABANDON; wording assumed",
)
TOO_MANY_HOOKS = Rule(
    "LimitExceeded",
    "You have reached the maximum number of lifecycle hooks for this Auto Scaling group: 50",
    "Amazon EC2 Auto Scaling API reference, PutLifecycleHook (at most 50 hooks per group); LimitExceededFault in "
    "botocore's model",
)
HEARTBEAT_OUT_OF_RANGE = Rule(
    "ValidationError",
    "Lifecycle hook heartbeat timeout must be between 30 and 7200 seconds; got {value}",
    "Amazon EC2 Auto Scaling API reference, PutLifecycleHook, HeartbeatTimeout: from 30 to 7 200; wording assumed",
)
BAD_HOOK_FIELD = Rule(
    "ValidationError",
    "1 validation error detected: Value '{value}' at '{field}' failed to satisfy constraint: {constraint}",
    "Amazon EC2 Auto Scaling API reference, PutLifecycleHook; lengths and patterns in botocore's model",
)
TRANSITION_MISSING = Rule(
    "ValidationError",
    "LifecycleTransition is required to create a lifecycle hook",
    "Amazon EC2 Auto Scaling API reference, PutLifecycleHook: required for new hooks; wording assumed",
)
HOOK_NOT_FOUND = Rule(
    "ValidationError",
    "No Lifecycle Hook found with name {name}",
    "Amazon EC2 Auto Scaling API reference, Common errors (ValidationError); wording assumed",
)
CAPACITY_OUT_OF_BOUNDS = Rule(
    "ValidationError",
    "New SetDesiredCapacity value {value} is {side} {bound} value {limit} for the AutoScalingGroup.",
    "Amazon EC2 Auto Scaling API reference, SetDesiredCapacity: between the minimum and the maximum size; wording in "
    "github.com/kubernetes/autoscaler/issues/943",
)
BELOW_MINIMUM = Rule(
    "ValidationError",
    "Currently, desiredSize equals minSize ({minimum}). Terminating instance without replacement will violate "
    "group's min size constraint. Either set shouldDecrementDesiredCapacity flag to false or lower group's min size.",
    "Amazon EC2 Auto Scaling API reference, TerminateInstanceInAutoScalingGroup; wording in "
    "github.com/aws/aws-cli/issues/47",
)
GROUP_IN_USE = Rule(
    "ResourceInUse",
    "You cannot delete an AutoScalingGroup while there are instances or pending Spot instance request(s) still in "
    "the group.",
    "Amazon EC2 Auto Scaling API reference, DeleteAutoScalingGroup: ResourceInUseFault without ForceDelete",
)
PAGE_OUT_OF_BOUNDS = Rule(
    "ValidationError",
    "MaxRecords must be between 1 and {limit}; got {value}",
    "Amazon EC2 Auto Scaling API reference: MaxRecords of the Describe actions",
)
BAD_PAGE_TOKEN = Rule(
    "InvalidNextToken",
    "The token '{token}' is invalid.",
    "Amazon EC2 Auto Scaling API reference: InvalidNextToken of the Describe actions",
)
REFRESH_IN_PROGRESS = Rule(
    "InstanceRefreshInProgress",
    "An Instance Refresh is already in progress and blocks the execution of this Instance Refresh.",
    "Amazon EC2 Auto Scaling API reference, StartInstanceRefresh: InstanceRefreshInProgressFault",
)
NOT_MODELLED = Rule(
    "LocalAws.NotModelled",
    "{what} is not modelled",
    "localaws.autoscaling: AWS never answers this; the embedded account refuses what it would do wrong",
)
