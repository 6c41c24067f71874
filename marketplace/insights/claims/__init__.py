"""Value claims: people say what a model is worth to them, and others decide on it (docs/value.md)."""
