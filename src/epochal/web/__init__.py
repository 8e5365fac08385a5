"""The dashboard: a small web server over the run folders themselves."""
