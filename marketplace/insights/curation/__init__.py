"""CURATION: what is found about models each night, who looks at it, and what becomes of it (docs/curation.md)."""
