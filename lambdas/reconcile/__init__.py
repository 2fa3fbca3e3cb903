"""Observe, plan, apply, until it is as it should be; knows AWS only through its ports."""
