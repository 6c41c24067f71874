"""Every act of the API × a token with every scope: closed, unless it is listed here."""

import re

import pytest
from django.test import Client

from tests import factories
from tests.test_endpoint_permissions import methods, routes

pytestmark = pytest.mark.django_db
SAFE = {"get", "head", "options"}
OPEN = {
    ("api:model-list", "post"),
    ("api:model-detail", "patch"),
    ("api:model-detail", "put"),
    ("api:model-version-detail", "put"),
    ("api:model-version-publication", "post"),
    ("api:version-list", "post"),
    ("api:version-detail", "patch"),
    ("api:version-artifacts", "post"),
    ("api:version-card", "patch"),
    ("api:version-columns", "put"),
    ("api:version-confirm-names", "post"),
    ("api:version-contract-diff", "post"),
    ("api:version-endpoint", "put"),
    ("api:version-interface", "put"),
    ("api:version-number", "put"),
    ("api:version-publish", "post"),
    ("api:version-risk", "put"),
    ("api:version-sla", "put"),
    ("api:version-submit", "post"),
    ("api:version-trial", "post"),
    ("api:evaluation-list", "post"),
    ("api:evaluation-run-list", "post"),
    ("api:amendment-list", "post"),
    ("api:amendment-withdraw", "post"),
    ("api:plan-list", "post"),
    ("api:application-list", "post"),
    ("api:subscription-list", "post"),
    ("api:key-list", "post"),
    ("api:key-networks", "put"),
    ("api:key-resume", "post"),
    ("api:key-revoke", "post"),
    ("api:key-rotate", "post"),
    ("api:token-revoke", "post"),
    ("api:try-list", "post"),
    ("api:batch-evaluation-list", "post"),
    ("api:batch-evaluation-cancel", "post"),
    ("api:batch-evaluation-delete-rows", "delete"),
    ("api:batch-evaluation-map", "put"),
    ("api:batch-evaluation-share", "post"),
    ("api:batch-evaluation-start", "post"),
    ("api:search-record-list", "post"),
    ("api:search-record-reasons", "post"),
}


def address(pattern):
    """An address of the route; nothing has to be there, because the scope is asked first."""
    path = re.sub(r"\(\?P<\w+>[^)]*\)", "9" * 8, str(pattern.pattern))
    return f"/api/v1/{path.strip('^$')}"


def test_what_a_token_may_do_is_listed():
    _, text = factories.token(scopes=["publish", "evaluate", "keys", "try", "subscribe", "read"])
    client = Client(headers={"Authorization": f"Bearer {text}"})
    opened = set()
    for name, pattern in routes():
        for method in set(methods(pattern)) - SAFE if name.startswith("api:") else ():
            answer = getattr(client, method)(address(pattern), {}, content_type="application/json")
            is_closed = answer.status_code == 403 and "No token" in answer.json()["detail"]
            assert answer.status_code in (201, 400, 403, 404, 415, 422), (name, answer.content)
            if not is_closed:
                opened.add((name, method))
    assert opened == OPEN


def test_a_token_with_the_scope_read_does_no_act():
    _, text = factories.token(scopes=["read"])
    client = Client(headers={"Authorization": f"Bearer {text}"})
    for name, pattern in routes():
        for method in set(methods(pattern)) - SAFE if name.startswith("api:") else ():
            if (name, method) != ("api:version-contract-diff", "post"):
                answer = getattr(client, method)(
                    address(pattern), {}, content_type="application/json"
                )
                assert answer.status_code == 403, name
