"""A consumer's program reports outcomes with the key that it calls models with: `X-API-Key: mkc_…` (docs/feedback.md, "Outcomes").

One resource of the portal's API takes keys, and nothing else can be done with them there.
"""

import ipaddress
from datetime import timedelta
from typing import Any

from django.conf import settings
from django.db.models import Value
from django.db.models.functions import Greatest
from django.utils import timezone
from drf_spectacular.extensions import OpenApiAuthenticationExtension
from rest_framework.authentication import BaseAuthentication
from rest_framework.exceptions import AuthenticationFailed
from rest_framework.request import Request

from consumption.models import ApiKey, Subscription
from marketplace.accounts.models import User
from marketplace.core import keys

HEADER = "X-API-Key"
USE_EVERY = timedelta(minutes=1)
REFUSAL = "The key is not recognised, has ended, or does not work from here."


class ByKey(BaseAuthentication):
    """`request.auth` is the ApiKey, `request.user` the system user that reports for consumers."""

    def authenticate(self, request: Request) -> tuple[User, ApiKey] | None:
        text = request.headers.get(HEADER, "").strip()
        if not text:
            return None
        key = _live_key(text)
        if key is None or not _is_from(key.networks, request.META.get("REMOTE_ADDR", "")):
            raise AuthenticationFailed(REFUSAL)
        _note_use(key)
        return User.objects.system("outcomes"), key

    def authenticate_header(self, request: Request) -> str:
        return HEADER


def _note_use(key: ApiKey) -> None:
    """A report is a use, too. Written at most once a minute."""
    now = timezone.now()
    if key.last_used_at is None or key.last_used_at < now - USE_EVERY:
        ApiKey.objects.filter(pk=key.pk).update(last_used_at=Greatest("last_used_at", Value(now)))


def _live_key(text: str) -> ApiKey | None:
    kid = keys.parse(text.encode(errors="replace"))
    if kid is None or not text.startswith("mkc_"):
        return None
    key = ApiKey.objects.live().select_related("subscription").filter(kid=kid).first()
    pepper = settings.KEY_PEPPERS.get(key.pepper_version) if key else None
    if key is None or pepper is None or not keys.verify(text, key.mac, pepper):
        return None
    return key if key.subscription.state == Subscription.State.ACTIVE else None


def _is_from(networks: list[str], address: str) -> bool:
    """Does the address lie in one of the key's networks? Without networks from anywhere."""
    if not networks:
        return True
    try:
        source = ipaddress.ip_address(address)
    except ValueError:
        return False
    return any(source in ipaddress.ip_network(network) for network in networks)


class ByKeyScheme(OpenApiAuthenticationExtension):
    """How the schema describes it."""

    target_class = "consumption.feedback.key_authentication.ByKey"
    name = "key"

    def get_security_definition(self, auto_schema: Any) -> dict[str, str]:
        return {"type": "apiKey", "in": "header", "name": HEADER}
