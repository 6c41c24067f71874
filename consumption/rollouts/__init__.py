"""Automatic minor updates by share: who gets it first, what is counted, and the guard that judges it (docs/updates.md)."""
