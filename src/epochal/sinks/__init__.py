"""Mirrors of a run: a module per format, a package per tool; they do not know each other."""
