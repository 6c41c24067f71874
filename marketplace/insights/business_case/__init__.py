"""The business case: what the marketplace would be worth, gross and conservative side by side (docs/value.md, "Business case")."""
