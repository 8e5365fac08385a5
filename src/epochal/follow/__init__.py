"""Following the journal: cursors, retries, and the process or thread that hosts sinks."""
