"""The run folder: layout, sealing to Parquet, and the disposable catalog."""
