"""WSGI entry of the portal."""

import os

import django

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "marketplace.settings")
django.setup(set_prefix=False)

from marketplace.core.requests import PortalHandler  # noqa: E402 - it needs the settings

application = PortalHandler()
