"""DEMAND: what people look for and do not find, followed to a published model (docs/demand.md)."""
