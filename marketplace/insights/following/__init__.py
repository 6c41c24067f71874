"""Following domains and collections (docs/adoption.md, "Following")."""
