"""What the start page says: figures, the executive's lines, recommendations (docs/metrics.md, docs/recommendations.md)."""
