"""QUALITY REVIEWS: twenty minutes with a model, each quarter for the most visible ones (docs/quality-reviews.md)."""
