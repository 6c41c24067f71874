"""How people come in: nobody signs up; the organisation makes accounts (SSO comes through allauth's providers)."""

import logging
from smtplib import SMTPException

from allauth.account.adapter import DefaultAccountAdapter

from marketplace.lib.errors import NotSent

log = logging.getLogger(__name__)


class ClosedSignup(DefaultAccountAdapter):
    """allauth's adapter; a letter that cannot be sent is an answer, and never tells whether there is such an account."""

    def send_mail(self, template_prefix, email, context):
        try:
            super().send_mail(template_prefix, email, context)
        except (OSError, SMTPException) as error:
            log.error("a letter could not be sent: %s", error)
            raise NotSent("The letter could not be sent.", remedy="Try again later.", ask="the operators for a new password") from error

    def is_open_for_signup(self, request):
        return False
