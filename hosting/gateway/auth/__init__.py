"""Whose call it is and which version answers: caches of the key and model records, and how they follow Postgres."""
