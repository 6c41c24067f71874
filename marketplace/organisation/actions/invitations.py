"""Verb of invitations: a letter with which somebody chooses their first password (docs/people.md, "The first sign-in")."""

import logging
from smtplib import SMTPException

from allauth.account.forms import default_token_generator
from allauth.account.utils import user_pk_to_url_str
from django.conf import settings
from django.core.mail import EmailMessage
from django.db import transaction
from django.template.loader import render_to_string
from django.urls import reverse

from marketplace.accounts.models import User
from marketplace.audit.actions import record
from marketplace.core.errors import NotSent, RuleError
from marketplace.core.guard import require
from marketplace.organisation.permissions import ADMINISTRATORS, can_administer

LOCAL = "django.contrib.auth.backends.ModelBackend"
log = logging.getLogger(__name__)


def has_local_passwords() -> bool:
    """Do people of this installation sign in with a password of the marketplace's own?"""
    return LOCAL in settings.AUTHENTICATION_BACKENDS


@transaction.atomic
def invite(by: User, person: User) -> User:
    """Send a person without a password the link of a forgotten one; it works once, and for three days. Returns the User.

    Raises NotAllowed, RuleError, NotSent when the mail server does not take it.
    """
    require(can_administer(by), *ADMINISTRATORS)
    if not has_local_passwords():
        raise RuleError(
            "People sign in with the company's own sign-in; nobody needs a password.",
            remedy="Tell them to sign in there.",
        )
    if person.is_system or not person.is_active or not person.email:
        raise RuleError(
            f"{person} is not active, or has no e-mail address.",
            remedy="Give the person an address, and activate them first.",
        )
    if person.has_usable_password():
        raise RuleError(
            f"{person} has a password.", remedy="They ask for a new one on the sign-in page."
        )
    record(by, "person.invite", person)
    _send(person)
    return person


def _send(person: User) -> None:
    uid, key = user_pk_to_url_str(person), default_token_generator.make_token(person)
    path = reverse("account_reset_password_from_key", kwargs={"uidb36": uid, "key": key})
    context = {"person": person, "address": f"{settings.PORTAL_URL}{path}"}
    text = render_to_string("organisation/mail/invitation.txt", context)
    try:
        EmailMessage("Your account of the model marketplace", text, to=[person.email]).send()
    except (OSError, SMTPException) as error:
        log.error("an invitation could not be sent: %s", error)
        raise NotSent(
            "The letter could not be sent.",
            remedy="Send it again from the person's page.",
            ask="the operators for the mail server",
        ) from error
