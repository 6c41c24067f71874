"""How people come in: nobody signs up; the organisation makes accounts (SSO comes through allauth's providers)."""

import logging
from smtplib import SMTPException

from allauth.account.adapter import DefaultAccountAdapter
from django.core.exceptions import ValidationError

from marketplace.accounts import sign_in
from marketplace.core.errors import NotSent

TOO_MANY_TRIES = "too_many_tries"
log = logging.getLogger(__name__)


class ClosedSignup(DefaultAccountAdapter):
    """allauth's adapter; a letter that cannot be sent is an answer, and never tells whether there is such an account."""

    def send_mail(self, template_prefix, email, context):
        try:
            super().send_mail(template_prefix, email, context)
        except (OSError, SMTPException) as error:
            log.error("a letter could not be sent: %s", error)
            raise NotSent(
                "The letter could not be sent.",
                remedy="Try again later.",
                ask="the operators for a new password",
            ) from error

    def is_open_for_signup(self, request):
        return False

    def get_client_ip(self, request):
        """Who asks by the front's word (marketplace.web); allauth would believe headers."""
        return request.META.get("REMOTE_ADDR") or "unknown"

    def authenticate(self, request, **credentials):
        """Every look at a password goes through here: signing in, and asking for it again. Throttled; see `sign_in`."""
        try:
            attempt = sign_in.begin(
                request, str(credentials.get("username") or credentials.get("email") or "")
            )
        except sign_in.TooManyTries as refusal:
            raise ValidationError(refusal.sentence, code=TOO_MANY_TRIES) from None
        user = super().authenticate(request, **credentials)
        if user:
            attempt.succeeded()
        return user
