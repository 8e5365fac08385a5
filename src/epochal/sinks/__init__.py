"""Mirrors of a run: one module per format, tool or service; they do not know each other."""
