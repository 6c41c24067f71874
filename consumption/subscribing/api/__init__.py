"""Access in the REST API."""
