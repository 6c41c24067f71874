"""The way of a call into figures: usage journal → shipping → usage event → roll-ups → projections; quota; reconciliation."""
