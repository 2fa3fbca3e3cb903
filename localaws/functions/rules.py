"""What Lambda refuses, and why."""

from __future__ import annotations

from localaws.rules import Rule

CONCURRENCY_USED = Rule(
    "TooManyRequestsException",
    "Rate Exceeded.",
    "Lambda Developer Guide, 'Understanding Lambda function scaling'; API reference, Invoke (429)",
    429,
)
PAYLOAD_NOT_JSON = Rule(
    "InvalidRequestContentException",
    "Could not parse request body into json: {reason}",
    "Lambda API reference, Invoke: InvalidRequestContentException",
)
VISIBILITY_TOO_SHORT = Rule(
    "InvalidParameterValueException",
    "Queue visibility timeout: {visibility_s} seconds is less than Function timeout: {timeout_s} seconds",
    "Lambda Developer Guide, 'Creating and configuring an Amazon SQS event source mapping'; wording in "
    "github.com/github-aws-runners/terraform-aws-github-runner/issues/465",
)
SOURCE_NOT_FOUND = Rule(
    "InvalidParameterValueException",
    "Error occurred while ReceiveMessage. SQS Error Code: AWS.SimpleQueueService.NonExistentQueue. "
    "SQS Error Message: The specified queue does not exist.",
    "Lambda API reference, CreateEventSourceMapping: the source must exist; the wording is that of the SQS error",
)
MAPPING_EXISTS = Rule(
    "ResourceConflictException",
    'An event source mapping with SQS arn (" {source} ") and function (" {function} ") already exists. '
    "Please update or delete the existing mapping with UUID {uuid}",
    "Lambda API reference, CreateEventSourceMapping: ResourceConflictException; wording in "
    "github.com/DataBiosphere/azul/issues/3399",
    409,
)
BATCH_NEEDS_WINDOW = Rule(
    "InvalidParameterValueException",
    "Maximum batch window in seconds must be greater than 0 if maximum batch size is greater than 10",
    "Lambda API reference, CreateEventSourceMapping, MaximumBatchingWindowInSeconds: at least 1 for a BatchSize above 10",
)
CONCURRENCY_OUT_OF_RANGE = Rule(
    "ValidationException",
    "Value '{value}' at 'scalingConfig.maximumConcurrency' failed to satisfy constraint: Member must have value "
    "between 2 and 1000",
    "Lambda API reference, ScalingConfig: MaximumConcurrency has a minimum of 2 and a maximum of 1000",
)
ROLE_CANNOT_READ = Rule(
    "InvalidParameterValueException",
    "The provided execution role does not have permissions to call {action} on SQS",
    "Lambda Developer Guide, 'Creating and configuring an Amazon SQS event source mapping', execution role "
    "permissions; wording in github.com/aws/aws-cdk/issues/6770",
)
