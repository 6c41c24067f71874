"""Verbs of the organisation, a module for each noun (docs/people.md)."""
