"""Feedback in the REST API."""
