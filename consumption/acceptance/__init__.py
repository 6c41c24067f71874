"""Acceptance tests: examples of a team that gate automatic updates (docs/moves.md)."""
