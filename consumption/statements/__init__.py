"""Who pays what for what in a month: statements, the close, disputes, shared costs, files for finance (docs/statements.md)."""
