"""Success stories: written by who uses or owns a model, agreed by who is quoted, published by a marketplace manager (docs/adoption.md, "Success stories")."""
