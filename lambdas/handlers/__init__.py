"""The functions' entry points: parse, wire, reconcile, report."""
