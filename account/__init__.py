"""What the operator's commands read of an account; nothing in here changes it."""
