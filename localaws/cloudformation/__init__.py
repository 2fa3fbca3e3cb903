"""A strict CloudFormation: what a template says is created by API calls, or the stack fails and rolls back."""
