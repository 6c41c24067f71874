"""Verbs of feedback, by noun."""
