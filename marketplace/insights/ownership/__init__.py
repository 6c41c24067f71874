"""OWNERSHIP: a model whose owner has left gets a new one, by two people (docs/curation.md, "When an owner leaves")."""
