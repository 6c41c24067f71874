"""How people come in: nobody signs up; the organisation makes accounts (SSO comes through allauth's providers)."""

from allauth.account.adapter import DefaultAccountAdapter


class ClosedSignup(DefaultAccountAdapter):
    def is_open_for_signup(self, request):
        return False
