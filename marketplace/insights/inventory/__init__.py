"""The inventory of production models: kept by page, API and import, matched to listings by a person, chased by campaigns (docs/inventory.md)."""
