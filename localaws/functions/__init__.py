"""Lambda: functions that run, in execution environments of their own or as a callable of the test."""
