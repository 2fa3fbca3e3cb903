"""The shared vocabulary and every decision: standard library only, Python 3.9, no I/O, no clock, no logging."""
