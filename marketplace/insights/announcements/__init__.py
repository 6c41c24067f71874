"""Announcements by audience, with a schedule (docs/adoption.md, "Announcements")."""
