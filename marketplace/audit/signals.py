"""Comings-in are recorded, whichever door they use."""

from marketplace.audit.actions import record


def record_login(sender, request, user, **kwargs):
    record(user, "login", user)
