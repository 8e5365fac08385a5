"""Reading: runs, series and tables from run folders, while training writes and ever after."""
