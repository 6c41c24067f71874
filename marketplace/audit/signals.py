"""Records sign-ins at any endpoint, and failed attempts."""

from marketplace.accounts.models import User
from marketplace.accounts.sign_in import network_of
from marketplace.audit.actions import record


def record_login(sender, request, user, **kwargs):
    record(user, "login", user)


def record_failed_login(sender, credentials, request=None, **kwargs):
    """Against the account that was tried. A name that is no account's is not kept: people type passwords there."""
    system = User.objects.system("sign-in")
    account = User.objects.filter(
        username=credentials.get("username") or "", is_system=False
    ).first()
    address = network_of(request.META.get("REMOTE_ADDR", "")) if request is not None else "unknown"
    reason = (
        "wrong password"
        if account and account.is_active
        else "account is not active"
        if account
        else "no such account"
    )
    record(system, "login.failed", account or system, reason=reason, address=address)
