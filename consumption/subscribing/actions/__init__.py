"""Verbs of access, by noun."""
