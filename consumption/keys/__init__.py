"""API keys of subscriptions: made, rotated, bound to networks, revoked, found by somebody else (docs/access.md)."""
