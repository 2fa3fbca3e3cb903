"""EventBridge Scheduler: schedules that fire in the account's time."""
