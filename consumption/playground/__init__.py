"""Trying a model before anything is signed: through the real gateway, free, under a pass of one's own (docs/playground.md)."""
