"""The weekly digest of what people follow (docs/adoption.md, "Weekly digest")."""
