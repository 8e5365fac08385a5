"""The training thread: from ``log()`` to bytes in memory that outlives the process."""
