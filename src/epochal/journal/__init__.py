"""The journal: the only queue and the only truth.  Append-only, checksummed, without locks."""
