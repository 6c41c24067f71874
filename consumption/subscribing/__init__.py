"""The way to the right to call a model: asking, granting, staying in, leaving (docs/access.md)."""
