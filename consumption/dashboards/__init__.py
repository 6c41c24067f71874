"""What a team reads of its calls, and a publisher of its models (docs/dashboards.md)."""
