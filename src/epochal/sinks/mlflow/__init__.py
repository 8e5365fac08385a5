"""MLflow: a store or a server, through MLflow's own client."""
