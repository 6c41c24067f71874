"""Spotlights: proposed by rule, shown by a marketplace manager (docs/adoption.md, "Spotlight")."""
