"""A deterministic simulation of bursts and faults: the deployed stack with its real handlers, in virtual time."""
