"""Changes that take something from consumers: announced, with notice, then in force (docs/money.md, "What changes only with notice")."""
