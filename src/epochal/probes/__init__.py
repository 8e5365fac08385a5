"""Probes: readings of the machine and of where code and packages came from.  Leaves."""
