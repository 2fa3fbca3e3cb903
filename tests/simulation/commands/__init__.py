"""The commands of `make simulate`, one module each."""
