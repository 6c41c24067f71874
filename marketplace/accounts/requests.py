"""Requests as pages and the API get them: somebody is signed in, as LoginRequiredMiddleware and the API's defaults see to."""

from django.http import HttpRequest
from django_htmx.middleware import HtmxDetails
from rest_framework.request import Request

from marketplace.accounts.models import User


class PageRequest(HttpRequest):
    """A page's request; `htmx` is true when a part of the page is asked for."""

    user: User
    htmx: HtmxDetails


class ApiRequest(Request):
    """An API request."""

    user: User
