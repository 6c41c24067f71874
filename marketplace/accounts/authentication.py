"""Who calls the API: the person whose portal session it is. Programs come with a token: marketplace.tokens."""

from django.conf import settings
from drf_spectacular.extensions import OpenApiAuthenticationExtension
from rest_framework.authentication import SessionAuthentication


class PortalSession(SessionAuthentication):
    """The portal's session; it answers 401, not 403, to who is not signed in. Unsafe methods need X-CSRFToken."""

    def authenticate_header(self, request):
        return "Session"


class PortalSessionScheme(OpenApiAuthenticationExtension):
    """How the schema describes it."""

    target_class = "marketplace.accounts.authentication.PortalSession"
    name = "session"

    def get_security_definition(self, auto_schema):
        return {"type": "apiKey", "in": "cookie", "name": settings.SESSION_COOKIE_NAME}
