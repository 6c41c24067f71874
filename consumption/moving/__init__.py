"""What people see before they move a subscription: what changes in their calls, and the same rows on both versions (docs/moves.md)."""
