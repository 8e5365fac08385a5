"""The shared words: records, names, errors, the item format and the ring.  Standard library only."""
