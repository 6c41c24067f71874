"""Webhooks of teams: the pages and the API over marketplace.notices (docs/notices.md)."""
