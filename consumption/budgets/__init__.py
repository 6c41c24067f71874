"""Budgets: how far they are used, whom they warn and what they pause (docs/budgets.md)."""
