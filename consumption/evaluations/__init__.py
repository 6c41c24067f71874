"""Batch evaluations: a team tries versions on its own rows (docs/batch-evaluation.md)."""
