"""SQS in the account's time, and the mappings that feed functions from queues."""
