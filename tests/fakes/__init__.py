"""Stateful stand-ins for AWS that fit the reconcilers' ports and refuse whatever they do not model."""
