"""The shared words: records, names, errors, items and the ring.  Standard library only."""
